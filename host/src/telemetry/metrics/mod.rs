//! Numbers about the host, in the OpenMetrics text format.
//!
//! | file | question it answers |
//! | --- | --- |
//! | `revision` | what happened inside the services, by revision? |
//! | `calls` | what became of the calls from service to service? |
//! | `latency` | how long did they take? |
//! | `discovery` | how do services do that are not Wasm? |
//! | `events` | what became of events, by subscription? |
//! | `nats` | how does it go with the broker? |
//! | `route` | what did clients outside see, by route? |
//! | `outgoing` | what were services denied on their way to the outside? |
//! | `compile` | what did compiling take, and what was refused? |
//! | `places` | how much room do instances take, and is kept for them? |
//! | `process` | what does the process itself use? |
//!
//! Labels are looked up when a revision goes live or a route is published, not for each request:
//! the hot path holds an [`Arc`] whose fields it increments. No label ever holds a raw path, a
//! user or anything else that a client can make up, and the series of a revision that is
//! forgotten disappear.

mod calls;
mod compile;
mod discovery;
mod events;
mod latency;
mod nats;
mod outgoing;
mod places;
mod process;
mod revision;
mod route;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use holm_registry::ServiceName;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

pub use calls::{CallMetrics, CallOutcome};
pub use compile::CompileMetrics;
pub use discovery::{DiscoveryMetrics, Instances};
pub use events::{EventMetrics, EventOutcome};
pub use nats::NatsMetrics;
pub use places::PlaceMetrics;
pub use revision::RevisionMetrics;
pub use route::RouteMetrics;

/// The content type of [`Metrics::encode`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All numbers of this host.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    compile: CompileMetrics,
    places: PlaceMetrics,
    process: process::Process,
    revisions: revision::Families,
    routes: route::Series,
    calls: calls::Families,
    discovery: Arc<DiscoveryMetrics>,
    events: events::Families,
    nats: NatsMetrics,
    swaps: Family<ServiceLabel, Counter>,
    live: Mutex<HashMap<(ServiceName, u32), Arc<RevisionMetrics>>>,
    published: Mutex<HashMap<Rule, Arc<RouteMetrics>>>,
    /// By caller and target.
    called: Mutex<HashMap<(ServiceName, String), Arc<CallMetrics>>>,
    /// By service and subscription.
    subscribed: Mutex<HashMap<(ServiceName, String), Arc<EventMetrics>>>,
}

/// A pattern and the service that it leads to.
type Rule = (String, Option<ServiceName>);

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ServiceLabel {
    service: String,
}

impl Metrics {
    /// Registers every family.
    pub fn new() -> Self {
        let mut registry = Registry::default();
        let compile = CompileMetrics::register(&mut registry);
        let places = PlaceMetrics::register(&mut registry);
        let process = process::Process::register(&mut registry);
        let revisions = revision::Families::register(&mut registry);
        let routes = route::Series::register(&mut registry);
        let calls = calls::Families::register(&mut registry);
        let discovery = Arc::new(DiscoveryMetrics::register(&mut registry));
        let events = events::Families::register(&mut registry);
        let nats = NatsMetrics::register(&mut registry);
        let swaps = Family::default();
        registry.register("holm_swaps", "Revisions that went live in place of another", swaps.clone());
        let (live, published, called, subscribed) = Default::default();
        Self {
            registry,
            compile,
            places,
            process,
            revisions,
            routes,
            calls,
            discovery,
            events,
            nats,
            swaps,
            live,
            published,
            called,
            subscribed,
        }
    }

    /// The numbers of one revision. Fetch them once, when the revision is made.
    pub fn revision(&self, service: &ServiceName, revision: u32) -> Arc<RevisionMetrics> {
        let mut live = lock(&self.live);
        let new = || Arc::new(self.revisions.resolve(service, revision));
        live.entry((service.clone(), revision)).or_insert_with(new).clone()
    }

