//! One durable consumer: what it has seen of the log, and what of that is not settled.
//!
//! Events are looked at only as far as somebody asks: first what is ready, then the log is read on until
//! something is.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use holm_registry::ServiceName;
use holm_registry::event::Content;
use holm_registry::settings::{Order, Subscribe};
use holm_registry::store::{Logged, Position, StoreError};
use holm_registry::subject::SubjectPattern;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::ahead::Ahead;
use super::head::Head;
use super::record::Saved;
use crate::events::bus::{ConsumerInfo, Subscription, WINDOW};
use crate::events::queue::{Queue, Taken};

/// Events looked at in one go.
const STEP: usize = 64;

/// A durable consumer. It lives for as long as its subscription, attached or not.
pub struct Durable {
    /// Whose it is.
    pub service: ServiceName,
    /// Which events it gets.
    pub subject: SubjectPattern,
    state: Mutex<State>,
    /// Something may go out that could not before.
    changed: Notify,
}

struct State {
    subscription: Subscription,
    queue: Queue,
    /// Everything up to here was looked at.
    seen: Position,
    /// Settled before the last start, and not written down as such: found by their marks.
    handled: BTreeSet<Position>,
    /// Settled, and their marks are not removed yet.
    marks: Vec<Position>,
    /// Found, and not told yet.
    damaged: Vec<Position>,
    /// Something has changed that a restart must know.
    dirty: bool,
    ended: bool,
    ahead: Ahead,
}

/// What there is to do.
pub enum Next {
    /// Deliver this.
    Deliver(Taken, Box<Content>),
    /// Set this aside, and ask again: it cannot be read.
    Damaged(Position),
    /// Wait for a change, or until then.
    Wait(Option<Instant>),
    /// The consumer was ended.
    Ended,
}

/// What a restart must know, and the marks that are not needed once it is written.
pub struct Snapshot {
    /// The record.
    pub saved: Saved,
    /// Events whose marks can go in the same commit.
    pub marks: Vec<Position>,
}

impl Durable {
    /// A consumer that has seen everything up to `seen`, and has settled what is behind that and `handled`.
    pub fn new(service: ServiceName, subject: SubjectPattern, seen: Position, handled: BTreeSet<Position>) -> Self {
        let subscription = Subscription { service: service.clone(), settings: Subscribe::new(subject.clone()) };
        let (marks, damaged, dirty, ended) = Default::default();
        // what was open is read before anybody attaches, and says then what its order is
        let queue = Queue::new(Order::None, Duration::ZERO);
        let ahead = Ahead::at(seen);
        let state = State { subscription, queue, seen, handled, marks, damaged, dirty, ended, ahead };
        Self { service, subject, state: Mutex::new(state), changed: Notify::new() }
    }

    /// Adds what was delivered before the last start and not settled, with its attempts; `None`: it is not
    /// there any more.
    pub fn reopen(&self, at: Position, attempts: u32, content: Option<&Content>) {
        let mut state = self.state();
        // handled since: its mark goes with the others
        if let (false, Some(content)) = (state.handled.contains(&at), content) {
            state.queue.offer(at, key(content), attempts);
        }
    }

    /// Everything that was open is added again.
    pub fn reopened(&self) {
        self.state().pass_marks();
    }

    /// Takes on the settings of whoever attaches.
    pub fn attach(&self, subscription: &Subscription) {
        let mut state = self.state();
        state.queue.change(subscription.settings.order, subscription.settings.ack_wait);
        state.subscription = subscription.clone();
        drop(state);
        self.changed.notify_waiters();
    }

