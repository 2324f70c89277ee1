//! What services take for the time of day: that of this machine, and in tests one that can be moved.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A clock. Clones are handles on the same one.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    /// Milliseconds that it is ahead of this machine's.
    ahead: Arc<AtomicU64>,
}

impl Clock {
    /// Later by so much from now on, in whole milliseconds. What sleeps wakes no earlier for it.
    pub fn advance(&self, by: Duration) {
        self.ahead.fetch_add(u64::try_from(by.as_millis()).unwrap_or(u64::MAX), Ordering::SeqCst);
    }

    /// Since 1970.
    pub fn now(&self) -> Duration {
        let here = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        here + Duration::from_millis(self.ahead.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_moved_shows_the_time_of_this_machine() {
        let (clock, other) = (Clock::default(), Clock::default());
        clock.clone().advance(Duration::from_secs(3600));
        let ahead = clock.now() - other.now();
        assert!(ahead > Duration::from_secs(3590) && ahead < Duration::from_secs(3610), "{ahead:?}");
    }
}
