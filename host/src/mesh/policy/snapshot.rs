//! The calls from one service to one target, at a glance.

use std::time::Instant;

use holm_registry::ServiceName;
use holm_registry::settings::CallTarget;

use super::CallPolicy;
use super::breaker::BreakerState;

/// One line of `holm calls`.
#[derive(Clone, Debug, PartialEq)]
pub struct CallSnapshot {
    /// Who calls.
    pub caller: ServiceName,
    /// What is called.
    pub target: CallTarget,
    /// Whether calls are let through.
    pub breaker: BreakerState,
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
    /// Attempts after the first since the host started.
    pub retries: u64,
    /// Failed calls that a fallback answered since the host started.
    pub fallbacks: u64,
}

impl CallPolicy {
    /// How these calls do.
    pub fn snapshot(&self) -> CallSnapshot {
        let (seen, metrics) = (self.gate.seen(Instant::now()), &self.gate.metrics);
        CallSnapshot {
            caller: self.gate.caller.clone(),
            target: self.gate.target.clone(),
            breaker: seen.state,
            in_flight: metrics.in_flight(),
            per_second: seen.calls_per_second,
            error_share: seen.attempts.marked as f64 / seen.attempts.all.max(1) as f64,
            calls: metrics.calls(),
            failures: metrics.failures(),
            retries: metrics.retries(),
            fallbacks: metrics.fallbacks(),
        }
    }
}