    /// The numbers of the compiler.
    pub fn compile(&self) -> &CompileMetrics {
        &self.compile
    }

    /// The numbers of the places for instances.
    pub fn places(&self) -> &PlaceMetrics {
        &self.places
    }

    /// The numbers of services that are not Wasm.
    pub fn discovery(&self) -> &Arc<DiscoveryMetrics> {
        &self.discovery
    }

    /// The numbers of one gateway rule: its pattern and the service it leads to. Fetch them once,
    /// when the rules are published. `None` is for requests that reach no service.
    pub fn route(&self, pattern: &str, service: Option<&ServiceName>) -> Arc<RouteMetrics> {
        let mut published = lock(&self.published);
        let new = || Arc::new(self.routes.resolve(pattern, service));
        published.entry((pattern.to_owned(), service.cloned())).or_insert_with(new).clone()
    }

    /// The numbers of the calls from one service to one target. Fetch them once, when a revision
    /// of the caller is linked.
    pub fn calls(&self, caller: &ServiceName, target: &str) -> Arc<CallMetrics> {
        let mut called = lock(&self.called);
        let new = || Arc::new(self.calls.resolve(caller, target));
        called.entry((caller.clone(), target.to_owned())).or_insert_with(new).clone()
    }

    /// The numbers of one subscription. Fetch them once, when it is attached.
    pub fn events(&self, service: &ServiceName, subscription: &str) -> Arc<EventMetrics> {
        let mut subscribed = lock(&self.subscribed);
        let new = || Arc::new(self.events.resolve(service, subscription));
        subscribed.entry((service.clone(), subscription.to_owned())).or_insert_with(new).clone()
    }

    /// Drops the series of a subscription that has ended.
    pub fn forget_events(&self, service: &ServiceName, subscription: &str) {
        self.forget_events_if(|owner, name| owner == service && name == subscription);
    }

    fn forget_events_if(&self, is_gone: impl Fn(&ServiceName, &str) -> bool) {
        lock(&self.subscribed).retain(|(service, name), events| {
            let gone = is_gone(service, name);
            if gone {
                self.events.forget(events);
            }
            !gone
        });
    }

    /// The numbers of the connection to NATS.
    pub fn nats(&self) -> &NatsMetrics {
        &self.nats
    }

    /// A revision of this service took the place of another.
    pub fn swapped(&self, service: &ServiceName) {
        self.swaps.get_or_create(&service_label(service)).inc();
    }

    /// Drops the series of a revision that is gone, and of rules and calls that nobody holds any more.
    pub fn forget(&self, service: &ServiceName, revision: u32) {
        if let Some(gone) = lock(&self.live).remove(&(service.clone(), revision)) {
            self.revisions.forget(&gone);
        }
        lock(&self.published).retain(|_, route| {
            if route.leads_to(service) {
                route.forget(revision);
            }
            Arc::strong_count(route) > 1 || !route.is_unused()
        });
        self.forget_calls(|caller, calls| caller == service && Arc::strong_count(calls) == 1);
    }

    fn forget_calls(&self, is_gone: impl Fn(&ServiceName, &Arc<CallMetrics>) -> bool) {
        lock(&self.called).retain(|(caller, _), calls| {
            let gone = is_gone(caller, calls);
            if gone {
                self.calls.forget(calls);
            }
            !gone
        });
    }

    /// Drops every series of a service that was removed.
    pub fn forget_service(&self, service: &ServiceName) {
        let revisions: Vec<u32> =
            lock(&self.live).keys().filter(|(name, _)| name == service).map(|(_, number)| *number).collect();
        for revision in revisions {
            self.forget(service, revision);
        }
        self.forget_calls(|caller, _| caller == service);
        self.forget_events_if(|owner, _| owner == service);
        self.swaps.remove(&service_label(service));
    }

