//! From what the user wrote to what the host works with: defaults filled in, names resolved, parts
//! checked against each other.

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::raw::{RawDefaults, RawInstances, RawLimits, RawManifest, RawRoute, RawService};
use super::section::Reader;
use super::{ComponentSource, DEFAULT_APP, Manifest, ServiceSpec, outside};
use crate::name::ServiceName;
use crate::nearest::nearest;
use crate::route::{Origin, PathPattern, Rewrite, RouteSpec, Target, check_timeout};
use crate::settings::{Instances, Limits, Settings};

/// Everything that the checks look at besides what they check.
pub(super) struct Checker<'a> {
    pub(super) reader: &'a Reader<'a>,
    /// The file again, to find the place of a setting by its path.
    pub(super) table: &'a DeTable<'a>,
    /// Component paths are relative to this folder.
    pub(super) base: &'a Path,
}

impl Checker<'_> {
    /// Checks all. What is wrong is reported to the reader and left out of the result, which the
    /// caller then throws away.
    pub(super) fn check(&self, raw: RawManifest) -> Manifest {
        let app = raw.app.map_or_else(|| DEFAULT_APP.to_owned(), |name| name.to_string());
        self.check_defaults(&raw.defaults);
        let names: Vec<String> = raw.services.iter().map(|service| service.key.get_ref().clone()).collect();
        let externals = outside::externals(self.reader, raw.externals, &names);
        let outside = externals.iter().map(|external| external.name.to_string());
        let targets: Vec<String> = names.into_iter().chain(outside).collect();
        let routes = self.routes(raw.routes, &targets, &app);
        let services = raw.services.into_iter().filter_map(|service| self.service(service, &raw.defaults)).collect();
        let nats = raw.nats.map(|nats| nats.below(self.base));
        let RawManifest { listen, admin, body_limit, require_signature, discovery, .. } = raw;
        Manifest { app, listen, admin, body_limit, require_signature, nats, services, discovery, externals, routes }
    }

    /// A bad default is wrong also while no service takes it over.
    fn check_defaults(&self, defaults: &RawDefaults) {
        let mut settings = Settings {
            timeout: defaults.timeout.unwrap_or(Settings::default().timeout),
            limits: merge_limits(&RawLimits::default(), &defaults.limits),
            ..Settings::default()
        };
        defaults.all_calls.apply(&mut settings);
        self.check_settings(&settings, "defaults", &(0..0));
    }

    fn service(&self, raw: RawService, defaults: &RawDefaults) -> Option<(ServiceName, ServiceSpec)> {
        let settings = settings(&raw, defaults);
        self.check_settings(&settings, &format!("service.{}", raw.key.get_ref()), &raw.key.span());
        let component = match raw.component? {
            ComponentSource::Path(path) => ComponentSource::Path(self.base.join(path)),
            digest @ ComponentSource::Digest(_) => digest,
        };
        Some((raw.name?, ServiceSpec { component, version: raw.version?, settings }))
    }

    /// Points at the setting where it was written: at the section, else at the defaults, else
    /// (a bound between two settings, one of them a default) at the section's name.
    fn check_settings(&self, settings: &Settings, section: &str, name: &Range<usize>) {
        let problems = settings.check().err().map(|error| error.problems).unwrap_or_default();
        for problem in problems {
            let place = |section: &str| find(self.table, &format!("{section}.{}", problem.field));
            let span = place(section).or_else(|| place("defaults")).unwrap_or_else(|| name.clone());
            self.reader.report(span, problem.message, problem.help);
        }
    }

    fn routes(&self, raw: Vec<RawRoute>, names: &[String], app: &str) -> Vec<RouteSpec> {
        let routes = raw.into_iter().filter_map(|route| self.route(route, names, app));
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
    fn route(&self, raw: RawRoute, names: &[String], app: &str) -> Option<Spanned<RouteSpec>> {
        if let (Some(path), Some(rewrite)) = (&raw.path, &raw.rewrite) {
            self.check_rewrite(path.get_ref(), rewrite);
        }
        if let Some(timeout) = &raw.timeout {
            self.check_timeout(timeout);
        }
        if let Some(service) = &raw.service {
            self.check_target(service, names);
        }
        let (path, methods, service) = (raw.path?, raw.methods?, raw.service?);
        let span = path.span();
        let route = RouteSpec {
            host: raw.host,
            path: path.into_inner(),
            methods,
            rewrite: raw.rewrite.map(Spanned::into_inner),
            target: Target::Service(service.into_inner()),
            timeout: raw.timeout.map(Spanned::into_inner),
            body_limit: raw.body_limit,
            origin: Origin::Manifest(app.to_owned()),
        };
        Some(Spanned::new(span, route))
    }

    fn check_rewrite(&self, path: &PathPattern, rewrite: &Spanned<Rewrite>) {
        if let Err(error) = rewrite.get_ref().check(path) {
            let help = "a rewrite puts in what the path captured, as `/{rest}` for `/users/{*rest}`";
            self.reader.report(rewrite.span(), error.to_string(), help.to_owned());
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
    fn check_target(&self, service: &Spanned<ServiceName>, names: &[String]) {
        let wanted = service.get_ref().as_str();
        if names.iter().any(|name| name == wanted) {
            return;
        }
        let help = match nearest(wanted, names.iter().map(String::as_str)) {
            Some(name) => format!("did you mean `{name}`?"),
            None => {
                format!("add `[service.{wanted}]` or an `[[external]]` of this name, or name a service that is there")
            }
        };
        self.reader.report(service.span(), format!("this manifest has no service `{wanted}`"), help);
    }
}

/// Where the value of a dotted path stands.
fn find(table: &DeTable<'_>, path: &str) -> Option<Range<usize>> {
    let (key, rest) = first_key(path);
    let value = table.get(key)?;
    match (rest, value.get_ref()) {
        (None, _) => Some(value.span()),
        (Some(rest), DeValue::Table(table)) => find(table, rest),
        (Some(rest), DeValue::Array(items)) => find_in(items, rest),
        (Some(_), _) => None,
    }
}

/// The same in one of several tables, whose number comes first.
fn find_in(items: &DeArray<'_>, path: &str) -> Option<Range<usize>> {
    let (number, rest) = first_key(path);
    let table = items.get(number.parse::<usize>().ok()?)?;
    find(table.get_ref().as_table()?, rest?).or_else(|| Some(table.span()))
}

/// The first key of a dotted path and what follows it. A key that has dots itself is in quotes.
fn first_key(path: &str) -> (&str, Option<&str>) {
    if let Some((key, rest)) = path.strip_prefix('"').and_then(|path| path.split_once('"')) {
        return (key, rest.strip_prefix('.'));
    }
    path.split_once('.').map_or((path, None), |(key, rest)| (key, Some(rest)))
}

/// A service's own values, else those of `[defaults]`, else those of [`Settings::default`].
fn settings(raw: &RawService, defaults: &RawDefaults) -> Settings {
    let base = Settings::default();
    let mut settings = Settings {
        isolation: raw.isolation,
        reuse: raw.reuse.unwrap_or(base.reuse),
        instances: instances(&raw.instances),
        timeout: raw.timeout.or(defaults.timeout).unwrap_or(base.timeout),
        limits: merge_limits(&raw.limits, &defaults.limits),
        health: raw.health.clone(),
        config: raw.config.clone(),
        grants: raw.grants.clone(),
        subscribe: raw.subscribe.clone(),
        ..base
    };
    defaults.all_calls.apply(&mut settings);
    raw.all_calls.apply(&mut settings);
    raw.calls.iter().for_each(|call| call.apply(&mut settings));
    settings
}

/// Asking for few instances asks for few warm ones: the default of `warm` gives way to `max`,
/// an explicit one is checked.
fn instances(raw: &RawInstances) -> Instances {
    let base = Instances::default();
    let max = raw.max.unwrap_or(base.max);
    Instances {
        max,
        concurrency: raw.concurrency.unwrap_or(base.concurrency),
        warm: raw.warm.unwrap_or(base.warm.min(max)),
        idle: raw.idle.unwrap_or(base.idle),
        growth: raw.growth.unwrap_or(base.growth),
    }
}

fn merge_limits(own: &RawLimits, shared: &RawLimits) -> Limits {
    let base = Limits::default();
    Limits {
        memory: own.memory.or(shared.memory).unwrap_or(base.memory),
        table_elements: own.table_elements.or(shared.table_elements).unwrap_or(base.table_elements),
        handles: own.handles.or(shared.handles).unwrap_or(base.handles),
        host_call: own.host_call.or(shared.host_call).unwrap_or(base.host_call),
        cpu: own.cpu.or(shared.cpu).unwrap_or(base.cpu),
        concurrency: own.concurrency.or(shared.concurrency).unwrap_or(base.concurrency),
        queue: own.queue.or(shared.queue).unwrap_or(base.queue),
        queue_wait: own.queue_wait.or(shared.queue_wait).unwrap_or(base.queue_wait),
        request_body: own.request_body.or(shared.request_body).unwrap_or(base.request_body),
        response_body: own.response_body.or(shared.response_body).unwrap_or(base.response_body),
        response_head: own.response_head.or(shared.response_head).unwrap_or(base.response_head),
        response_headers: own.response_headers.or(shared.response_headers).unwrap_or(base.response_headers),
        keys: own.keys.or(shared.keys).unwrap_or(base.keys),
        state: own.state.or(shared.state).unwrap_or(base.state),
        value: own.value.or(shared.value).unwrap_or(base.value),
        log_rate: own.log_rate.or(shared.log_rate).unwrap_or(base.log_rate),
        outgoing: own.outgoing.or(shared.outgoing).unwrap_or(base.outgoing),
        outgoing_body: own.outgoing_body.or(shared.outgoing_body).unwrap_or(base.outgoing_body),
    }
}