    /// What there is to do now. Blocks on the disk now and then.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn next(&self, head: &Head, now: Instant) -> Result<Next, StoreError> {
        let mut state = self.state();
        loop {
            if state.ended {
                return Ok(Next::Ended);
            }
            if let Some(at) = state.damaged.pop() {
                return Ok(Next::Damaged(at));
            }
            let Some(taken) = state.queue.take(now) else {
                if state.look_further(head)? {
                    continue;
                }
                return Ok(Next::Wait(state.queue.next_change()));
            };
            state.dirty = true;
            match head.content(taken.at)? {
                Some(content) => return Ok(Next::Deliver(taken, Box::new(content))),
                // retention was quicker, and has counted it
                None => state.give_up(taken),
            }
        }
    }

    /// Ends when [`Durable::next`] may answer something else.
    pub fn changed(&self) -> tokio::sync::futures::Notified<'_> {
        self.changed.notified()
    }

    /// It was handled, or never will be.
    pub fn settle(&self, taken: Taken) {
        self.change(|state| state.queue.settle(taken));
    }

    /// It was not handled.
    pub fn retry(&self, taken: Taken, until: Instant) {
        self.change(|state| state.queue.retry(taken, until));
    }

    /// It was not tried.
    pub fn give_back(&self, taken: Taken) {
        self.change(|state| state.queue.give_back(taken));
    }

    /// It is still being handled.
    pub fn progress(&self, taken: Taken, now: Instant) {
        self.state().queue.progress(taken, now);
    }

    /// Its handle was dropped.
    pub fn release(&self, taken: Taken) {
        self.change(|state| {
            if state.queue.release(taken) {
                state.marks.push(taken.at);
            }
        });
    }

    /// Nothing is delivered any more.
    pub fn end(&self) {
        self.change(|state| state.ended = true);
    }

    /// Everything up to here is settled.
    pub fn settled_until(&self) -> Position {
        let state = self.state();
        state.queue.open().next().map_or(state.seen, |(at, _)| before(at))
    }

    /// These events, the oldest of all, are gone; how many of them were for it and are not settled.
    pub fn removed(&self, events: &[Logged]) -> u64 {
        let mut state = self.state();
        let unseen = |logged: &&Logged| logged.at > state.seen && wants(&state.subscription, logged);
        let unseen = events.iter().filter(unseen).count() as u64;
        let Some(end) = events.last().map(|last| last.at) else { return 0 };
        let lost = unseen + state.queue.drop_until(end);
        state.pass(end);
        state.dirty |= lost > 0;
        drop(state);
        self.changed.notify_waiters();
        lost
    }

    /// What a restart must know now.
    pub fn saved(&self) -> Saved {
        self.saved_of(&self.state())
    }

    fn saved_of(&self, state: &State) -> Saved {
        Saved::new(&self.service, &self.subject, state.seen, state.queue.open())
    }

    /// What has to be written down, if anything has changed, with at most `limit` marks. It counts as written.
    pub fn snapshot(&self, limit: usize) -> Option<Snapshot> {
        let mut state = self.state();
        if state.ended || !state.dirty {
            return None;
        }
        let some = state.marks.len().min(limit);
        let rest = state.marks.split_off(some);
        let marks = std::mem::replace(&mut state.marks, rest);
        state.dirty = !state.marks.is_empty();
        Some(Snapshot { saved: self.saved_of(&state), marks })
    }

    /// The snapshot could not be written.
    pub fn not_saved(&self, marks: Vec<Position>) {
        let mut state = self.state();
        state.marks.extend(marks);
        state.dirty = true;
    }

    /// Counts what waits behind what it has looked at, at most `limit` events further. `true`: there may be more.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn count_ahead(&self, head: &Head, limit: usize) -> Result<bool, StoreError> {
        let (from, subscription) = {
            let state = self.state();
            (state.ahead.until(), state.subscription.clone())
        };
        let page = head.read(from, limit)?;
        let wanted = page.events.iter().filter(|logged| wants(&subscription, logged)).map(|logged| logged.at);
        self.state().ahead.extend(from, wanted, page.until);
        Ok(page.until < head.end())
    }

    /// Where it stands, as far as was counted.
    pub fn info(&self) -> ConsumerInfo {
        let state = self.state();
        let counts = state.queue.counts();
        ConsumerInfo {
            service: self.service.clone(),
            subject: self.subject.clone(),
            lag: counts.fresh + state.ahead.wanted(),
            in_flight: counts.in_flight,
            redelivered: counts.redelivered,
        }
    }

    fn change(&self, how: impl FnOnce(&mut State)) {
        let mut state = self.state();
        how(&mut state);
        state.dirty = true;
        drop(state);
        self.changed.notify_waiters();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Looks at what comes next in the log, if there is room. `true`: there was something.
    fn look_further(&mut self, head: &Head) -> Result<bool, StoreError> {
        let room = WINDOW.saturating_sub(self.queue.len()).min(STEP);
        if room == 0 {
            return Ok(false);
        }
        let page = head.read(self.seen, room)?;
        for logged in &page.events {
            self.look_at(logged);
        }
        self.pass(page.until);
        Ok(!page.events.is_empty())
    }

    fn pass(&mut self, until: Position) {
        self.seen = self.seen.max(until);
        self.ahead.seen_until(self.seen);
        self.pass_marks();
    }

    /// Marks of events that are behind what was seen, and settled: nobody needs them.
    fn pass_marks(&mut self) {
        while let Some(at) = self.handled.first().copied().filter(|at| *at <= self.seen) {
            self.handled.remove(&at);
            self.marks.push(at);
            self.dirty = true;
        }
    }

    fn look_at(&mut self, logged: &Logged) {
        let Some(content) = &logged.content else {
            self.damaged.push(logged.at);
            return;
        };
        // its mark goes when all of the page was looked at
        if !self.handled.contains(&logged.at) && self.subscription.wants(content) {
            self.queue.offer(logged.at, key(content), 0);
        }
    }

    fn give_up(&mut self, taken: Taken) {
        self.queue.settle(taken);
        self.queue.release(taken);
    }
}

fn wants(subscription: &Subscription, logged: &Logged) -> bool {
    logged.content.as_ref().is_some_and(|content| subscription.wants(content))
}

fn key(content: &Content) -> Option<Arc<str>> {
    content.key.as_deref().map(Into::into)
}

/// The place right before.
fn before(at: Position) -> Position {
    match (at.index.checked_sub(1), at.sequence.0.checked_sub(1)) {
        (Some(index), _) => Position { index, ..at },
        (None, Some(sequence)) => super::head::end_of(holm_registry::store::Sequence(sequence)),
        (None, None) => at,
    }
}
