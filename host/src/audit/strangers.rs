//! How many lines strangers get. Without a bound, somebody without a token could write until the
//! lines that matter have been rotated away.

use std::time::{Duration, Instant};

/// Lines at once: enough to see who tries, and what.
const BURST: u64 = 30;
/// Afterwards one in this time: 1440 a day of about 300 bytes, a fortnight for one part of the log.
const EVERY: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Strangers {
    /// Lines that may be written at once.
    left: u64,
    /// Until when lines were given back.
    since: Instant,
    not_told: u64,
}

impl Strangers {
    pub(super) fn new(now: Instant) -> Self {
        Self { left: BURST, since: now, not_told: 0 }
    }

    /// `None`: no line for this one. Else how many had none since the last line.
    pub(super) fn admit(&mut self, now: Instant) -> Option<u64> {
        let back = now.saturating_duration_since(self.since).as_secs() / EVERY.as_secs();
        if back > 0 {
            self.left = self.left.saturating_add(back).min(BURST);
            self.since = now;
        }
        let Some(left) = self.left.checked_sub(1) else {
            self.not_told += 1;
            return None;
        };
        self.left = left;
        Some(std::mem::take(&mut self.not_told))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_writes_until_the_log_has_lost_what_matters() {
        let start = Instant::now();
        let mut strangers = Strangers::new(start);
        let told = (0..10_000).filter(|_| strangers.admit(start).is_some()).count() as u64;
        assert_eq!(told, BURST);
        assert_eq!(strangers.admit(start + EVERY / 2), None);
        assert_eq!(strangers.admit(start + EVERY), Some(10_000 - BURST + 1));
        assert_eq!(strangers.admit(start + EVERY), None);
        let later = start + EVERY * 1000;
        let told = (0..100).filter(|_| strangers.admit(later).is_some()).count() as u64;
        assert_eq!(told, BURST);
    }
}
