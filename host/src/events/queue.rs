//! Which event of a subscription is handed out next, and when (pure: no clock, no store).
//!
//! ```text
//!              take                settle
//! ready ────────────────▶ out ───────────────▶ gone, once no handle is left
//!   ▲  ▲                   │
//!   │  │ time              │ retry, its ack wait is over, its handle is dropped
//!   │  └────── waiting ◀───┘
//!   │ the earlier one is settled
//! behind
//! ```
//!
//! With order by key an event is *behind* as long as an earlier one of its key is not settled. Of all that are
//! ready the earliest goes first, so a retry comes before what is later.
//!
//! An event whose ack wait is over goes out again although its first handle may still be in use. That handle
//! may still settle it; nothing else of what it says counts. The event is only forgotten when the last handle
//! is gone: whoever holds one may be about to commit effects, and the mark that guards them must stay till then.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use holm_registry::settings::Order;
use holm_registry::store::Position;
use tokio::time::Instant;

/// The unsettled events of one subscription.
pub struct Queue {
    order: Order,
    ack_wait: Duration,
    entries: BTreeMap<Position, Entry>,
    ready: BTreeSet<Position>,
    /// When something happens by itself: a pause or an ack wait ends.
    timers: BTreeSet<(Instant, Position)>,
    /// What is unsettled of each key. Without meaning unless they are in order.
    lanes: HashMap<Arc<str>, BTreeSet<Position>>,
}

struct Entry {
    key: Option<Arc<str>>,
    /// How often it went out.
    attempts: u32,
    /// Handles on it that are not dropped.
    held: u32,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Behind,
    Ready,
    Waiting(Instant),
    Out(Instant),
    Settled,
}

/// One event that was handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Which one.
    pub at: Position,
    /// For which time, from 1.
    pub attempt: u32,
}

/// What is unsettled, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Never handed out.
    pub fresh: u64,
    /// Handed out and not settled.
    pub in_flight: u64,
    /// Those of them that were handed out more than once.
    pub redelivered: u64,
}

impl Queue {
    /// An empty one.
    pub fn new(order: Order, ack_wait: Duration) -> Self {
        let (entries, ready, timers, lanes) = Default::default();
        Self { order, ack_wait, entries, ready, timers, lanes }
    }

    /// Changes the rules. What is out stays out for as long as the old ones said.
    pub fn change(&mut self, order: Order, ack_wait: Duration) {
        self.ack_wait = ack_wait;
        if std::mem::replace(&mut self.order, order) == order {
            return;
        }
        self.lanes.clear();
        let open: Vec<Position> = self.open().map(|(at, _)| at).collect();
        for at in &open {
            self.join_lane(*at);
        }
        for at in open {
            self.refile(at);
        }
    }

    /// Adds an event that went out `attempts` times already.
    pub fn offer(&mut self, at: Position, key: Option<Arc<str>>, attempts: u32) {
        self.entries.insert(at, Entry { key, attempts, held: 0, state: State::Behind });
        self.join_lane(at);
        self.refile(at);
        // one that comes late steps in front of others
        if let Some(next) = self.behind(at) {
            self.refile(next);
        }
    }

    /// Hands out the earliest event that is ready.
    pub fn take(&mut self, now: Instant) -> Option<Taken> {
        self.tick(now);
        let at = self.ready.pop_first()?;
        let entry = self.entries.get_mut(&at)?;
        entry.attempts = entry.attempts.saturating_add(1);
        entry.held += 1;
        entry.state = State::Out(now + self.ack_wait);
        self.timers.insert((now + self.ack_wait, at));
        Some(Taken { at, attempt: entry.attempts })
    }

    /// It is still being handled.
    pub fn progress(&mut self, taken: Taken, now: Instant) {
        if self.is_out(taken) {
            self.set(taken.at, State::Out(now + self.ack_wait));
        }
    }

    /// It was not handled; not before `until` again.
    pub fn retry(&mut self, taken: Taken, until: Instant) {
        if self.is_out(taken) {
            self.set(taken.at, State::Waiting(until));
        }
    }

    /// It was not tried: it is ready again, as if it had not been taken.
    pub fn give_back(&mut self, taken: Taken) {
        if self.is_out(taken) {
            self.set(taken.at, State::Ready);
            if let Some(entry) = self.entries.get_mut(&taken.at) {
                entry.attempts = entry.attempts.saturating_sub(1);
            }
        }
    }

    /// It was handled, by whichever attempt.
    pub fn settle(&mut self, taken: Taken) {
        let unsettled = |entry: &Entry| entry.state != State::Settled;
        if !self.entries.get(&taken.at).is_some_and(unsettled) {
            return;
        }
        self.set(taken.at, State::Settled);
        let next = self.behind(taken.at);
        self.leave_lane(taken.at);
        if let Some(next) = next {
            self.refile(next);
        }
    }

