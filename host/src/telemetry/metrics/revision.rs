//! What happened inside the services, by revision.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use holm_registry::ServiceName;
use holm_registry::settings::Limit;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::outgoing::{self, OutgoingMetrics};
use super::{lock, seconds};
use crate::fault::{Fault, FaultKind};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    service: String,
    revision: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FaultLabels {
    service: String,
    revision: u32,
    kind: &'static str,
    blame: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LimitLabels {
    service: String,
    revision: u32,
    limit: &'static str,
}

/// The families that every revision has a member in.
#[derive(Clone, Debug)]
pub(super) struct Families {
    invocations: Family<Labels, Counter>,
    faults: Family<FaultLabels, Counter>,
    limit_hits: Family<LimitLabels, Counter>,
    duration: Family<Labels, Histogram>,
    in_flight: Family<Labels, Gauge>,
    instances: Family<Labels, Gauge>,
    outgoing: outgoing::Families,
}

/// The numbers of one revision. All methods are cheap and may be called from anywhere.
#[derive(Debug)]
pub struct RevisionMetrics {
    /// On the way to the outside.
    pub outgoing: OutgoingMetrics,
    labels: Labels,
    invocations: Counter,
    /// Only the kinds that happened; most revisions never show one.
    faults: Mutex<HashMap<FaultKind, Counter>>,
    fault_family: Family<FaultLabels, Counter>,
    /// Only the limits that were met.
    limit_hits: Mutex<HashMap<Limit, Counter>>,
    limit_family: Family<LimitLabels, Counter>,
    duration: Histogram,
    in_flight: Gauge,
    instances: Gauge,
}

impl Families {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let families = Self {
            invocations: Family::default(),
            faults: Family::default(),
            limit_hits: Family::default(),
            duration: Family::new_with_constructor(|| Histogram::new(seconds())),
            in_flight: Family::default(),
            instances: Family::default(),
            outgoing: outgoing::Families::register(registry),
        };
        registry.register("holm_invocations", "Entries into a service's components", families.invocations.clone());
        registry.register("holm_faults", "Invocations that failed, by kind and blame", families.faults.clone());
        let hits = "Times that a limit refused, cut or dropped something";
        registry.register("holm_limit_hits", hits, families.limit_hits.clone());
        registry.register_with_unit(
            "holm_invocation_duration",
            "Time from the permit to the end of the invocation",
            Unit::Seconds,
            families.duration.clone(),
        );
        registry.register("holm_in_flight", "Invocations under way", families.in_flight.clone());
        registry.register("holm_instances", "Living instances, idle ones included", families.instances.clone());
        families
    }

    pub(super) fn resolve(&self, service: &ServiceName, revision: u32) -> RevisionMetrics {
        let labels = Labels { service: service.to_string(), revision };
        RevisionMetrics {
            outgoing: self.outgoing.resolve(service.as_str(), revision),
            invocations: self.invocations.get_or_create_owned(&labels),
            faults: Mutex::default(),
            fault_family: self.faults.clone(),
            limit_hits: Mutex::default(),
            limit_family: self.limit_hits.clone(),
            duration: self.duration.get_or_create_owned(&labels),
            in_flight: self.in_flight.get_or_create_owned(&labels),
            instances: self.instances.get_or_create_owned(&labels),
            labels,
        }
    }

    pub(super) fn forget(&self, gone: &RevisionMetrics) {
        self.invocations.remove(&gone.labels);
        self.duration.remove(&gone.labels);
        self.in_flight.remove(&gone.labels);
        self.instances.remove(&gone.labels);
        self.outgoing.forget(&gone.outgoing);
        for kind in lock(&gone.faults).keys() {
            self.faults.remove(&gone.fault_labels(*kind));
        }
        for limit in lock(&gone.limit_hits).keys() {
            self.limit_hits.remove(&gone.limit_labels(*limit));
        }
    }
}

impl RevisionMetrics {
    /// An invocation has begun.
    pub fn started(&self) {
        self.invocations.inc();
        self.in_flight.inc();
    }

    /// It has ended, well or not.
    pub fn finished(&self, took: Duration) {
        self.in_flight.dec();
        self.duration.observe(took.as_secs_f64());
    }

    /// It ended badly, or never began (overload). Call [`finished`](Self::finished) too if it had begun.
    pub fn fault(&self, fault: &Fault) {
        let new = || self.fault_family.get_or_create_owned(&self.fault_labels(fault.kind));
        lock(&self.faults).entry(fault.kind).or_insert_with(new).inc();
        if let Some(limit) = fault.limit {
            self.limit_hit(limit);
        }
    }

    /// A limit has refused, cut or dropped something. A fault that names its limit counts itself.
    pub fn limit_hit(&self, limit: Limit) {
        let new = || self.limit_family.get_or_create_owned(&self.limit_labels(limit));
        lock(&self.limit_hits).entry(limit).or_insert_with(new).inc();
    }

    /// How often a limit was met since the host started.
    pub fn limit_hits(&self, limit: Limit) -> u64 {
        lock(&self.limit_hits).get(&limit).map_or(0, |counter| counter.get())
    }

    /// An instance was made.
    pub fn instance_made(&self) {
        self.instances.inc();
    }

    /// An instance was dropped.
    pub fn instance_dropped(&self) {
        self.instances.dec();
    }

    /// Invocations since the host started.
    pub fn invocations(&self) -> u64 {
        self.invocations.get()
    }

    /// Faults since the host started.
    pub fn faults(&self) -> u64 {
        lock(&self.faults).values().map(|counter| counter.get()).sum()
    }

    /// Invocations under way.
    pub fn in_flight(&self) -> u64 {
        u64::try_from(self.in_flight.get()).unwrap_or(0)
    }

    /// Living instances.
    pub fn instances(&self) -> u64 {
        u64::try_from(self.instances.get()).unwrap_or(0)
    }

    fn limit_labels(&self, limit: Limit) -> LimitLabels {
        let Labels { service, revision } = self.labels.clone();
        LimitLabels { service, revision, limit: limit.name() }
    }

    fn fault_labels(&self, kind: FaultKind) -> FaultLabels {
        let Labels { service, revision } = self.labels.clone();
        FaultLabels { service, revision, kind: kind.name(), blame: kind.blame().name() }
    }
}
