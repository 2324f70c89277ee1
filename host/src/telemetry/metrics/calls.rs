//! What became of the calls from one service to another, by caller and target.

use std::time::Duration;

use holm_registry::ServiceName;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::latency::Latency;

/// How a call ended, retries included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallOutcome {
    /// Well.
    Ok,
    /// The target answered, with an error of its interface or a status that blames the caller.
    Error,
    /// The target failed.
    Failed,
    /// No answer in time.
    Timeout,
    /// The breaker did not let it through.
    Open,
    /// As many calls as may be were under way.
    Full,
    /// The caller did not wait for the end.
    Cancelled,
}

impl CallOutcome {
    const ALL: [Self; 7] =
        [Self::Ok, Self::Error, Self::Failed, Self::Timeout, Self::Open, Self::Full, Self::Cancelled];

    /// As a label.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Error => "error",
            Self::Failed => "failed",
            Self::Timeout => "timeout",
            Self::Open => "open",
            Self::Full => "full",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether the caller did not get an answer and would have wanted one.
    fn is_failure(self) -> bool {
        matches!(self, Self::Failed | Self::Timeout | Self::Open | Self::Full)
    }
}

/// States of a breaker, as the gauge has them.
const STATES: [&str; 3] = ["closed", "half-open", "open"];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    caller: String,
    target: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    caller: String,
    target: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabels {
    caller: String,
    target: String,
    state: &'static str,
}

/// The families that every caller and target have a member in.
#[derive(Clone, Debug)]
pub(super) struct Families {
    calls: Family<OutcomeLabels, Counter>,
    duration: Family<Labels, Latency>,
    in_flight: Family<Labels, Gauge>,
    retries: Family<Labels, Counter>,
    fallbacks: Family<Labels, Counter>,
    state: Family<Labels, Gauge>,
    changes: Family<StateLabels, Counter>,
}

/// The numbers of one caller and target. All methods are cheap and may be called from anywhere.
#[derive(Debug)]
pub struct CallMetrics {
    labels: Labels,
    /// In the order of [`CallOutcome::ALL`], like the outcomes themselves.
    outcomes: [Counter; CallOutcome::ALL.len()],
    duration: Latency,
    in_flight: Gauge,
    retries: Counter,
    fallbacks: Counter,
    state: Gauge,
    /// In the order of [`STATES`].
    changes: [Counter; STATES.len()],
}

impl Families {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let families = Self {
            calls: Family::default(),
            duration: Family::default(),
            in_flight: Family::default(),
            retries: Family::default(),
            fallbacks: Family::default(),
            state: Family::default(),
            changes: Family::default(),
        };
        registry.register("holm_calls", "Calls from service to service, by how they ended", families.calls.clone());
        registry.register_with_unit(
            "holm_call_duration",
            "Time of a call as its caller sees it, retries included",
            Unit::Seconds,
            families.duration.clone(),
        );
        registry.register("holm_calls_in_flight", "Calls under way", families.in_flight.clone());
        registry.register("holm_retries", "Attempts after the first", families.retries.clone());
        registry.register("holm_fallbacks", "Failed calls that a fallback answered", families.fallbacks.clone());
        registry.register("holm_breaker_state", "0 closed, 1 half-open, 2 open", families.state.clone());
        registry.register("holm_breaker_changes", "Changes of a breaker, by its new state", families.changes.clone());
        families
    }

    pub(super) fn resolve(&self, caller: &ServiceName, target: &str) -> CallMetrics {
        let labels = Labels { caller: caller.to_string(), target: target.to_owned() };
        CallMetrics {
            outcomes: CallOutcome::ALL.map(|outcome| self.calls.get_or_create_owned(&labels.outcome(outcome))),
            duration: self.duration.get_or_create_owned(&labels),
            in_flight: self.in_flight.get_or_create_owned(&labels),
            retries: self.retries.get_or_create_owned(&labels),
            fallbacks: self.fallbacks.get_or_create_owned(&labels),
            state: self.state.get_or_create_owned(&labels),
            changes: STATES.map(|state| self.changes.get_or_create_owned(&labels.state(state))),
            labels,
        }
    }

    pub(super) fn forget(&self, gone: &CallMetrics) {
        let labels = &gone.labels;
        for outcome in CallOutcome::ALL {
            self.calls.remove(&labels.outcome(outcome));
        }
        for state in STATES {
            self.changes.remove(&labels.state(state));
        }
        self.duration.remove(labels);
        self.in_flight.remove(labels);
        self.retries.remove(labels);
        self.fallbacks.remove(labels);
        self.state.remove(labels);
    }
}

impl Labels {
    fn outcome(&self, outcome: CallOutcome) -> OutcomeLabels {
        OutcomeLabels { caller: self.caller.clone(), target: self.target.clone(), outcome: outcome.name() }
    }

