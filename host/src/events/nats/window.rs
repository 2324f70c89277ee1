//! What this host holds of a durable consumer, and in which order that goes out (pure: no clock, no server).
//!
//! The server is asked for as many events as may be under way at once. What of them has to wait for an earlier
//! one of its key, or for its next attempt, waits here, and the server is given a sign of life for it. So order
//! by key is a matter of one queue, and the server delivers again only what a host has lost.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use holm_registry::event::Event;
use holm_registry::settings::Order;
use holm_registry::store::{Position, Sequence};
use tokio::time::Instant;

use super::attempts::{Attempts, Note};
use super::config::server_ack_wait;
use super::gate::Gate;
use super::message::Place;
use super::pull::Pull;
use crate::events::bus::{Subscription, WINDOW};
use crate::events::queue::{Queue, Taken};

/// Settled events that are remembered in case that the server sends them again: it may have been about to when it
/// heard of it, or not have heard of it at all.
const SETTLED: usize = 10_000;

/// The unsettled events of one subscription that are here.
pub struct Window {
    subscription: Subscription,
    queue: Queue,
    held: HashMap<u64, Held>,
    /// How many wait for an event now.
    asking: usize,
    /// Handles that are not dropped.
    out: usize,
    /// What the server was asked for.
    pub pull: Pull,
    gate: Gate,
    settled: BTreeSet<u64>,
    attempts: Attempts,
}

/// An event that was delivered and is not settled.
struct Held {
    event: Arc<Event>,
    /// Where its acknowledgement goes.
    reply: String,
    /// How often the server has delivered it.
    delivered: u32,
}

/// What becomes of a message that has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// It waits to go out, or is here already.
    Kept,
    /// Nobody wants it, or it was settled before: to be acknowledged at once.
    Done,
}

impl Window {
    /// Nothing is here yet. `attempts`: what this host knew of the consumer before it was started again.
    pub fn new(subscription: &Subscription, attempts: Attempts, now: Instant) -> Self {
        let settings = &subscription.settings;
        let gate = match settings.order {
            Order::Key => Gate::shut(now),
            Order::None => Gate::open(now),
        };
        let queue = Queue::new(settings.order, settings.ack_wait);
        let pull = Pull::new(now);
        let (held, asking, out, settled) = Default::default();
        let subscription = subscription.clone();
        Self { subscription, queue, held, asking, out, pull, gate, settled, attempts }
    }

    /// Takes on the settings of whoever attaches.
    pub fn attach(&mut self, subscription: &Subscription) {
        self.queue.change(subscription.settings.order, subscription.settings.ack_wait);
        self.subscription = subscription.clone();
    }

    /// What was on its way over the last connection is lost: nothing goes out before it is known what that was.
    /// Whether there is anything to find out.
    pub fn shut(&mut self, now: Instant) -> bool {
        let ordered = self.subscription.settings.order == Order::Key;
        if ordered {
            self.gate = Gate::shut(now);
        }
        ordered
    }

    /// The server has delivered everything up to `last`, and `unsettled` of that are not settled: what is not here
    /// is missing. Nothing may be about to be settled, or it would stand for something that is missing.
    pub fn counted(&mut self, last: u64, unsettled: usize, now: Instant) {
        let missing = unsettled.saturating_sub(self.queue.open().count());
        self.gate = Gate::new(last, missing, server_ack_wait(&self.subscription), now);
    }

    /// The next event to go out.
    pub fn take(&mut self, now: Instant) -> Option<(Taken, Arc<Event>)> {
        if !self.gate.is_open(now) {
            return None;
        }
        let taken = self.queue.take(now)?;
        self.out += 1;
        let held = self.held.get(&taken.at.sequence.0)?;
        Some((taken, Arc::clone(&held.event)))
    }

    /// When [`Window::take`] may have something that it does not have now.
    pub fn next_change(&self, now: Instant) -> Option<Instant> {
        self.gate.next_change(now).or(self.queue.next_change())
    }

    /// Somebody waits for an event; or does not any more.
    pub fn asks(&mut self, more: bool) {
        self.asking = if more { self.asking + 1 } else { self.asking.saturating_sub(1) };
    }

    /// How many messages to ask the server for. They count as asked for. Nothing is asked for without a place
    /// where it can go.
    pub fn claim(&mut self, now: Instant) -> usize {
        let asked = self.pull.asked();
        let most = self.subscription.settings.concurrency as usize;
        let more = match self.gate.room(asked, now) {
            Some(missing) => missing,
            None if self.asking == 0 => 0,
            None => self.pull.more(most.saturating_sub(self.out + self.queue.ready()), most),
        };
        let more = more.min(WINDOW.saturating_sub(self.held.len() + asked));
        if more > 0 {
            self.pull.ask(more, now);
        }
        more
    }

    /// When to look again whether something is to be asked for.
    pub fn ask_at(&self, now: Instant) -> Option<Instant> {
        self.gate.next_change(now)
    }

