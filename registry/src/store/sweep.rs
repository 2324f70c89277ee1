//! Removes what nobody needs any more: in commits of bounded size, which others get between.

use std::future::poll_fn;
use std::task::Poll;

use bytes::Bytes;

use super::effects::{Effects, unstamped};
use super::error::{CommitError, StoreError};
use super::key::{ANSWERS, INBOX, Key, after_prefix};
use super::log::{Log, Position};
use super::shared::read_error;
use super::{Store, layout, read};
use crate::name::ServiceName;

/// Records that one step looks at, and the most that one commit removes: at 96 KiB each, 12 MiB that are held for a
/// moment, and some milliseconds of the committer's time.
const STEP: usize = 128;

/// What is no longer of use some time after it was written, see [`stamped`](super::stamped).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiring {
    /// Marks of events that were handled.
    Marks,
    /// Answers to requests that may come again.
    Answers,
}

/// That a subscription has handled an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The event's id.
    pub event: String,
    /// When, in milliseconds since 1970; 0 if that cannot be read any more.
    pub time: u64,
}

/// Which records go.
#[derive(Clone, Copy)]
enum Which {
    All,
    /// Those that were written before a time.
    Before(u64),
}

/// The keys from one up to another.
struct Range {
    from: Vec<u8>,
    /// Exclusive; `None`: the end.
    to: Option<Vec<u8>>,
}

/// Some records of a range.
struct Step {
    found: Vec<(Key, Bytes)>,
    /// Where the next step begins; `None`: this was the last one.
    next: Option<Vec<u8>>,
}

impl Range {
    fn of_prefix(prefix: &[u8]) -> Self {
        Self { from: prefix.to_vec(), to: after_prefix(prefix) }
    }
}

impl Store {
    /// Removes the events of a log up to a position, which goes, too. Answers with how many there were.
    pub async fn trim(&self, log: Log, up_to: Position) -> Result<u64, CommitError> {
        let from = Key::event(log, Position::default()).as_bytes().to_vec();
        let to = [Key::event(log, up_to).as_bytes(), &[0]].concat();
        self.remove(Range { from, to: Some(to) }, Which::All).await
    }

    /// Removes what was written before a time, in milliseconds since 1970. Answers with how many there were.
    pub async fn expire(&self, what: Expiring, before: u64) -> Result<u64, CommitError> {
        let space = match what {
            Expiring::Marks => INBOX,
            Expiring::Answers => ANSWERS,
        };
        self.remove(Range::of_prefix(&[space]), Which::Before(before)).await
    }

    /// Removes the marks of a subscription and what a bus remembers of it. Answers with how many there were.
    pub async fn forget(&self, service: &ServiceName, subscription: &str) -> Result<u64, CommitError> {
        let mut removed = 0;
        for prefix in [Key::inbox(service, subscription, ""), Key::consumer(service, subscription, "")] {
            removed += self.remove(Range::of_prefix(prefix.as_bytes()), Which::All).await?;
        }
        Ok(removed)
    }

    /// The marks of a subscription, in no order that means something.
    pub fn marks(&self, service: &ServiceName, subscription: &str) -> Result<Vec<Mark>, StoreError> {
        let range = Range::of_prefix(Key::inbox(service, subscription, "").as_bytes());
        let mark = |(key, record): (Key, Bytes)| {
            let (_, _, event) = key.subscription_parts()?;
            let value = layout::read(&record).and_then(|(_, inline)| inline);
            let time = value.and_then(|value| unstamped(&value)).map_or(0, |(time, _)| time);
            Some(Mark { event, time })
        };
        let (mut marks, mut from) = (Vec::new(), range.from);
        loop {
            let step = self.step(&from, range.to.as_deref())?;
            marks.extend(step.found.into_iter().filter_map(mark));
            match step.next {
                Some(next) => from = next,
                None => return Ok(marks),
            }
        }
    }

    /// Keeps the bytes of a damaged record aside, out of everybody's way: see [`Key::quarantine`]. Nothing to do if
    /// there is no such record any more.
    pub async fn quarantine(&self, key: &Key) -> Result<(), CommitError> {
        let Some(bytes) = self.0.shared.engine.get(key.as_bytes()).map_err(read_error)? else {
            return Ok(());
        };
        tracing::error!(%key, bytes = bytes.len(), "a damaged record is set aside");
        let writes = [(key.quarantined(), Some(bytes)), (key.clone(), None)].into();
        self.commit(Effects { writes, ..Effects::default() }).await.map(|_| ())
    }

    /// Removes step by step. What is replaced meanwhile is looked at again.
    async fn remove(&self, range: Range, which: Which) -> Result<u64, CommitError> {
        let (mut removed, mut from) = (0, range.from);
        loop {
            let step = self.step(&from, range.to.as_deref())?;
            let effects = self.removal(step.found, which)?;
            let count = effects.writes.len() as u64;
            if count > 0 {
                match self.commit(effects).await {
                    Err(CommitError::Conflict(_)) => continue,
                    other => other?,
                };
                removed += count;
            }
            match step.next {
                Some(next) => from = next,
                None => return Ok(removed),
            }
            let_others_run().await;
        }
    }

    /// What is removed of these records. What cannot be read is of no use to anybody.
    fn removal(&self, found: Vec<(Key, Bytes)>, which: Which) -> Result<Effects, StoreError> {
        let mut effects = Effects::default();
        for (key, record) in found {
            if let (Which::Before(before), Some((head, inline))) = (which, layout::read(&record)) {
                let value = match inline {
                    Some(value) => Some(value),
                    None => read::get(&self.0.shared, &key)?.map(|record| record.value),
                };
                if value.and_then(|value| unstamped(&value)).is_some_and(|(time, _)| time >= before) {
                    continue;
                }
                effects.reads.insert(key.clone(), head.version);
            }
            effects.writes.insert(key, None);
        }
        Ok(effects)
    }

    fn step(&self, from: &[u8], to: Option<&[u8]>) -> Result<Step, StoreError> {
        let pairs = self.0.shared.engine.scan(from, to, STEP).map_err(read_error)?;
        let next = pairs.last().filter(|_| pairs.len() == STEP).map(|(last, _)| [last.as_ref(), &[0]].concat());
        Ok(Step { found: pairs.into_iter().map(|(key, record)| (Key::from_bytes(&key), record)).collect(), next })
    }
}

/// A sweep that finds nothing to remove never waits for anything.
async fn let_others_run() {
    let mut waited = false;
    poll_fn(|context| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
