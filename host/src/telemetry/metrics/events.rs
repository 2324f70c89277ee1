//! What became of events, by subscription.

use std::time::Duration;

use holm_registry::ServiceName;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::seconds;

/// How one delivery ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventOutcome {
    /// Handled.
    Acked,
    /// It had been handled before.
    Duplicate,
    /// Not handled: it comes again.
    Retried,
    /// Given up.
    Dead,
}

impl EventOutcome {
    const ALL: [Self; 4] = [Self::Acked, Self::Duplicate, Self::Retried, Self::Dead];

    /// As a label.
    pub fn name(self) -> &'static str {
        match self {
            Self::Acked => "acked",
            Self::Duplicate => "duplicate",
            Self::Retried => "retried",
            Self::Dead => "dead",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    service: String,
    subscription: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    service: String,
    subscription: String,
    outcome: &'static str,
}

/// The families that every subscription has a member in.
#[derive(Clone, Debug)]
pub(super) struct Families {
    delivered: Family<OutcomeLabels, Counter>,
    redelivered: Family<Labels, Counter>,
    waits: Family<Labels, Counter>,
    delay: Family<Labels, Histogram>,
    in_flight: Family<Labels, Gauge>,
    lag: Family<Labels, Gauge>,
}

/// The numbers of one subscription. All methods are cheap and may be called from anywhere.
#[derive(Debug)]
pub struct EventMetrics {
    labels: Labels,
    /// In the order of [`EventOutcome::ALL`], like the outcomes themselves.
    delivered: [Counter; EventOutcome::ALL.len()],
    redelivered: Counter,
    waits: Counter,
    delay: Histogram,
    in_flight: Gauge,
    lag: Gauge,
}

impl Families {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let families = Self {
            delivered: Family::default(),
            redelivered: Family::default(),
            waits: Family::default(),
            delay: Family::new_with_constructor(|| Histogram::new(seconds())),
            in_flight: Family::default(),
            lag: Family::default(),
        };
        let delivered = families.delivered.clone();
        registry.register("holm_events_delivered", "Deliveries of events, by how they ended", delivered);
        let redelivered = families.redelivered.clone();
        registry.register("holm_events_redelivered", "Deliveries after the first of an event", redelivered);
        let waits = families.waits.clone();
        registry.register("holm_event_waits", "Times that an event waited for a service that took nothing", waits);
        registry.register_with_unit(
            "holm_event_delay",
            "Time from an event's publication to the end of a delivery",
            Unit::Seconds,
            families.delay.clone(),
        );
        registry.register("holm_events_in_flight", "Deliveries under way", families.in_flight.clone());
        registry.register("holm_events_lag", "Events that wait for their first delivery", families.lag.clone());
        families
    }

    pub(super) fn resolve(&self, service: &ServiceName, subscription: &str) -> EventMetrics {
        let labels = Labels { service: service.to_string(), subscription: subscription.to_owned() };
        EventMetrics {
            delivered: EventOutcome::ALL.map(|outcome| self.delivered.get_or_create_owned(&labels.outcome(outcome))),
            redelivered: self.redelivered.get_or_create_owned(&labels),
            waits: self.waits.get_or_create_owned(&labels),
            delay: self.delay.get_or_create_owned(&labels),
            in_flight: self.in_flight.get_or_create_owned(&labels),
            lag: self.lag.get_or_create_owned(&labels),
            labels,
        }
    }

    pub(super) fn forget(&self, gone: &EventMetrics) {
        for outcome in EventOutcome::ALL {
            self.delivered.remove(&gone.labels.outcome(outcome));
        }
        self.redelivered.remove(&gone.labels);
        self.waits.remove(&gone.labels);
        self.delay.remove(&gone.labels);
        self.in_flight.remove(&gone.labels);
        self.lag.remove(&gone.labels);
    }
}

impl Labels {
    fn outcome(&self, outcome: EventOutcome) -> OutcomeLabels {
        let Self { service, subscription } = self.clone();
        OutcomeLabels { service, subscription, outcome: outcome.name() }
    }
}

impl EventMetrics {
    /// A delivery has begun; attempts count from 1.
    pub fn started(&self, attempt: u32) {
        self.in_flight.inc();
        if attempt > 1 {
            self.redelivered.inc();
        }
    }

    /// It has ended, so long after the event was published.
    pub fn finished(&self, outcome: EventOutcome, since_published: Duration) {
        self.in_flight.dec();
        self.delay.observe(since_published.as_secs_f64());
        if let Some(counter) = self.delivered.get(outcome as usize) {
            counter.inc();
        }
    }

    /// The service took nothing, and the event waits without losing an attempt.
    pub fn waited(&self) {
        self.waits.inc();
    }

    /// So many events wait for their first delivery.
    pub fn lag(&self, events: u64) {
        self.lag.set(i64::try_from(events).unwrap_or(i64::MAX));
    }

    /// Deliveries that ended so since the host started.
    pub fn delivered(&self, outcome: EventOutcome) -> u64 {
        self.delivered.get(outcome as usize).map_or(0, Counter::get)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::metrics::Metrics;

    #[test]
    fn an_event_is_missing_from_the_metrics() {
        let (metrics, stock) = (Metrics::new(), "stock".parse().unwrap());
        let events = metrics.events(&stock, "orders.*");
        for (attempt, outcome) in (1..).zip(EventOutcome::ALL) {
            assert_eq!(outcome as usize, attempt as usize - 1, "{}", outcome.name());
            events.started(attempt);
            events.finished(outcome, Duration::from_millis(2));
        }
        events.started(1);
        events.waited();
        events.lag(7);
        let text = metrics.encode();
        for line in [
            r#"holm_events_delivered_total{service="stock",subscription="orders.*",outcome="acked"} 1"#,
            r#"holm_events_delivered_total{service="stock",subscription="orders.*",outcome="duplicate"} 1"#,
            r#"holm_events_delivered_total{service="stock",subscription="orders.*",outcome="dead"} 1"#,
            r#"holm_events_redelivered_total{service="stock",subscription="orders.*"} 3"#,
            r#"holm_event_waits_total{service="stock",subscription="orders.*"} 1"#,
            r#"holm_event_delay_seconds_count{service="stock",subscription="orders.*"} 4"#,
            r#"holm_events_in_flight{service="stock",subscription="orders.*"} 1"#,
            r#"holm_events_lag{service="stock",subscription="orders.*"} 7"#,
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        assert_eq!(events.delivered(EventOutcome::Retried), 1);
    }

    #[test]
    fn events_of_a_subscription_that_is_gone_stay_for_ever() {
        let (metrics, stock) = (Metrics::new(), "stock".parse().unwrap());
        metrics.events(&stock, "orders.*").started(1);
        metrics.events(&stock, "users.*").started(1);
        metrics.forget_events(&stock, "orders.*");
        let text = metrics.encode();
        assert!(text.contains("users.*") && !text.contains("orders.*"), "{text}");
        metrics.forget_service(&stock);
        assert!(!metrics.encode().contains("stock"), "{}", metrics.encode());
    }
}
