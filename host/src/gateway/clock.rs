//! Time in milliseconds since the door opened, as the reaper last saw it.
//!
//! Connections write it down at every request; reading one shared number is cheaper than
//! asking the system, and the reaper's tick is all the precision that anybody needs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::time::Instant;

#[derive(Clone)]
pub(super) struct Clock(Arc<Inner>);

struct Inner {
    begun: Instant,
    millis: AtomicU64,
}

impl Clock {
    pub(super) fn new() -> Self {
        // 0 means "never" to those who write times down
        Self(Arc::new(Inner { begun: Instant::now(), millis: AtomicU64::new(1) }))
    }

    /// As of the last tick.
    pub(super) fn now(&self) -> u64 {
        self.0.millis.load(Ordering::Relaxed)
    }

    /// Asks the system.
    pub(super) fn tick(&self) {
        let millis = u64::try_from(self.0.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.millis.store(millis.max(1), Ordering::Relaxed);
    }
}
