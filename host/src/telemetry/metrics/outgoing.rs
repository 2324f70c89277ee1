//! What services were denied on their way to the outside, by revision and reason.

use std::collections::HashMap;
use std::sync::Mutex;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use super::lock;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    service: String,
    revision: u32,
    reason: &'static str,
}

/// The family that every revision has members in.
#[derive(Clone, Debug, Default)]
pub(super) struct Families {
    denied: Family<Labels, Counter>,
}

/// The numbers of one revision.
#[derive(Debug)]
pub struct OutgoingMetrics {
    service: String,
    revision: u32,
    /// Only the reasons that there were; most revisions never show one.
    denied: Mutex<HashMap<&'static str, Counter>>,
    family: Family<Labels, Counter>,
}

impl Families {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let families = Self::default();
        let help = "Requests to the outside that a service was denied, by reason";
        registry.register("holm_outgoing_denied", help, families.denied.clone());
        families
    }

    pub(super) fn resolve(&self, service: &str, revision: u32) -> OutgoingMetrics {
        let service = service.to_owned();
        OutgoingMetrics { service, revision, denied: Mutex::default(), family: self.denied.clone() }
    }

    pub(super) fn forget(&self, gone: &OutgoingMetrics) {
        for reason in lock(&gone.denied).keys() {
            self.denied.remove(&gone.labels(reason));
        }
    }
}

impl OutgoingMetrics {
    /// A request was denied. The reason becomes a label: one of a few words.
    pub fn denied(&self, reason: &'static str) {
        let new = || self.family.get_or_create_owned(&self.labels(reason));
        lock(&self.denied).entry(reason).or_insert_with(new).inc();
    }

    fn labels(&self, reason: &'static str) -> Labels {
        Labels { service: self.service.clone(), revision: self.revision, reason }
    }
}
