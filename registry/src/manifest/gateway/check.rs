//! Rules and what they refer to, checked against each other and filled in.

use std::ops::Range;
use std::time::Duration;

use http::Method;
use toml::Spanned;

use super::RawGateway;
use super::policy::RawPolicy;
use super::route::{RawChain, RawRoute};
use crate::gateway::{AuthSettings, Chain, DoorLimits, GatewaySettings, Misfit, PartName, TlsSettings};
use crate::manifest::check::{Checker, find};
use crate::manifest::grpc::RawGrpc;
use crate::name::ServiceName;
use crate::nearest::nearest;
use crate::route::{Origin, PathPattern, Rewrite, RouteSpec, Target, check_timeout};
use crate::units::ByteSize;

/// `[gateway]`, checked.
pub(in crate::manifest) struct Gateway {
    pub(in crate::manifest) body_limit: Option<ByteSize>,
    pub(in crate::manifest) settings: GatewaySettings,
    pub(in crate::manifest) routes: Vec<RouteSpec>,
    pub(in crate::manifest) tls: Option<TlsSettings>,
    pub(in crate::manifest) limits: DoorLimits,
}

/// What rules are checked against.
struct Known<'a> {
    /// The services of the manifest.
    services: &'a [String],
    settings: &'a GatewaySettings,
    defaults: &'a (RawChain, RawPolicy),
    app: &'a str,
}

