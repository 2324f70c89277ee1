//! Logs of events: appended to by commits, read by position, trimmed by whoever has consumed them.

use bytes::Bytes;

use super::effects::Sequence;
use super::error::StoreError;
use super::key::Key;
use super::shared::{Shared, read_error};
use super::usage::Usage;
use super::{Store, layout, read};
use crate::event::Content;

/// Records that one step of a reading holds in memory: at 96 KiB each, 3 MiB.
const STEP: usize = 32;

/// Which log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Log {
    /// What was published: the embedded bus itself, or what waits to be sent to a broker.
    Events,
    /// Events that a subscription could not handle, each with why.
    DeadLetters,
}

/// Where in its log an event lies: the commit that published it, and which event of that commit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The commit.
    pub sequence: Sequence,
    /// Its place among the commit's events.
    pub index: u32,
}

/// An event of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// Where it lies.
    pub at: Position,
    /// What it says; `None`: the record is damaged. Whoever finds that hands it to [`Store::quarantine`] and goes
    /// on with the next one.
    pub content: Option<Content>,
}

/// Part of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Its events, in order.
    pub events: Vec<Logged>,
    /// How far it reaches: pass it as `after` for the next one. Between the last event and this there is none.
    pub until: Position,
    /// Whether more is there already.
    pub more: bool,
}

impl Log {
    /// All logs.
    pub(super) const ALL: [Self; 2] = [Self::Events, Self::DeadLetters];

    pub(super) fn tag(self) -> u8 {
        match self {
            Self::Events => 0,
            Self::DeadLetters => 1,
        }
    }

    pub(super) fn of_tag(tag: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|log| log.tag() == tag)
    }

    /// Under which name its total is kept. No service is called so: names of services have no slash.
    pub(super) fn owner(self) -> &'static str {
        match self {
            Self::Events => "log/events",
            Self::DeadLetters => "log/dead-letters",
        }
    }
}

impl Store {
    /// At most `limit` events of a log behind `after`, in order; `None`: from the first. Nothing bounds their bytes:
    /// whoever may be far behind asks for a [`Store::page`].
    pub fn events(&self, log: Log, after: Option<Position>, limit: usize) -> Result<Vec<Logged>, StoreError> {
        Ok(self.page(log, after, limit, usize::MAX)?.events)
    }

    /// Part of a log behind `after`, `None`: from its begin. It ends before it has more than `limit` events, and
    /// with the event that brings it to `bytes`.
    pub fn page(&self, log: Log, after: Option<Position>, limit: usize, bytes: usize) -> Result<Page, StoreError> {
        page(&self.0.shared, log, after, limit, bytes)
    }

    /// Events in a log, as [`Usage::keys`], and their bytes, as of the latest visible commit.
    pub fn log_usage(&self, log: Log) -> Usage {
        self.0.shared.usage(log.owner())
    }
}

fn page(shared: &Shared, log: Log, after: Option<Position>, limit: usize, bytes: usize) -> Result<Page, StoreError> {
    // what is being applied may be seen in part: it is read when it is visible
    let last = Position { sequence: shared.applied(), index: u32::MAX };
    let end = Key::event(log, Position { sequence: last.sequence.next(), index: 0 });
    let (mut events, mut room, mut at) = (Vec::new(), bytes, after.unwrap_or_default());
    let mut from = first_behind(log, after);
    loop {
        // one more than fits, to know whether there is more
        let step = STEP.min((limit - events.len()).saturating_add(1));
        let records = shared.engine.scan(&from, Some(end.as_bytes()), step).map_err(read_error)?;
        for (key, record) in &records {
            if events.len() == limit || room == 0 {
                return Ok(Page { events, until: at, more: true });
            }
            let key = Key::from_bytes(key);
            from = [key.as_bytes(), &[0]].concat();
            let Some(found) = logged(shared, &key, record)? else { continue };
            at = found.at;
            room = room.saturating_sub(found.content.as_ref().map_or(record.len(), Content::size).max(1));
            events.push(found);
        }
        if records.len() < step {
            return Ok(Page { events, until: last.max(at), more: false });
        }
    }
}

/// The smallest key that an event behind this one can have.
fn first_behind(log: Log, after: Option<Position>) -> Vec<u8> {
    let mut from = Key::event(log, after.unwrap_or_default()).as_bytes().to_vec();
    if after.is_some() {
        from.push(0);
    }
    from
}

/// `None`: it was removed meanwhile.
fn logged(shared: &Shared, key: &Key, record: &Bytes) -> Result<Option<Logged>, StoreError> {
    let Some(at) = key.position() else { return Ok(None) };
    let value = match layout::read(record) {
        Some((_, Some(inline))) => Some(inline),
        Some((_, None)) => match read::get(shared, key) {
            Ok(Some(record)) => Some(record.value),
            Ok(None) => return Ok(None),
            Err(StoreError::Damaged { .. }) => None,
            Err(other) => return Err(other),
        },
        None => None,
    };
    Ok(Some(Logged { at, content: value.and_then(|value| Content::decode(&value).ok()) }))
}
