//! What of the log is on its way to the server (pure: no clock, no store).
//!
//! Events are sent in the order of the log, several at once, but of each key one after the other: a message that
//! was lost with its connection is sent again behind those that got through.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use holm_registry::event::Content;
use holm_registry::settings::Order;
use holm_registry::store::{Logged, Position, Sequence};
use tokio::time::Instant;

use crate::events::queue::{Queue, Taken};

/// Events and bytes of them in memory, sent or waiting for one of their key: four windows.
const EVENTS: usize = 1024;
const BYTES: usize = 8 << 20;
/// Sending has its own deadlines.
const NEVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Events of the log.
pub struct Outbox {
    queue: Queue,
    contents: HashMap<Position, Arc<Content>>,
    bytes: usize,
    /// Everything up to here was read.
    read: Position,
    /// Sent, and to be removed from the log.
    done: Vec<Position>,
    /// Refused, and not sent since.
    stuck: BTreeSet<Position>,
}

impl Outbox {
    /// Begins behind this place.
    pub fn new(begin: Position) -> Self {
        let (contents, bytes, done, stuck) = Default::default();
        Self { queue: Queue::new(Order::Key, NEVER), contents, bytes, read: begin, done, stuck }
    }

    /// What to read next: behind which place, how many events and how many bytes. `None`: there is no room.
    pub fn wants(&self) -> Option<(Position, usize, usize)> {
        let (events, bytes) = (EVENTS.saturating_sub(self.queue.len()), BYTES.saturating_sub(self.bytes));
        // in steps: reading on for each event that was sent would be a scan of the store each time
        (events >= EVENTS / 4 && bytes > 0).then_some((self.read, events, bytes))
    }

    /// This was read, up to `until`. Answers with what of it is damaged, and is not sent.
    pub fn add(&mut self, events: Vec<Logged>, until: Position) -> Vec<Position> {
        let mut damaged = Vec::new();
        for Logged { at, content } in events {
            let Some(content) = content else {
                damaged.push(at);
                continue;
            };
            self.bytes += content.size();
            self.queue.offer(at, content.key.as_deref().map(Arc::from), 0);
            self.contents.insert(at, Arc::new(content));
        }
        self.read = until;
        damaged
    }

    /// The next event to send.
    pub fn take(&mut self, now: Instant) -> Option<(Taken, Arc<Content>)> {
        let taken = self.queue.take(now)?;
        let content = self.contents.get(&taken.at).cloned();
        content.map(|content| (taken, content))
    }

    /// When [`Outbox::take`] may have something that it does not have now.
    pub fn next_change(&self) -> Option<Instant> {
        self.queue.next_change()
    }

    /// The server has it.
    pub fn sent(&mut self, taken: Taken) {
        self.queue.settle(taken);
        self.queue.release(taken);
        if let Some(content) = self.contents.remove(&taken.at) {
            self.bytes = self.bytes.saturating_sub(content.size());
        }
        self.done.push(taken.at);
        self.stuck.remove(&taken.at);
    }

    /// The server may not have it: not before then again.
    pub fn failed(&mut self, taken: Taken, again: Instant) {
        self.queue.retry(taken, again);
        self.queue.release(taken);
    }

    /// The server does not take it: not before then again.
    pub fn refused(&mut self, taken: Taken, again: Instant) {
        self.stuck.insert(taken.at);
        self.failed(taken, again);
    }

    /// Whether some event is refused again and again.
    pub fn is_stuck(&self) -> bool {
        !self.stuck.is_empty()
    }

    /// What can be removed from the log.
    pub fn done(&mut self, most: usize) -> Vec<Position> {
        let rest = self.done.split_off(self.done.len().min(most));
        std::mem::replace(&mut self.done, rest)
    }

    /// It was not removed.
    pub fn not_removed(&mut self, positions: Vec<Position>) {
        self.done.extend(positions);
    }

    /// Whether everything up to a commit was read.
    pub fn has_read(&self, until: Sequence) -> bool {
        self.read.sequence >= until
    }

    /// Whether everything that was read is sent and removed.
    pub fn is_empty(&self) -> bool {
        self.queue.len() == 0 && self.done.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::testing::{content, keyed};

    fn at(sequence: u64) -> Position {
        Position { sequence: Sequence(sequence), index: 0 }
    }

    fn logged(sequence: u64, key: &str) -> Logged {
        let content = if key.is_empty() { content("a") } else { keyed("a", key) };
        Logged { at: at(sequence), content: Some(content) }
    }

    #[test]
    fn events_of_one_key_overtake_each_other_on_their_way_to_the_server() {
        let (now, mut outbox) = (Instant::now(), Outbox::new(Position::default()));
        assert_eq!(outbox.wants(), Some((Position::default(), EVENTS, BYTES)));
        outbox.add(vec![logged(1, "a"), logged(2, "a"), logged(3, ""), logged(4, "b")], at(4));
        let mut take = |now| outbox.take(now).map(|(taken, _)| taken);
        let first = take(now).unwrap();
        assert_eq!((first.at, take(now).unwrap().at, take(now).unwrap().at), (at(1), at(3), at(4)));
        assert_eq!(take(now), None, "two of one key are on their way");
        let later = now + Duration::from_secs(1);
        outbox.refused(first, later);
        assert!(outbox.is_stuck());
        assert_eq!((outbox.take(now), outbox.next_change()), (None, Some(later)));
        let (again, _) = outbox.take(later).unwrap();
        assert_eq!(again.at, at(1));
        outbox.sent(again);
        assert!(!outbox.is_stuck());
        assert_eq!((outbox.take(later).unwrap().0.at, outbox.done(9)), (at(2), vec![at(1)]));
    }

    #[test]
    fn the_whole_backlog_is_read_into_memory() {
        let (now, mut outbox) = (Instant::now(), Outbox::new(Position::default()));
        let many = u64::try_from(EVENTS).unwrap();
        outbox.add((1..=many).map(|at| logged(at, "k")).collect(), at(many));
        assert_eq!(outbox.wants(), None);
        for _ in 0..EVENTS / 4 {
            let (taken, _) = outbox.take(now).unwrap();
            outbox.sent(taken);
        }
        assert_eq!(outbox.wants().map(|(after, events, _)| (after, events)), Some((at(many), EVENTS / 4)));
        let removed = outbox.done(10);
        assert_eq!(removed.len(), 10);
        outbox.not_removed(removed);
        assert!(outbox.done(EVENTS).len() == EVENTS / 4 && !outbox.is_empty());
    }

    #[test]
    fn a_damaged_event_stops_the_others() {
        let mut outbox = Outbox::new(Position::default());
        assert_eq!(outbox.add(vec![Logged { at: at(1), content: None }], at(1)), [at(1)]);
        assert!(outbox.is_empty() && outbox.wants().is_some_and(|(after, ..)| after == at(1)));
    }
}
