//! What clients outside see: `http_server_request_duration_seconds`, named and labelled as the
//! HTTP semantic conventions of OpenTelemetry have it.

use std::collections::HashMap;
use std::time::Duration;

use arc_swap::ArcSwap;
use holm_registry::ServiceName;
use http::Method;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::seconds;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    method: &'static str,
    route: String,
    status: u16,
    service: Option<String>,
    revision: Option<u32>,
}

/// The family, which every route takes its series from.
#[derive(Clone, Debug)]
pub(super) struct Series(Family<Labels, Histogram>);

/// What tells the series of one route apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    method: &'static str,
    status: u16,
    revision: u32,
}

/// The numbers of one gateway rule.
#[derive(Debug)]
pub struct RouteMetrics {
    pattern: String,
    service: Option<ServiceName>,
    family: Series,
    /// A route meets a handful of methods, statuses and revisions: read without a lock for every
    /// request, copied when a new one turns up.
    known: ArcSwap<HashMap<Key, Histogram>>,
}

impl Series {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let family = Family::new_with_constructor((|| Histogram::new(seconds())) as fn() -> Histogram);
        registry.register_with_unit(
            "http_server_request_duration",
            "Time from the head of a request to the last byte of its answer",
            Unit::Seconds,
            family.clone(),
        );
        Self(family)
    }

    pub(super) fn resolve(&self, pattern: &str, service: Option<&ServiceName>) -> RouteMetrics {
        RouteMetrics {
            pattern: pattern.to_owned(),
            service: service.cloned(),
            family: self.clone(),
            known: ArcSwap::default(),
        }
    }
}

impl RouteMetrics {
    /// One request was answered. `revision` is ignored for a rule that leads to no service.
    pub fn observe(&self, method: &Method, status: u16, revision: u32, took: Duration) {
        let key = Key { method: method_label(method), status, revision };
        match self.known.load().get(&key) {
            Some(series) => series.observe(took.as_secs_f64()),
            None => self.learn(key).observe(took.as_secs_f64()),
        }
    }

    pub(super) fn leads_to(&self, service: &ServiceName) -> bool {
        self.service.as_ref() == Some(service)
    }

    pub(super) fn is_unused(&self) -> bool {
        self.known.load().is_empty()
    }

    /// Drops the series of one revision.
    pub(super) fn forget(&self, revision: u32) {
        for key in self.known.load().keys().filter(|key| key.revision == revision) {
            self.family.0.remove(&self.labels(*key));
        }
        self.known.rcu(|known| {
            let mut rest = HashMap::clone(known);
            rest.retain(|key, _| key.revision != revision);
            rest
        });
    }

    fn learn(&self, key: Key) -> Histogram {
        let series = self.family.0.get_or_create_owned(&self.labels(key));
        self.known.rcu(|known| {
            let mut more = HashMap::clone(known);
            more.insert(key, series.clone());
            more
        });
        series
    }

    fn labels(&self, key: Key) -> Labels {
        Labels {
            method: key.method,
            route: self.pattern.clone(),
            status: key.status,
            service: self.service.as_ref().map(ToString::to_string),
            revision: self.service.as_ref().map(|_| key.revision),
        }
    }
}

/// The method as a label. A client can make methods up, a label must not follow: `_OTHER`, as in
/// OpenTelemetry's `http.request.method`.
fn method_label(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        "CONNECT" => "CONNECT",
        "TRACE" => "TRACE",
        _ => "_OTHER",
    }
}
