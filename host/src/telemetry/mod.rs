//! What the host tells about itself.
//!
//! | module | question it answers |
//! | --- | --- |
//! | [`clock`] | what time is it for the services? |
//! | [`access`] | which requests came from outside, and what became of them? |
//! | [`init`] | where do the host's own log lines go, and which of them? |
//! | [`logs`] | what did the services write, lately and from now on? |
//! | [`metrics`] | how much, how fast, how often wrong? |
//! | [`trace`] | which trace does this invocation belong to (W3C traceparent)? |
//! | [`random`] | where ids come from |
//! | `writer` | how does a slow terminal not slow the host? |

pub mod access;
pub mod clock;
pub mod init;
pub mod logs;
pub mod metrics;
pub mod random;
pub mod trace;
mod writer;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970: how logs and the catalog write a time.
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// What every part that reports something holds.
#[derive(Clone, Debug)]
pub struct Telemetry {
    /// The lines of all services.
    pub logs: Arc<logs::LogHub>,
    /// The numbers of all services.
    pub metrics: Arc<metrics::Metrics>,
    /// The time of day of all services.
    pub clock: clock::Clock,
}

impl Telemetry {
    /// Nothing told yet.
    pub fn new() -> Self {
        Self::with_clock(clock::Clock::default())
    }

    /// Nothing told yet, and this is the time.
    pub fn with_clock(clock: clock::Clock) -> Self {
        Self { logs: Arc::new(logs::LogHub::new()), metrics: Arc::new(metrics::Metrics::new()), clock }
    }
}

impl Default for Telemetry {
    fn default() -> Self {
        Self::new()
    }
}