    /// A message has come. `event`: `None` if it is none.
    pub fn arrived(&mut self, place: &Place, reply: String, event: Option<Event>, now: Instant) -> Arrival {
        self.pull.arrived(now);
        let sequence = place.sequence;
        if let Some(held) = self.held.get_mut(&sequence) {
            (held.reply, held.delivered) = (reply, place.delivered.max(held.delivered));
            return Arrival::Kept;
        }
        self.gate.arrived(sequence);
        let wanted = event.filter(|event| self.subscription.wants(&event.content));
        let Some(event) = wanted.filter(|_| !self.settled.contains(&sequence)) else { return Arrival::Done };
        let key = event.content.key.as_deref().map(Arc::from);
        self.queue.offer(at(sequence), key, self.attempts.before(sequence, place.delivered));
        self.held.insert(sequence, Held { event: Arc::new(event), reply, delivered: place.delivered });
        Arrival::Kept
    }

    /// Where acknowledgements go of everything that is held, for a sign of life. Of nothing, when it is neither
    /// under way nor waited for: others may have it.
    pub fn alive(&self) -> Vec<String> {
        if self.out == 0 && self.asking == 0 {
            return Vec::new();
        }
        let open = self.queue.open().filter_map(|(at, _)| self.held.get(&at.sequence.0));
        open.map(|held| held.reply.clone()).collect()
    }

    /// What is to be written down before an attempt begins: nothing, unless it may have been tried before.
    pub fn begins(&mut self, taken: Taken) -> Vec<Note> {
        let sequence = taken.at.sequence.0;
        let again = self.held.get(&sequence).is_some_and(|held| held.delivered > 1);
        if again || taken.attempt > 1 { self.attempts.raise(sequence, taken.attempt) } else { Vec::new() }
    }

    /// What is to be written down of an attempt that has failed.
    pub fn failed(&mut self, taken: Taken) -> Vec<Note> {
        self.attempts.raise(taken.at.sequence.0, taken.attempt)
    }

    /// What need not be known any more of an event that is settled.
    pub fn forget(&mut self, taken: Taken) -> Vec<Note> {
        self.attempts.lower(taken.at.sequence.0, 0)
    }

    /// Where the acknowledgement of one goes; `None`: it is not held any more.
    pub fn reply(&self, taken: Taken) -> Option<String> {
        self.held.get(&taken.at.sequence.0).map(|held| held.reply.clone())
    }

    /// What goes with it.
    pub fn subscription(&self) -> &Subscription {
        &self.subscription
    }

    /// It was handled, or never will be.
    pub fn settle(&mut self, taken: Taken) {
        self.queue.settle(taken);
        self.settled.insert(taken.at.sequence.0);
        if self.settled.len() > SETTLED {
            self.settled.pop_first();
        }
    }

    /// It was not handled, and goes out again then.
    pub fn retry(&mut self, taken: Taken, until: Instant) {
        self.queue.retry(taken, until);
    }

    /// It was not tried; what is to be written down of that.
    pub fn give_back(&mut self, taken: Taken) -> Vec<Note> {
        self.queue.give_back(taken);
        self.attempts.lower(taken.at.sequence.0, taken.attempt.saturating_sub(1))
    }

    /// It is still being handled.
    pub fn progress(&mut self, taken: Taken, now: Instant) {
        self.queue.progress(taken, now);
    }

    /// Its handle is gone.
    pub fn release(&mut self, taken: Taken) {
        self.out = self.out.saturating_sub(1);
        if self.queue.release(taken) {
            self.held.remove(&taken.at.sequence.0);
        }
    }

    /// It is not held here any more: it may come again, or to another host.
    pub fn let_go(&mut self, taken: Taken) {
        self.queue.settle(taken);
        self.release(taken);
    }

    /// Everything that nobody handles now is not held any more; where its acknowledgements go.
    pub fn clear(&mut self) -> Vec<String> {
        let idle: Vec<Taken> = self.queue.idle().map(|(at, attempt)| Taken { at, attempt }).collect();
        let forget = |taken: &Taken| {
            self.queue.settle(*taken);
            self.queue.release(*taken);
            self.held.remove(&taken.at.sequence.0).map(|held| held.reply)
        };
        idle.iter().filter_map(forget).collect()
    }

    /// How many events it holds.
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// How many of them wait for their first attempt; and how many of these the server has delivered before.
    pub fn untried(&self) -> (u64, u64) {
        let untried = self.queue.open().filter(|(_, attempts)| *attempts == 0);
        untried.fold((0, 0), |(all, again), (at, _)| {
            let before = self.held.get(&at.sequence.0).is_some_and(|held| held.delivered > 1);
            (all + 1, again + u64::from(before))
        })
    }

    /// When the server takes this host for dead.
    pub fn liveness(&self) -> Duration {
        server_ack_wait(&self.subscription)
    }
}

/// The queue knows places of the store's log; a stream has a number for each message.
fn at(sequence: u64) -> Position {
    Position { sequence: Sequence(sequence), index: 0 }
}

#[cfg(test)]
mod tests;
