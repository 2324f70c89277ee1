//! The end of the log, read once for all subscriptions that follow it.
//!
//! A subscription that keeps up finds what is new here, decoded already; one that is far behind reads the
//! store.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use holm_registry::event::Content;
use holm_registry::store::{Key, Log, Logged, Position, Sequence, Store, StoreError};
use tokio::sync::watch;

/// Events and bytes of them that stay in memory: some seconds at full speed, and a small part of what one
/// service may use.
const EVENTS: usize = 4096;
const BYTES: usize = 8 << 20;
/// Events read from the store at once, and their bytes: some milliseconds.
const STEP: usize = 256;
const STEP_BYTES: usize = 4 << 20;
/// Commits behind which the end is not read up to but begun anew.
const FAR: u64 = 16 * STEP as u64;

/// What the log says, newest events first at hand.
pub struct Head {
    store: Store,
    visible: watch::Receiver<Sequence>,
    ring: Mutex<Ring>,
}

/// Every event of the log behind `after` up to `until`.
struct Ring {
    events: VecDeque<Arc<Logged>>,
    bytes: usize,
    after: Position,
    until: Position,
}

/// Part of the log.
pub struct Page {
    /// What is in it, in order.
    pub events: Vec<Arc<Logged>>,
    /// How far it reaches: between its last event and this there is none.
    pub until: Position,
}

impl Head {
    /// Begins at the end of the log.
    pub fn new(store: Store) -> Self {
        let visible = store.follow();
        let end = end_of(*visible.borrow());
        Self { store, visible, ring: Mutex::new(Ring::at(end)) }
    }

    /// Behind everything that is visible now.
    pub fn end(&self) -> Position {
        end_of(*self.visible.borrow())
    }

    /// At most `limit` events behind `after`. Blocks on the disk now and then.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn read(&self, after: Position, limit: usize) -> Result<Page, StoreError> {
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        ring.extend(&self.store, self.end())?;
        if after >= ring.after {
            return Ok(ring.behind(after, limit));
        }
        drop(ring);
        let page = self.store.page(Log::Events, Some(after), limit, STEP_BYTES)?;
        Ok(Page { events: page.events.into_iter().map(Arc::new).collect(), until: page.until })
    }

    /// What one event says; `None`: it is not there any more, or damaged.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn content(&self, at: Position) -> Result<Option<Content>, StoreError> {
        if let Some(logged) = self.ring.lock().unwrap_or_else(PoisonError::into_inner).find(at) {
            return Ok(logged.content.clone());
        }
        let record = self.store.get(&Key::event(Log::Events, at))?;
        Ok(record.and_then(|record| Content::decode(&record.value).ok()))
    }
}

impl Ring {
    fn at(end: Position) -> Self {
        Self { events: VecDeque::new(), bytes: 0, after: end, until: end }
    }

    fn behind(&self, after: Position, limit: usize) -> Page {
        let from = self.events.partition_point(|logged| logged.at <= after);
        let events: Vec<_> = self.events.range(from..).take(limit).cloned().collect();
        let last = events.last().map(|last| last.at).filter(|_| events.len() == limit);
        Page { until: last.unwrap_or(self.until).max(after), events }
    }

    fn find(&self, at: Position) -> Option<&Arc<Logged>> {
        let index = self.events.binary_search_by_key(&at, |logged| logged.at).ok()?;
        self.events.get(index)
    }

    fn extend(&mut self, store: &Store, end: Position) -> Result<(), StoreError> {
        if end.sequence.0.saturating_sub(self.until.sequence.0) > FAR {
            // nobody has asked for a long while; whoever does now and is behind reads the store
            *self = Self::at(end);
        }
        while self.until < end {
            let page = store.page(Log::Events, Some(self.until), STEP, STEP_BYTES)?;
            self.until = page.until;
            page.events.into_iter().for_each(|logged| self.push(Arc::new(logged)));
        }
        Ok(())
    }

    fn push(&mut self, logged: Arc<Logged>) {
        self.bytes += size(&logged);
        self.events.push_back(logged);
        while self.events.len() > EVENTS || self.bytes > BYTES {
            let Some(oldest) = self.events.pop_front() else { return };
            self.bytes -= size(&oldest);
            self.after = oldest.at;
        }
    }
}

fn size(logged: &Logged) -> usize {
    logged.content.as_ref().map_or(0, Content::size)
}

/// Behind every event of a commit.
pub fn end_of(sequence: Sequence) -> Position {
    Position { sequence, index: u32::MAX }
}
