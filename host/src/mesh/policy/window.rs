//! What happened lately: two counts over a rolling window of ten steps. No allocation, and the
//! same few operations however many calls it has seen.

use std::time::{Duration, Instant};

/// As opossum's `rollingCountBuckets`: an old call leaves the window at most a tenth late.
const STEPS: usize = 10;

/// How many calls there were, and how many of them were marked (failed, or tried again).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All of them.
    pub all: u64,
    /// The marked ones; whoever counts knows what that means.
    pub marked: u64,
}

/// The counts of the last `length`.
#[derive(Debug)]
pub struct Window {
    step: Duration,
    /// When the newest step began.
    newest_began: Instant,
    /// The newest first.
    steps: [Counts; STEPS],
    sum: Counts,
}

impl Window {
    /// An empty window that begins now.
    pub fn new(length: Duration, now: Instant) -> Self {
        let step = (length / STEPS as u32).max(Duration::from_nanos(1));
        Self { step, newest_began: now, steps: Default::default(), sum: Counts::default() }
    }

    /// Counts something that happens now.
    pub fn add(&mut self, now: Instant, more: Counts) {
        self.advance(now);
        let [newest, ..] = &mut self.steps;
        for counts in [newest, &mut self.sum] {
            counts.all += more.all;
            counts.marked += more.marked;
        }
    }

    /// What is in the window now.
    pub fn counts(&mut self, now: Instant) -> Counts {
        self.advance(now);
        self.sum
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.steps = Default::default();
        self.sum = Counts::default();
    }

    /// A time before the newest step counts as now: two threads may read the clock in one order
    /// and come here in the other.
    fn advance(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.newest_began);
        if elapsed < self.step {
            return;
        }
        let passed = elapsed.as_nanos() / self.step.as_nanos();
        if passed >= STEPS as u128 {
            self.clear();
            self.newest_began = now;
            return;
        }
        for _ in 0..passed {
            self.steps.rotate_right(1);
            let [newest, ..] = &mut self.steps;
            let oldest = std::mem::take(newest);
            self.sum.all -= oldest.all;
            self.sum.marked -= oldest.marked;
            self.newest_began += self.step;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LENGTH: Duration = Duration::from_secs(10);

    fn call(marked: bool) -> Counts {
        Counts { all: 1, marked: u64::from(marked) }
    }

    #[test]
    fn an_old_call_counts_for_ever() {
        let begin = Instant::now();
        let at = |seconds: f64| begin + Duration::from_secs_f64(seconds);
        let mut window = Window::new(LENGTH, begin);
        window.add(at(0.5), call(true));
        window.add(at(5.5), call(false));
        assert_eq!(window.counts(at(9.9)), Counts { all: 2, marked: 1 });
        assert_eq!(window.counts(at(10.0)), Counts { all: 1, marked: 0 });
        assert_eq!(window.counts(at(15.0)), Counts::default());
        window.add(at(1000.0), call(true));
        assert_eq!(window.counts(at(999.0)), Counts { all: 1, marked: 1 }, "a clock read earlier");
    }

    proptest! {
        /// A call counts for at least nine tenths of the window, and never longer than all of it.
        #[test]
        fn a_call_leaves_the_window_too_early_or_too_late(pauses in prop::collection::vec((0u64..4000, any::<bool>()), 1..60)) {
            let begin = Instant::now();
            let mut window = Window::new(LENGTH, begin);
            let (mut now, mut seen) = (begin, Vec::new());
            for (pause, marked) in pauses {
                now += Duration::from_millis(pause);
                window.add(now, call(marked));
                seen.push((now, marked));
                let counts = window.counts(now);
                let younger = |age: Duration, marked: bool| {
                    seen.iter().filter(|(at, mark)| now - *at < age && (*mark || !marked)).count() as u64
                };
                for (count, marked) in [(counts.all, false), (counts.marked, true)] {
                    prop_assert!(younger(LENGTH * 9 / 10, marked) <= count && count <= younger(LENGTH, marked));
                }
            }
        }
    }
}