    /// Everything as text, of the type [`CONTENT_TYPE`].
    pub fn encode(&self) -> String {
        self.process.update();
        let mut text = String::new();
        // Writing into a `String` cannot fail, and neither do our labels.
        let _infallible = text::encode(&mut text, &self.registry);
        text
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

fn service_label(service: &ServiceName) -> ServiceLabel {
    ServiceLabel { service: service.to_string() }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Upper bounds in seconds, from a warm call inside the process to the longest timeouts in use:
/// three steps per decade keep quantiles readable at a fifth of the series of finer ones.
fn seconds() -> impl Iterator<Item = f64> {
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0].into_iter()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use holm_registry::settings::Limit;
    use http::Method;

    use super::*;
    use crate::fault::{Fault, FaultKind};

    fn users() -> ServiceName {
        "users".parse().unwrap()
    }

    #[test]
    fn what_a_revision_did_is_missing_from_the_metrics() {
        let metrics = Metrics::new();
        let first = metrics.revision(&users(), 1);
        first.started();
        first.started();
        first.finished(Duration::from_millis(2));
        first.fault(&Fault::new(FaultKind::Trap, "unreachable"));
        first.fault(&Fault::over(Limit::Cpu, "is used up"));
        first.limit_hit(Limit::LogRate);
        first.outgoing.denied("grant");
        metrics.swapped(&users());
        let text = metrics.encode();
        for line in [
            r#"holm_invocations_total{service="users",revision="1"} 2"#,
            r#"holm_in_flight{service="users",revision="1"} 1"#,
            r#"holm_faults_total{service="users",revision="1",kind="trap",blame="guest"} 1"#,
            r#"holm_faults_total{service="users",revision="1",kind="limit",blame="guest"} 1"#,
            r#"holm_limit_hits_total{service="users",revision="1",limit="limits.cpu"} 1"#,
            r#"holm_limit_hits_total{service="users",revision="1",limit="limits.log_rate"} 1"#,
            r#"holm_invocation_duration_seconds_count{service="users",revision="1"} 1"#,
            r#"holm_outgoing_denied_total{service="users",revision="1",reason="grant"} 1"#,
            r#"holm_swaps_total{service="users"} 1"#,
            "holm_build_info{version=",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        assert_eq!((first.invocations(), first.faults(), first.in_flight()), (2, 2, 1));
        assert_eq!((first.limit_hits(Limit::Cpu), first.limit_hits(Limit::Memory)), (1, 0));
    }

    #[test]
    fn series_of_forgotten_revisions_stay_for_ever() {
        let metrics = Metrics::new();
        let route = metrics.route("/api/users/{*rest}", Some(&users()));
        for revision in 1..=2 {
            metrics.revision(&users(), revision).started();
            metrics.revision(&users(), revision).limit_hit(Limit::Memory);
            metrics.revision(&users(), revision).outgoing.denied("grant");
            route.observe(&Method::GET, 200, revision, Duration::from_millis(1));
        }
        metrics.forget(&users(), 1);
        let text = metrics.encode();
        assert!(!text.contains(r#"revision="1""#), "{text}");
        assert!(text.contains(r#"revision="2""#), "{text}");
        drop(route);
        metrics.forget_service(&users());
        let text = metrics.encode();
        assert!(!text.contains("users"), "{text}");
        assert!(lock(&metrics.published).is_empty());
    }

    #[test]
    fn a_made_up_method_makes_a_new_series() {
        let metrics = Metrics::new();
        let route = metrics.route("unmatched", None);
        for method in ["GET", "BREW", "WHEN"] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            route.observe(&method, 404, 0, Duration::from_micros(10));
        }
        let text = metrics.encode();
        let expected = r#"http_server_request_duration_seconds_count{method="_OTHER",route="unmatched",status="404",service="",revision=""} 2"#;
        assert!(text.contains(expected), "{text}");
        assert!(!text.contains("BREW"));
    }
}
