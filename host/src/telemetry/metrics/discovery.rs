//! Services that are not Wasm: how many instances there are, what their checks say, what requests to them come to.
//!
//! Their names are what manifests and clients say. There are never more of them than the directory holds, and what is
//! counted of a name goes with its last instance.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::lock;

/// So many instances of each service (by name) are in each state.
pub type Instances = BTreeMap<(String, &'static str), i64>;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabels {
    service: String,
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    service: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ServiceLabel {
    service: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabel {
    result: &'static str,
}

/// The numbers.
#[derive(Debug, Default)]
pub struct DiscoveryMetrics {
    instances: Family<StateLabels, Gauge>,
    checks: Family<ResultLabel, Counter>,
    requests: Family<OutcomeLabels, Counter>,
    ejections: Family<ServiceLabel, Counter>,
    series: Mutex<Series>,
}

/// Which series there are, to find those that have to go.
#[derive(Debug, Default)]
struct Series {
    instances: Instances,
    requests: BTreeSet<(String, &'static str)>,
    ejections: BTreeSet<String>,
}

impl DiscoveryMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let help =
            "Instances of services that are not Wasm, by the worst of their checks; `ejected` for failing requests";
        registry.register("holm_discovery_instances", help, metrics.instances.clone());
        registry.register("holm_discovery_checks", "Answers to checks, by what they came to", metrics.checks.clone());
        let help = "Requests to services that are not Wasm, as far as the instance is to blame";
        registry.register("holm_discovery_requests", help, metrics.requests.clone());
        let help = "Instances left out for failing requests one after the other";
        registry.register("holm_discovery_ejections", help, metrics.ejections.clone());
        metrics
    }

    /// A check was asked and came to this.
    pub fn checked(&self, result: &'static str) {
        self.checks.get_or_create(&ResultLabel { result }).inc();
    }

    /// A request has ended.
    pub fn requested(&self, service: &str, outcome: &'static str) {
        lock(&self.series).requests.insert((service.to_owned(), outcome));
        self.requests.get_or_create(&OutcomeLabels { service: service.to_owned(), outcome }).inc();
    }

    /// An instance was left out.
    pub fn ejected(&self, service: &str) {
        lock(&self.series).ejections.insert(service.to_owned());
        self.ejections.get_or_create(&ServiceLabel { service: service.to_owned() }).inc();
    }

    /// How many instances there are now. Of names that have none, nothing stays.
    pub fn show(&self, now: Instances) {
        let mut series = lock(&self.series);
        for (service, state) in series.instances.keys().filter(|key| !now.contains_key(*key)) {
            self.instances.remove(&StateLabels { service: service.clone(), state });
        }
        for ((service, state), count) in &now {
            self.instances.get_or_create(&StateLabels { service: service.clone(), state }).set(*count);
        }
        let names: BTreeSet<&str> = now.keys().map(|(service, _)| service.as_str()).collect();
        series.requests.retain(|(service, outcome)| {
            let stays = names.contains(service.as_str());
            if !stays {
                self.requests.remove(&OutcomeLabels { service: service.clone(), outcome });
            }
            stays
        });
        series.ejections.retain(|service| {
            let stays = names.contains(service.as_str());
            if !stays {
                self.ejections.remove(&ServiceLabel { service: service.clone() });
            }
            stays
        });
        series.instances = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::metrics::Metrics;

    #[test]
    fn what_clients_register_stays_in_the_metrics_for_ever() {
        let metrics = Metrics::new();
        let discovery = metrics.discovery();
        discovery.checked("critical");
        discovery.requested("users", "failed");
        discovery.requested("orders", "good");
        discovery.ejected("users");
        let of = |service: &str, state, count| ((service.to_owned(), state), count);
        discovery.show(Instances::from([
            of("users", "passing", 2),
            of("users", "ejected", 1),
            of("orders", "critical", 1),
        ]));
        let text = metrics.encode();
        for line in [
            r#"holm_discovery_instances{service="users",state="passing"} 2"#,
            r#"holm_discovery_instances{service="users",state="ejected"} 1"#,
            r#"holm_discovery_checks_total{result="critical"} 1"#,
            r#"holm_discovery_requests_total{service="users",outcome="failed"} 1"#,
            r#"holm_discovery_ejections_total{service="users"} 1"#,
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        discovery.show(Instances::from([of("orders", "passing", 1)]));
        let text = metrics.encode();
        assert!(!text.contains(r#"service="users""#), "{text}");
        assert!(text.contains(r#"holm_discovery_requests_total{service="orders",outcome="good"} 1"#), "{text}");
        assert!(!text.contains(r#"service="orders",state="critical""#), "{text}");
    }
}
