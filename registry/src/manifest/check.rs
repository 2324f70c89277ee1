//! From what the user wrote to what the host works with: defaults filled in, names resolved, parts
//! checked against each other.

use std::ops::Range;
use std::path::Path;

use toml::de::{DeArray, DeTable, DeValue};

use super::gateway::Gateway;
use super::grpc;
use super::raw::{RawDefaults, RawInstances, RawLimits, RawManifest, RawService};
use super::section::Reader;
use super::{ComponentSource, DEFAULT_APP, Manifest, ServiceSpec, outside};
use crate::name::ServiceName;
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
        let over_grpc = raw.services.iter().filter_map(|service| Some((service.name.clone()?, service.grpc.as_ref()?)));
        let gateway = self.gateway(raw.gateway, over_grpc.collect(), &targets, &app);
        let services = raw.services.into_iter().filter_map(|service| self.service(service, &raw.defaults)).collect();
        let Gateway { body_limit, settings: gateway, routes, tls, limits } = gateway;
        let nats = raw.nats.map(|nats| nats.below(self.base));
        let RawManifest { listen, admin, grpc, require_signature, discovery, .. } = raw;
        Manifest {
            app,
            listen,
            admin,
            grpc,
            body_limit,
            require_signature,
            nats,
            services,
            discovery,
            externals,
            gateway,
            routes,
            tls,
            limits,
        }
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
        let mut settings = settings(&raw, defaults);
        settings.grpc = raw.grpc.as_ref().map(|grpc| grpc::below(self.base, grpc));
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
}

/// Where the value of a dotted path stands.
pub(super) fn find(table: &DeTable<'_>, path: &str) -> Option<Range<usize>> {
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
