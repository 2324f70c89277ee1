//! Logs of events: appended to by commits, read by position, trimmed by whoever has consumed them.

use bytes::Bytes;

use super::effects::Sequence;
use super::error::StoreError;
use super::key::Key;
use super::read;
use super::shared::{Shared, read_error};
use crate::event::Content;

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
    /// What it says; `None`: the record is damaged.
    pub content: Option<Content>,
}

impl Log {
    pub(super) fn tag(self) -> u8 {
        match self {
            Self::Events => 0,
            Self::DeadLetters => 1,
        }
    }
}

pub(super) fn events(
    shared: &Shared,
    log: Log,
    after: Option<Position>,
    limit: usize,
) -> Result<Vec<Logged>, StoreError> {
    // what is being applied may be seen in part: it is read when it is visible
    let end = Key::event(log, Position { sequence: shared.applied().next(), index: 0 });
    let mut from = Key::event(log, after.unwrap_or_default()).as_bytes().to_vec();
    if after.is_some() {
        from.push(0); // the smallest key behind it
    }
    let pairs = shared.engine.scan(&from, Some(end.as_bytes()), limit).map_err(read_error)?;
    let mut found = Vec::with_capacity(pairs.len());
    for (bytes, _) in &pairs {
        let key = Key::from_bytes(bytes);
        let Some(at) = key.position() else { continue };
        // one that was trimmed meanwhile is simply not there
        let Some(record) = read::get(shared, &key)? else { continue };
        found.push(Logged { at, content: content(&record.value) });
    }
    Ok(found)
}

fn content(value: &Bytes) -> Option<Content> {
    Content::decode(value).ok()
}
