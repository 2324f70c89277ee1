//! Who calls whom, as it travels.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::services;

/// The calls of one service to one target.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct CallLine {
    /// Who calls.
    pub caller: String,
    /// What is called: an interface, or `http://NAME`.
    pub target: String,
    /// The service behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// `closed`: all calls are let through; `open`: none; `half-open`: one, to see whether the target is well again.
    pub breaker: String,
    /// Milliseconds until an open breaker lets the next call try; 0: at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_in_ms: Option<u64>,
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
    /// Half of the calls took at most so many milliseconds, retries included, since the host started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50_ms: Option<f64>,
    /// Of a hundred, all but one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_ms: Option<f64>,
}

impl From<services::CallLine> for CallLine {
    fn from(line: services::CallLine) -> Self {
        let target = line.target();
        let services::CallLine { service, calls } = line;
        let is_open = calls.breaker.name() == "open";
        let retry_in = calls.retry_in.map_or(0, |wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        let millis = |took: std::time::Duration| took.as_secs_f64() * 1e3;
        Self {
            caller: calls.caller.to_string(),
            target,
            service: service.map(|name| name.to_string()),
            breaker: calls.breaker.name().to_owned(),
            retry_in_ms: is_open.then_some(retry_in),
            in_flight: calls.in_flight,
            per_second: calls.per_second,
            error_share: calls.error_share,
            calls: calls.calls,
            failures: calls.failures,
            refused_open: calls.refused_open,
            refused_full: calls.refused_full,
            retries: calls.retries,
            fallbacks: calls.fallbacks,
            p50_ms: calls.p50.map(millis),
            p99_ms: calls.p99.map(millis),
        }
    }
}
