//! The generic cell rate algorithm: pure. A bucket is one number, the time at which it will be full
//! again; each request moves it on by its share, and none may move it too far ahead.
//!
//! ```text
//!  now                     full again          now + all of the burst
//!   ├── may come at once ──┼── used up ────────┤
//! ```
//!
//! It counts without windows, so nobody gets twice as many around the end of one.

use std::time::Duration;

/// Nanoseconds since the limiter began.
pub(super) type Nanos = u64;

/// A limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Quota {
    /// A request's share of the time.
    share: Nanos,
    /// How far ahead a bucket may be: the shares of the whole burst.
    reach: Nanos,
}

/// What a limit says of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// When this request, or else the first one that will be let through, may come.
    pub(super) wait: Option<Duration>,
    /// How many more may come at once.
    pub(super) remaining: u32,
    /// Until all of them may.
    pub(super) reset: Duration,
}

impl Quota {
    pub(super) fn new(requests: u32, per: Duration, burst: u32) -> Self {
        let per = u64::try_from(per.as_nanos()).unwrap_or(u64::MAX);
        let share = (per / u64::from(requests.max(1))).max(1);
        Self { share, reach: share.saturating_mul(u64::from(burst.max(1))) }
    }

    /// How long a bucket needs to be full at most: then it is like one that never was.
    pub(super) fn reach(self) -> Nanos {
        self.reach
    }

    /// Takes a request of a bucket that will be full at `full`; the new time, if it may come.
    pub(super) fn take(self, full: Nanos, now: Nanos) -> (Option<Nanos>, Seen) {
        let begin = full.max(now);
        let next = begin.saturating_add(self.share);
        let ahead = next.saturating_sub(now);
        if ahead <= self.reach {
            return (Some(next), self.seen(next, now, None));
        }
        (None, self.seen(begin, now, Some(Duration::from_nanos(ahead - self.reach))))
    }

    /// What a bucket has left.
    #[cfg(test)]
    pub(super) fn look(self, full: Nanos, now: Nanos) -> Seen {
        self.seen(full.max(now), now, None)
    }

    fn seen(self, full: Nanos, now: Nanos, wait: Option<Duration>) -> Seen {
        let ahead = full.saturating_sub(now);
        let remaining = self.reach.saturating_sub(ahead) / self.share;
        Seen { wait, remaining: u32::try_from(remaining).unwrap_or(u32::MAX), reset: Duration::from_nanos(ahead) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Nanos = 1_000_000_000;

    /// The limit of a hundred in a quarter of an hour, as many people have it.
    fn quarter() -> Quota {
        Quota::new(100, Duration::from_secs(900), 100)
    }

    #[test]
    fn more_or_fewer_than_the_limit_may_come() {
        let (mut full, now) = (0, 50 * SECOND);
        for left in (0..100).rev() {
            let (next, seen) = quarter().take(full, now);
            assert_eq!((seen.wait, seen.remaining), (None, left));
            full = next.unwrap();
        }
        let (next, seen) = quarter().take(full, now);
        let expected = Seen { wait: Some(Duration::from_secs(9)), remaining: 0, reset: Duration::from_secs(900) };
        assert_eq!((next, seen), (None, expected));
        assert!(quarter().take(full, now + 9 * SECOND).0.is_some());
        assert_eq!(quarter().look(full, now + 900 * SECOND).remaining, 100);
        // a clock that seems to go back gives nothing away
        assert!(quarter().take(full, now - SECOND).0.is_none());
    }

    #[test]
    fn a_small_burst_is_as_large_as_the_limit() {
        let quota = Quota::new(10, Duration::from_secs(1), 2);
        let (first, _) = quota.take(0, 0);
        let (second, seen) = quota.take(first.unwrap(), 0);
        assert_eq!(seen.remaining, 0);
        let (third, seen) = quota.take(second.unwrap(), 0);
        assert_eq!((third, seen.wait), (None, Some(Duration::from_millis(100))));
    }

    proptest! {
        /// Over any time, a client that never stops gets the burst and its share of the time.
        #[test]
        fn the_limit_is_not_kept(
            requests in 1..2000_u32,
            per in 1..100_000_u64,
            burst in 1..2000_u32,
            gaps in prop::collection::vec(0..2000_u64, 1..400),
        ) {
            let quota = Quota::new(requests, Duration::from_millis(per), burst);
            let (mut full, mut now, mut passed) = (0, 0, 0_u64);
            for gap in gaps {
                now += gap * 1000;
                let (next, seen) = quota.take(full, now);
                passed += u64::from(next.is_some());
                prop_assert_eq!(seen.wait.is_none(), next.is_some());
                full = next.unwrap_or(full);
            }
            let share = per * 1_000_000 / u64::from(requests);
            prop_assert!(passed <= u64::from(burst) + now / share.max(1));
        }

        #[test]
        fn a_client_that_waits_as_told_is_refused_again(full: u64, now in 0..u64::MAX / 4, requests in 1..1000_u32) {
            let quota = Quota::new(requests, Duration::from_secs(60), 5);
            let full = full.min(now + quota.reach());
            if let (None, seen) = quota.take(full, now) {
                let later = now + u64::try_from(seen.wait.unwrap().as_nanos()).unwrap();
                prop_assert!(quota.take(full, later).0.is_some());
            }
        }
    }
}
