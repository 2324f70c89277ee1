//! The calls from one service to one target, at a glance.

use std::time::{Duration, Instant};

use holm_registry::ServiceName;
use holm_registry::settings::CallTarget;

use super::CallPolicy;
use super::breaker::BreakerState;
use crate::telemetry::metrics::CallOutcome;

/// One line of `holm calls`.
#[derive(Clone, Debug, PartialEq)]
pub struct CallSnapshot {
    /// Who calls.
    pub caller: ServiceName,
    /// What is called.
    pub target: CallTarget,
    /// Whether calls are let through.
    pub breaker: BreakerState,
    /// When an open breaker lets the next call try; nothing while it refuses none, or one is trying.
    pub retry_in: Option<Duration>,
    /// Calls under way.
    pub in_flight: u64,
    /// Calls a second in the last ten seconds, refused ones included.
    pub per_second: f64,
    /// The share of failed ones among the attempts in the breaker's window, 0 to 1.
    pub error_share: f64,
    /// Calls that have ended since the host started.
    pub calls: u64,
    /// Those among them that got no answer: failed, too late, refused.
    pub failures: u64,
    /// Those among the failures that an open breaker refused.
    pub refused_open: u64,
    /// Those among the failures that found no place in the bulkhead.
    pub refused_full: u64,
    /// Attempts after the first since the host started.
    pub retries: u64,
    /// Failed calls that a fallback answered since the host started.
    pub fallbacks: u64,
    /// Half of the calls took at most so long, retries included, since the host started.
    pub p50: Option<Duration>,
    /// Of a hundred, all but one.
    pub p99: Option<Duration>,
}

impl CallPolicy {
    /// How these calls do.
    pub fn snapshot(&self) -> CallSnapshot {
        let (seen, metrics) = (self.gate.seen(Instant::now()), &self.gate.metrics);
        CallSnapshot {
            caller: self.gate.caller.clone(),
            target: self.gate.target.clone(),
            breaker: seen.state,
            retry_in: seen.retry_in,
            in_flight: metrics.in_flight(),
            per_second: seen.calls_per_second,
            error_share: seen.attempts.marked as f64 / seen.attempts.all.max(1) as f64,
            calls: metrics.calls(),
            failures: metrics.failures(),
            refused_open: metrics.ended(CallOutcome::Open),
            refused_full: metrics.ended(CallOutcome::Full),
            retries: metrics.retries(),
            fallbacks: metrics.fallbacks(),
            p50: metrics.quantile(0.5),
            p99: metrics.quantile(0.99),
        }
    }
}
