//! Keeps order by key across a restart and across connections (pure: no clock).
//!
//! What a host held when it died, and what was on its way when a connection did, is delivered again when the server
//! has missed signs of life for it; until then the server delivers what is later. Nobody can tell of which keys the earlier ones are. So nothing goes out until as
//! many have come again as the server knows to be unsettled, which then sort themselves before the later ones; or
//! until they must have come, and whoever did not come was settled meanwhile.
//!
//! (To begin anew behind the last settled event, and to leave what was settled beyond it to the marks, would
//! forget how often each was tried, and would take the events from other hosts that handle them.)

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

/// After the server has begun to deliver again: how long that may take.
const DELIVERY: Duration = Duration::from_secs(3);
/// How often what has not come yet is asked for then.
const AGAIN: Duration = Duration::from_millis(500);

/// Whether events may go out.
#[derive(Debug)]
pub struct Gate {
    /// What lies behind this was never delivered before.
    last: u64,
    missing: usize,
    /// What has come since it was shut, each once, however often it comes.
    come: BTreeSet<u64>,
    /// When to ask for those that are missing.
    ask: Instant,
    until: Instant,
}

impl Gate {
    /// A consumer that was delivered everything up to number `last` of its stream, and has `unsettled` of it.
    /// `ack_wait` is the server's.
    pub fn new(last: u64, unsettled: usize, ack_wait: Duration, now: Instant) -> Self {
        let (ask, until) = (now, now + ack_wait + ack_wait + DELIVERY);
        Self { last, missing: unsettled, come: BTreeSet::new(), ask, until }
    }

    /// It is not known yet what is missing.
    pub fn shut(now: Instant) -> Self {
        let long = Duration::from_secs(24 * 60 * 60);
        Self { last: 0, missing: usize::MAX, come: BTreeSet::new(), ask: now + long, until: now + long }
    }

    /// Nothing waits.
    pub fn open(now: Instant) -> Self {
        Self::new(0, 0, Duration::ZERO, now)
    }

    /// A message has come that was not here before.
    pub fn arrived(&mut self, sequence: u64) {
        if self.missing > 0 && sequence <= self.last && self.come.insert(sequence) {
            self.missing = self.missing.saturating_sub(1);
        }
    }

    /// How many to ask for while it is shut: at first all, since what was given back comes at once; then again
    /// and again, since what came instead may have been later ones. `None`: it is open.
    pub fn room(&mut self, asked: usize, now: Instant) -> Option<usize> {
        if self.is_open(now) {
            return None;
        }
        if now < self.ask {
            return Some(0);
        }
        self.ask = now + AGAIN;
        Some(self.missing.saturating_sub(asked))
    }

    /// Whether events may go out.
    pub fn is_open(&self, now: Instant) -> bool {
        self.missing == 0 || now >= self.until
    }

    /// When that may change by itself.
    pub fn next_change(&self, now: Instant) -> Option<Instant> {
        (!self.is_open(now)).then(|| self.ask.max(now).min(self.until))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAIT: Duration = Duration::from_secs(5);

    #[test]
    fn a_later_event_goes_out_before_an_earlier_one_after_a_crash() {
        let now = Instant::now();
        let mut gate = Gate::new(10, 2, WAIT, now);
        assert_eq!((gate.is_open(now), gate.room(0, now)), (false, Some(2)));
        gate.arrived(11);
        gate.arrived(9);
        assert_eq!((gate.is_open(now), gate.room(0, now)), (false, Some(0)), "asked without a pause");
        assert_eq!(gate.room(0, now + AGAIN), Some(1));
        assert_eq!(gate.room(1, now + 2 * AGAIN), Some(0));
        gate.arrived(9);
        assert!(!gate.is_open(now), "what came twice stands for something else");
        gate.arrived(3);
        assert_eq!((gate.is_open(now), gate.room(0, now), gate.next_change(now)), (true, None, None));
    }

    #[test]
    fn what_somebody_else_has_settled_is_waited_for_without_end() {
        let now = Instant::now();
        let mut gate = Gate::new(10, 1, WAIT, now);
        let last = now + 2 * WAIT + DELIVERY;
        assert!(!gate.is_open(last - AGAIN) && gate.next_change(now).is_some());
        assert!(gate.is_open(last) && gate.room(0, last).is_none());
        assert!(Gate::open(now).is_open(now));
    }
}