impl Checker<'_> {
    /// Checks `[gateway]` of an app with these services.
    /// `over_grpc` are those that get a rule without being named by one.
    pub(in crate::manifest) fn gateway(
        &self,
        raw: RawGateway,
        over_grpc: Vec<(ServiceName, &RawGrpc)>,
        services: &[String],
        app: &str,
    ) -> Gateway {
        let settings = self.shared(&raw);
        self.check_default_chain(&raw.defaults.0, &settings);
        let known = Known { services, settings: &settings, defaults: &raw.defaults, app };
        let mut routes: Vec<_> = raw.routes.into_iter().filter_map(|route| self.route(route, &known)).collect();
        routes.extend(over_grpc.into_iter().filter_map(|(service, grpc)| self.grpc_route(service, grpc, &known)));
        let routes = self.without_ties(routes);
        let tls = raw.tls.map(|tls| tls.below(self.base));
        let limits = raw.limits.map(|limits| self.limits(limits)).unwrap_or_default();
        Gateway { body_limit: raw.body_limit, settings, routes, tls, limits }
    }

    fn limits(&self, written: Spanned<DoorLimits>) -> DoorLimits {
        for problem in written.get_ref().problems() {
            let value = find(self.table, &format!("gateway.limits.{}", problem.field));
            self.reader.report(value.unwrap_or_else(|| written.span()), problem.message, problem.help);
        }
        written.into_inner()
    }

    fn shared(&self, raw: &RawGateway) -> GatewaySettings {
        let scheme = |written: &Spanned<(PartName, AuthSettings)>| {
            let (name, mut scheme) = written.get_ref().clone();
            scheme.resolve_files(self.base);
            (name, scheme)
        };
        let auth = raw.auth.iter().map(scheme).collect();
        let rate = raw.rate.iter().map(|rate| rate.get_ref().clone()).collect();
        let settings = GatewaySettings { auth, rate, trusted_proxies: raw.trusted_proxies.clone() };
        let auth = raw.auth.iter().map(|scheme| ("auth", &scheme.get_ref().0, scheme.span()));
        let rate = raw.rate.iter().map(|rate| ("rate", &rate.get_ref().0, rate.span()));
        let sections: Vec<_> = auth.chain(rate).collect();
        for problem in settings.problems() {
            let section = || sections.iter().find(|(kind, name, _)| is_below(&problem.field, kind, name.as_str()));
            let written = find(self.table, &format!("gateway.{}", problem.field));
            let span = written.or_else(|| section().map(|(_, _, span)| span.clone())).unwrap_or_default();
            self.reader.report(span, problem.message, problem.help);
        }
        settings
    }

    /// A bad default is wrong also while no rule takes it over.
    fn check_default_chain(&self, defaults: &RawChain, settings: &GatewaySettings) {
        for unknown in settings.unknown(&RawChain::default().over(defaults)) {
            self.report_misfit(unknown, defaults, None);
        }
    }

    fn without_ties(&self, routes: Vec<Spanned<RouteSpec>>) -> Vec<RouteSpec> {
        let mut kept: Vec<Spanned<RouteSpec>> = Vec::new();
        for route in routes {
            match kept.iter().find(|other| other.get_ref().conflicts_with(route.get_ref())) {
                Some(other) => self.report_tie(&route, other),
                None => kept.push(route),
            }
        }
        kept.into_iter().map(Spanned::into_inner).collect()
    }

    fn report_tie(&self, route: &Spanned<RouteSpec>, other: &Spanned<RouteSpec>) {
        let (line, path) = (self.reader.line(&other.span()), &other.get_ref().path);
        let message = format!(
            "this route and `{path}` on line {line} match the same requests: same host, same path but for its names, a method in common"
        );
        self.reader.report(route.span(), message, "remove one of them, or give them different methods".to_owned());
    }

    /// The span of a route is that of its path.
    fn route(&self, raw: RawRoute, known: &Known<'_>) -> Option<Spanned<RouteSpec>> {
        if let (Some(path), Some(rewrite)) = (&raw.path, &raw.rewrite) {
            self.check_rewrite(path.get_ref(), rewrite);
        }
        if let Some(timeout) = &raw.timeout {
            self.check_timeout(timeout);
        }
        if let Some(target) = &raw.target {
            self.check_target(target, known.services);
        }
        let (path, methods, target) = (raw.path?, raw.methods?, raw.target?);
        let span = path.span();
        let origin = Origin::Manifest(known.app.to_owned());
        let route = RouteSpec {
            host: raw.host,
            methods: methods_of(target.get_ref(), methods),
            rewrite: raw.rewrite.map(Spanned::into_inner),
            timeout: raw.timeout.map(Spanned::into_inner),
            body_limit: raw.body_limit,
            chain: raw.chain.over(&known.defaults.0),
            policy: raw.policy.over(&known.defaults.1),
            when: raw.when,
            ..RouteSpec::new(path.into_inner(), target.get_ref().clone(), origin)
        };
        let fallback = raw.policy.fallback();
        for target in std::iter::once(&target).chain(fallback) {
            match target.get_ref() {
                Target::Compose(plan) => self.check_plan(plan, &route, &target.span(), &raw.parts),
                other => self.check_alone(other, &route.path, target.span()),
            }
        }
        if let Some(fallback) = fallback {
            self.check_target(fallback, known.services);
        }
        for problem in route.policy.problems() {
            self.reader.report(span.clone(), problem.message, problem.help);
        }
        self.check_chain(&route.chain, &raw.chain, &span, known.settings);
        Some(Spanned::new(span, route))
    }

    /// The rule of a service that speaks gRPC: one for all its methods.
    fn grpc_route(&self, service: ServiceName, raw: &RawGrpc, known: &Known<'_>) -> Option<Spanned<RouteSpec>> {
        let span = raw.settings.span();
        if let Some(timeout) = &raw.timeout {
            self.check_timeout(timeout);
        }
        let path = format!("/{}/{{method}}", raw.settings.get_ref().service).parse().ok()?;
        let origin = Origin::Manifest(known.app.to_owned());
        let route = RouteSpec {
            methods: vec![Method::POST],
            timeout: raw.timeout.as_ref().map(|timeout| *timeout.get_ref()),
            chain: raw.chain.over(&known.defaults.0),
            ..RouteSpec::new(path, Target::Grpc(service), origin)
        };
        self.check_chain(&route.chain, &raw.chain, &span, known.settings);
        Some(Spanned::new(span, route))
    }

    /// What a rule has from the defaults and is not there is told there, once.
    fn check_chain(&self, chain: &Chain, written: &RawChain, rule: &Range<usize>, settings: &GatewaySettings) {
        for unknown in settings.unknown(chain) {
            self.report_misfit(unknown, written, None);
        }
        for misfit in settings.misfits(chain) {
            self.report_misfit(misfit, written, Some(rule));
        }
    }

    /// Points at the value where it was written, else at the rule.
    fn report_misfit(&self, misfit: Misfit, written: &RawChain, rule: Option<&Range<usize>>) {
        fn first<T>(names: &Option<Vec<Spanned<T>>>) -> Option<Range<usize>> {
            names.as_ref()?.first().map(Spanned::span)
        }
        let own = match misfit.key {
            "auth" => first(&written.auth),
            "rate" => first(&written.rate),
            "cors" => written.cors.iter().flatten().map(Spanned::span).next(),
            "request" => written.request.as_ref().map(Spanned::span),
            "response" => written.response.as_ref().map(Spanned::span),
            _ => first(&written.scopes),
        };
        if let Some(span) = own.or_else(|| rule.cloned()) {
            self.reader.report(span, misfit.message, misfit.help);
        }
    }

    fn check_rewrite(&self, path: &PathPattern, rewrite: &Spanned<Rewrite>) {
        if let Err(error) = rewrite.get_ref().check(path) {
            let help = "a rewrite puts in what the path captured, as `/{rest}` for `/users/{*rest}`";
            self.reader.report(rewrite.span(), error.to_string(), help.to_owned());
        }
    }

    fn check_alone(&self, target: &Target, path: &PathPattern, span: Range<usize>) {
        if let Err(error) = target.check(path) {
            let help = "correct the target, or take the rule away".to_owned();
            self.reader.report(span, error.to_string(), help);
        }
    }

    fn check_timeout(&self, timeout: &Spanned<Duration>) {
        if let Err(error) = check_timeout(*timeout.get_ref()) {
            let help = "leave it away for the service's own timeout";
            self.reader.report(timeout.span(), error.to_string(), help.to_owned());
        }
    }

    /// A manifest is deployed as one set, so its rules may only lead to its own services, those
    /// outside included.
    fn check_target(&self, target: &Spanned<Target>, names: &[String]) {
        for wanted in target.get_ref().services().filter(|wanted| !names.iter().any(|name| name == wanted.as_str())) {
            self.report_unknown_service(&target.span(), wanted.as_str(), names);
        }
    }

    fn report_unknown_service(&self, at: &Range<usize>, wanted: &str, names: &[String]) {
        let help = match nearest(wanted, names.iter().map(String::as_str)) {
            Some(name) => format!("did you mean `{name}`?"),
            None => {
                format!("add `[service.{wanted}]` or an `[[external]]` of this name, or name a service that is there")
            }
        };
        self.reader.report(at.clone(), format!("this manifest has no service `{wanted}`"), help);
    }
}

/// A composition and a description are only read, so they take `GET` alone unless the rule says otherwise.
fn methods_of(target: &Target, written: Vec<Method>) -> Vec<Method> {
    match target {
        Target::Compose(_) | Target::OpenApi(_) if written.is_empty() => vec![Method::GET],
        _ => written,
    }
}

/// Whether a field, `auth.jwt.secret`, is one of the part `jwt`.
fn is_below(field: &str, kind: &str, name: &str) -> bool {
    let rest = field.strip_prefix(kind).and_then(|rest| rest.strip_prefix('.')?.strip_prefix(name));
    rest.is_some_and(|rest| rest.starts_with('.'))
}
