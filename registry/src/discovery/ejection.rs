//! Passive ejection: an instance that fails request after request is left out for a while,
//! whatever its checks say. Envoy's outlier detection is the model, its defaults the source.
//!
//! ```text
//!            5 failures in a row, and not too many are out
//! in rotation ─────────────────────────────────────────────▶ ejected
//!      ▲                                                        │
//!      └──────────── 30 s × how often lately, at most 300 s ◀───┘
//! ```

use std::time::{Duration, Instant};

/// Failures in a row before an ejection (Envoy: `consecutive_5xx` 5).
pub const FAILURES: u32 = 5;
/// The first ejection (Envoy: `base_ejection_time` 30 s); the second in close succession is twice
/// as long, and so on.
pub const BASE: Duration = Duration::from_secs(30);
/// The longest ejection (Envoy: `max_ejection_time` 300 s).
pub const LONGEST: Duration = Duration::from_secs(300);
/// For every such period in rotation one ejection is forgiven (Envoy: `interval` 10 s).
pub const FORGIVEN_AFTER: Duration = Duration::from_secs(10);
/// Percent of a name's instances that may be out at a time. Envoy has 10, for clusters of dozens;
/// our names have two or three instances, of which 10 % is none. Half of them must carry on, and
/// one alone is never ejected: a failing instance is better than none.
pub const MOST_PERCENT: usize = 50;

/// How one instance does.
#[derive(Clone, Copy, Debug, Default)]
pub struct Standing {
    failures_in_a_row: u32,
    /// Ejections that are not forgiven yet.
    times: u32,
    out_until: Option<Instant>,
}

/// Whether one more of `members` may be ejected while `ejected` are.
pub fn may_eject(ejected: usize, members: usize) -> bool {
    (ejected + 1) * 100 <= members * MOST_PERCENT
}

impl Standing {
    /// Whether it is left out now.
    pub fn is_ejected(&self, now: Instant) -> bool {
        self.out_until.is_some_and(|until| until > now)
    }

    /// A request went well.
    pub fn succeeded(&mut self) {
        self.failures_in_a_row = 0;
    }

    /// A request failed. `may_eject`: not too many others are out. Answers for how long it is
    /// left out, when it is.
    pub fn failed(&mut self, may_eject: bool, now: Instant) -> Option<Duration> {
        if self.is_ejected(now) {
            // of a request that began before; it must not prolong the time
            return None;
        }
        self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
        if self.failures_in_a_row < FAILURES || !may_eject {
            return None;
        }
        self.times = self.times.saturating_sub(self.forgiven(now)).saturating_add(1);
        let time = BASE.saturating_mul(self.times).min(LONGEST);
        self.out_until = Some(now + time);
        self.failures_in_a_row = 0;
        Some(time)
    }

    fn forgiven(&self, now: Instant) -> u32 {
        let back_for = self.out_until.map_or(Duration::ZERO, |until| now.saturating_duration_since(until));
        u32::try_from(back_for.as_secs() / FORGIVEN_AFTER.as_secs()).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails until it is ejected; answers for how long.
    fn fail(standing: &mut Standing, now: Instant) -> Duration {
        (0..FAILURES).find_map(|_| standing.failed(true, now)).expect("it is ejected")
    }

    #[test]
    fn four_failures_eject() {
        let now = Instant::now();
        let mut standing = Standing::default();
        for _ in 0..3 {
            for _ in 0..FAILURES - 1 {
                assert_eq!(standing.failed(true, now), None);
            }
            standing.succeeded();
        }
        assert!(!standing.is_ejected(now));
        assert_eq!(fail(&mut standing, now), BASE);
        assert!(standing.is_ejected(now + BASE - Duration::from_millis(1)) && !standing.is_ejected(now + BASE));
    }

    #[test]
    fn an_instance_that_fails_again_and_again_is_out_as_short_as_the_first_time() {
        let mut now = Instant::now();
        let mut standing = Standing::default();
        let mut times = Vec::new();
        for _ in 0..12 {
            let time = fail(&mut standing, now);
            times.push(time.as_secs());
            now += time;
        }
        assert_eq!(times, [30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 300, 300]);
        now += 5 * FORGIVEN_AFTER;
        assert_eq!(fail(&mut standing, now).as_secs(), 240, "five of the twelve are forgiven");
        now += LONGEST + 100 * FORGIVEN_AFTER;
        assert_eq!(fail(&mut standing, now), BASE);
    }

    #[test]
    fn requests_that_began_before_prolong_an_ejection() {
        let now = Instant::now();
        let mut standing = Standing::default();
        fail(&mut standing, now);
        for _ in 0..20 {
            assert_eq!(standing.failed(true, now + Duration::from_secs(1)), None);
        }
        assert!(!standing.is_ejected(now + BASE));
    }

    #[test]
    fn the_last_instance_is_ejected() {
        for (ejected, members, may) in
            [(0, 1, false), (0, 2, true), (1, 2, false), (0, 3, true), (1, 3, false), (1, 4, true), (2, 4, false)]
        {
            assert_eq!(may_eject(ejected, members), may, "{ejected} of {members}");
        }
        let mut standing = Standing::default();
        for _ in 0..20 {
            assert_eq!(standing.failed(false, Instant::now()), None);
        }
    }
}
