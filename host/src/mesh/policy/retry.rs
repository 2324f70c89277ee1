//! Whether a failed call is tried again, and after which pause. On given time and given
//! randomness.
//!
//! The pause is "exponential backoff with full jitter" (AWS Architecture Blog, 2015): anything
//! up to a ceiling that doubles, so that callers which failed together don't come back together.
//! The budget is that of finagle's `RetryBudget` and linkerd: retries are a share of calls,
//! so that a target which fails everything gets a fifth more load, not twice as much.

use std::time::{Duration, Instant};

use holm_registry::settings::RetrySettings;
use http::Method;

use super::window::{Counts, Window};

/// How far back calls count: finagle's and linkerd's `ttl` of a deposit.
const WINDOW: Duration = Duration::from_secs(10);

/// Retries in the window that need no calls behind them, or a quiet caller could never retry.
/// One a second; finagle and linkerd allow ten, but there one budget serves a whole client.
const FLOOR: u64 = 10;

/// Whether a call may be made twice where once was meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// Twice is as good as once.
    Safe,
    /// Nobody knows what a second time would do.
    Never,
}

impl From<&Method> for Repeat {
    /// RFC 9110 section 9.2.2 says which methods are idempotent.
    fn from(method: &Method) -> Self {
        if method.is_idempotent() { Self::Safe } else { Self::Never }
    }
}

/// What one caller may add to the load of one target.
#[derive(Debug)]
pub struct Budget {
    share: f64,
    /// Calls, and retries as the marked ones.
    window: Window,
}

impl Budget {
    /// Nothing called yet. `share` is retries by calls, 0.2 for two of ten.
    pub fn new(share: f64, now: Instant) -> Self {
        Self { share, window: Window::new(WINDOW, now) }
    }

    /// A call was made, not counting its retries.
    pub fn called(&mut self, now: Instant) {
        self.window.add(now, Counts { all: 1, marked: 0 });
    }

    /// Takes one retry out of the budget, if it has one.
    pub fn withdraw(&mut self, now: Instant) -> bool {
        let Counts { all, marked } = self.window.counts(now);
        let allowed = FLOOR as f64 + self.share * all as f64;
        let granted = (marked + 1) as f64 <= allowed;
        if granted {
            self.window.add(now, Counts { all: 0, marked: 1 });
        }
        granted
    }

    /// Calls a second, of late.
    pub fn calls_per_second(&mut self, now: Instant) -> f64 {
        self.window.counts(now).all as f64 / WINDOW.as_secs_f64()
    }
}

/// The pause after the attempt with this number, counted from one: `random` picks from nothing
/// to the ceiling, all equally likely.
pub fn backoff(settings: &RetrySettings, attempt: u32, random: u64) -> Duration {
    let doubled = 1u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
    let ceiling = settings.backoff.saturating_mul(doubled).min(RetrySettings::LONGEST_BACKOFF);
    let nanos = (ceiling.as_nanos() * u128::from(random)) >> u64::BITS;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// The pause before a call is tried again; `None` when this was its last attempt. What the
/// budget says is asked elsewhere, and last: it is spent by asking.
pub fn pause(settings: &RetrySettings, repeat: Repeat, attempt: u32, left: Duration, random: u64) -> Option<Duration> {
    if repeat == Repeat::Never || attempt >= settings.attempts {
        return None;
    }
    let pause = backoff(settings, attempt, random);
    (pause < left).then_some(pause)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn settings(attempts: u32) -> RetrySettings {
        RetrySettings { attempts, ..RetrySettings::default() }
    }

    #[test]
    fn the_pause_does_not_grow_or_grows_without_end() {
        for (attempt, ceiling) in [(1, 50), (2, 100), (3, 200), (4, 400), (5, 800), (6, 1000), (40, 1000)] {
            let longest = backoff(&settings(10), attempt, u64::MAX);
            assert!(longest <= ceiling * MS && longest + MS > ceiling * MS, "{attempt}: {longest:?}");
            assert_eq!(backoff(&settings(10), attempt, 0), Duration::ZERO);
        }
        assert_eq!(backoff(&settings(10), 1, u64::MAX / 2).as_millis(), 24);
    }

    #[test]
    fn a_call_is_repeated_that_may_not_be() {
        let long = Duration::from_secs(3);
        assert!(pause(&settings(2), Repeat::Safe, 1, long, 7).is_some());
        assert_eq!(pause(&settings(2), Repeat::Never, 1, long, 7), None);
        assert_eq!(pause(&settings(2), Repeat::Safe, 2, long, 7), None);
        assert_eq!(pause(&settings(1), Repeat::Safe, 1, long, 7), None);
        for (method, repeat) in
            [(Method::GET, Repeat::Safe), (Method::PUT, Repeat::Safe), (Method::POST, Repeat::Never)]
        {
            assert_eq!(Repeat::from(&method), repeat);
        }
    }

    #[test]
    fn a_retry_waits_beyond_the_deadline() {
        assert_eq!(pause(&settings(2), Repeat::Safe, 1, 40 * MS, u64::MAX), None);
        assert!(pause(&settings(2), Repeat::Safe, 1, 51 * MS, u64::MAX).is_some());
        assert_eq!(pause(&settings(2), Repeat::Safe, 1, Duration::ZERO, 0), None);
    }

    #[test]
    fn a_target_that_fails_everything_gets_twice_the_load() {
        let now = Instant::now();
        let mut budget = Budget::new(0.2, now);
        let granted = (0..1000).filter(|_| {
            budget.called(now);
            budget.withdraw(now)
        });
        assert_eq!(granted.count(), 210, "a fifth, and the floor");
        assert_eq!(budget.calls_per_second(now), 100.0);
        let later = now + WINDOW;
        assert!((0..10).all(|_| budget.withdraw(later)) && !budget.withdraw(later));
    }

    proptest! {
        #[test]
        fn the_budget_is_exceeded(
            share in 0.0f64..=1.0,
            ops in prop::collection::vec((0u64..3000, any::<bool>()), 1..300),
        ) {
            let mut now = Instant::now();
            let mut budget = Budget::new(share, now);
            let (mut calls, mut retries) = (Vec::new(), Vec::new());
            for (pause, retry) in ops {
                now += Duration::from_millis(pause / 20);
                match retry {
                    true if budget.withdraw(now) => retries.push(now),
                    true => {}
                    false => {
                        budget.called(now);
                        calls.push(now);
                    }
                }
                // a retry is remembered for nine tenths of the window at least, a call for all of it at most
                let recent = |times: &[Instant], age: Duration| times.iter().filter(|at| now - **at < age).count() as f64;
                if retries.last() == Some(&now) {
                    let allowed = FLOOR as f64 + share * recent(&calls, WINDOW);
                    prop_assert!(recent(&retries, WINDOW * 9 / 10) <= allowed);
                }
            }
        }
    }
}