    /// The handle is gone. `true`: the event is settled and nobody holds it any more, so it is forgotten.
    pub fn release(&mut self, taken: Taken) -> bool {
        if self.is_out(taken) {
            self.set(taken.at, State::Ready);
        }
        let Some(entry) = self.entries.get_mut(&taken.at) else { return false };
        entry.held = entry.held.saturating_sub(1);
        let over = entry.held == 0 && entry.state == State::Settled;
        if over {
            self.entries.remove(&taken.at);
        }
        over
    }

    /// Drops events that are not there any more; how many of them nobody had settled.
    pub fn drop_until(&mut self, end: Position) -> u64 {
        let gone: Vec<Position> = self.open().map(|(at, _)| at).take_while(|at| *at <= end).collect();
        for at in &gone {
            self.settle(Taken { at: *at, attempt: 0 });
            if self.entries.get(at).is_some_and(|entry| entry.held == 0) {
                self.entries.remove(at);
            }
        }
        gone.len() as u64
    }

    /// When [`Queue::take`] may have something that it does not have now.
    pub fn next_change(&self) -> Option<Instant> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// What is not settled, in order, each with its attempts so far.
    pub fn open(&self) -> impl Iterator<Item = (Position, u32)> {
        let open = self.entries.iter().filter(|(_, entry)| entry.state != State::Settled);
        open.map(|(at, entry)| (*at, entry.attempts))
    }

    /// How many events could be handed out now.
    pub fn ready(&self) -> usize {
        self.ready.len()
    }

    /// What is not settled and that nobody holds, each with its attempts so far.
    pub fn idle(&self) -> impl Iterator<Item = (Position, u32)> {
        let idle = self.entries.iter().filter(|(_, entry)| entry.state != State::Settled && entry.held == 0);
        idle.map(|(at, entry)| (*at, entry.attempts))
    }

    /// How many events it holds.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// What is not settled, in numbers.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for (_, attempts) in self.open() {
            counts.fresh += u64::from(attempts == 0);
            counts.in_flight += u64::from(attempts > 0);
            counts.redelivered += u64::from(attempts > 1);
        }
        counts
    }

    fn tick(&mut self, now: Instant) {
        while let Some((time, at)) = self.timers.first().copied().filter(|(time, _)| *time <= now) {
            self.timers.remove(&(time, at));
            self.set(at, State::Ready);
        }
    }

    fn is_out(&self, taken: Taken) -> bool {
        let out = |entry: &Entry| entry.attempts == taken.attempt && matches!(entry.state, State::Out(_));
        self.entries.get(&taken.at).is_some_and(out)
    }

    /// Gives an event a state, and takes it out of and into what goes with the old one and the new one.
    fn set(&mut self, at: Position, state: State) {
        let Some(entry) = self.entries.get_mut(&at) else { return };
        match std::mem::replace(&mut entry.state, state) {
            State::Ready => drop(self.ready.remove(&at)),
            State::Waiting(time) | State::Out(time) => drop(self.timers.remove(&(time, at))),
            State::Behind | State::Settled => {}
        }
        match state {
            State::Ready => drop(self.ready.insert(at)),
            State::Waiting(time) | State::Out(time) => drop(self.timers.insert((time, at))),
            State::Behind | State::Settled => {}
        }
    }

    /// Whether an event that waits for nothing else is behind another one.
    fn refile(&mut self, at: Position) {
        let Some(entry) = self.entries.get(&at) else { return };
        if matches!(entry.state, State::Behind | State::Ready) {
            let first = self.lane_of(at).is_none_or(|lane| lane.first() == Some(&at));
            self.set(at, if first { State::Ready } else { State::Behind });
        }
    }

    fn lane_of(&self, at: Position) -> Option<&BTreeSet<Position>> {
        self.lanes.get(self.entries.get(&at)?.key.as_ref()?)
    }

    fn join_lane(&mut self, at: Position) {
        let key = self.entries.get(&at).and_then(|entry| entry.key.clone());
        if let (Order::Key, Some(key)) = (self.order, key) {
            self.lanes.entry(key).or_default().insert(at);
        }
    }

    fn leave_lane(&mut self, at: Position) {
        let Some(key) = self.entries.get(&at).and_then(|entry| entry.key.clone()) else { return };
        if let Some(lane) = self.lanes.get_mut(&key) {
            lane.remove(&at);
            if lane.is_empty() {
                self.lanes.remove(&key);
            }
        }
    }

    /// The next one of the same key.
    fn behind(&self, at: Position) -> Option<Position> {
        use std::ops::Bound::{Excluded, Unbounded};
        self.lane_of(at)?.range((Excluded(at), Unbounded)).next().copied()
    }
}

#[cfg(test)]
mod tests;