    fn state(&self, state: &'static str) -> StateLabels {
        StateLabels { caller: self.caller.clone(), target: self.target.clone(), state }
    }
}

impl CallMetrics {
    /// A call has begun.
    pub fn started(&self) {
        self.in_flight.inc();
    }

    /// It has ended, after all its attempts.
    pub fn finished(&self, outcome: CallOutcome, took: Duration) {
        self.in_flight.dec();
        self.duration.observe(took);
        if let Some(counter) = self.outcomes.get(outcome as usize) {
            counter.inc();
        }
    }

    /// It is tried once more.
    pub fn retried(&self) {
        self.retries.inc();
    }

    /// Its fallback answered.
    pub fn fell_back(&self) {
        self.fallbacks.inc();
    }

    /// The breaker lets all calls through again.
    pub fn breaker_closed(&self) {
        self.breaker_turned(0);
    }

    /// The breaker lets one call through.
    pub fn breaker_half_open(&self) {
        self.breaker_turned(1);
    }

    /// The breaker refuses calls.
    pub fn breaker_opened(&self) {
        self.breaker_turned(2);
    }

    /// The breaker that counts now, where several have these numbers: 0 closed, 1 half-open, 2 open.
    pub fn breaker_is(&self, state: u32) {
        self.state.set(state.into());
    }

    fn breaker_turned(&self, state: u32) {
        self.state.set(state.into());
        if let Some(counter) = self.changes.get(state as usize) {
            counter.inc();
        }
    }

    /// Calls that have ended since the host started.
    pub fn calls(&self) -> u64 {
        self.outcomes.iter().map(Counter::get).sum()
    }

    /// Those among them that got no answer: failed, too late, refused.
    pub fn failures(&self) -> u64 {
        let counted = CallOutcome::ALL.into_iter().zip(&self.outcomes);
        counted.filter(|(outcome, _)| outcome.is_failure()).map(|(_, counter)| counter.get()).sum()
    }

    /// Calls that ended like this since the host started.
    pub fn ended(&self, outcome: CallOutcome) -> u64 {
        self.outcomes.get(outcome as usize).map_or(0, Counter::get)
    }

    /// The time that this share of all calls took at most since the host started.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        self.duration.quantile(share)
    }

    /// Calls under way.
    pub fn in_flight(&self) -> u64 {
        u64::try_from(self.in_flight.get()).unwrap_or(0)
    }

    /// Attempts after the first since the host started.
    pub fn retries(&self) -> u64 {
        self.retries.get()
    }

    /// Failed calls that a fallback answered since the host started.
    pub fn fallbacks(&self) -> u64 {
        self.fallbacks.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::metrics::Metrics;

    #[test]
    fn a_call_is_missing_from_the_metrics() {
        let (metrics, orders) = (Metrics::new(), "orders".parse().unwrap());
        let calls = metrics.calls(&orders, "shop:inventory/stock");
        for outcome in CallOutcome::ALL {
            calls.started();
            calls.finished(outcome, Duration::from_millis(2));
        }
        calls.started();
        calls.retried();
        calls.fell_back();
        calls.breaker_opened();
        let text = metrics.encode();
        for line in [
            r#"holm_calls_total{caller="orders",target="shop:inventory/stock",outcome="timeout"} 1"#,
            r#"holm_call_duration_seconds_count{caller="orders",target="shop:inventory/stock"} 7"#,
            r#"holm_calls_in_flight{caller="orders",target="shop:inventory/stock"} 1"#,
            r#"holm_retries_total{caller="orders",target="shop:inventory/stock"} 1"#,
            r#"holm_fallbacks_total{caller="orders",target="shop:inventory/stock"} 1"#,
            r#"holm_breaker_state{caller="orders",target="shop:inventory/stock"} 2"#,
            r#"holm_breaker_changes_total{caller="orders",target="shop:inventory/stock",state="open"} 1"#,
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        assert_eq!(
            (calls.calls(), calls.failures(), calls.in_flight(), calls.retries(), calls.fallbacks()),
            (7, 4, 1, 1, 1)
        );
        assert_eq!((calls.ended(CallOutcome::Open), calls.ended(CallOutcome::Full)), (1, 1));
    }

    #[test]
    fn an_outcome_is_counted_as_another() {
        for (at, outcome) in CallOutcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome as usize, at, "{}", outcome.name());
        }
    }

    #[test]
    fn calls_of_a_service_that_is_gone_stay_for_ever() {
        let (metrics, orders) = (Metrics::new(), "orders".parse().unwrap());
        let kept = metrics.calls(&orders, "a:b/c");
        metrics.calls(&orders, "a:b/dropped").fell_back();
        metrics.forget(&orders, 1);
        let text = metrics.encode();
        assert!(text.contains("a:b/c") && !text.contains("dropped"), "{text}");
        metrics.forget_service(&orders);
        assert!(!metrics.encode().contains("orders"), "{}", metrics.encode());
        drop(kept);
    }
}
