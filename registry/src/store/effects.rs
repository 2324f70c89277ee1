//! What goes into a commit and what comes out of a read.

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::key::{Key, Keyset};
use super::log::Log;
use super::usage::Quota;

/// What a key costs beside its bytes: map nodes, the record's head, the log's frame.
const OVERHEAD: usize = 64;

/// The number of a commit. Grows by one with each; a value's version is the number of the
/// commit that wrote it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sequence(pub u64);

impl Sequence {
    /// The version of a key that does not exist.
    pub const NONE: Self = Self(0);
    /// The version that no key has: what a unit of work has seen that saw two versions of one key. The later one
    /// may be gone again, and the first one back, since absence is a version, too.
    pub const NEVER: Self = Self(u64::MAX - 1);
    /// The version of a record whose bytes say none.
    pub(super) const DAMAGED: Self = Self(u64::MAX);

    pub(super) fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What one unit of work saw and what it wants to write.
///
/// The commit happens only if everything it saw is still so at that moment; this is what makes
/// units of work serializable, and it holds for reads that were never written, too.
#[derive(Clone, Debug, Default)]
pub struct Effects {
    /// The version of every key that was read, [`Sequence::NONE`] for one that was absent.
    ///
    /// A miss guards the absent key itself and not the keyset of its bucket: that is enough to
    /// be serializable, and a new key elsewhere in the bucket is then no conflict.
    pub reads: BTreeMap<Key, Sequence>,
    /// The sequence of every keyset that was listed, from [`KeyPage::keyset`] of the *first*
    /// page: keep the smallest when a listing is repeated.
    pub keysets: BTreeMap<Keyset, Sequence>,
    /// Whether what one guard stands for may not have held at one moment: two versions of a key, two pages of a
    /// listing. Then even a single guard is checked, which by itself always held at some moment.
    pub torn: bool,
    /// The new value of every key that was written, `None` to delete it.
    pub writes: BTreeMap<Key, Option<Bytes>>,
    /// What each service that it writes for may keep; `None`: as much as it likes.
    pub quota: Option<Quota>,
    /// What is appended to the logs, in this order: see [`Content::encode`](crate::event::Content::encode).
    pub events: Vec<(Log, Bytes)>,
}

impl Effects {
    /// What the commit weighs in the committer's queue and on disk, in bytes.
    pub fn size(&self) -> usize {
        let guards = self.reads.keys().map(|key| Self::size_of(key, None)).sum::<usize>()
            + self.keysets.keys().map(|set| set.prefix().len() + OVERHEAD).sum::<usize>();
        let writes: usize = self.writes.iter().map(|(key, new)| Self::size_of(key, new.as_ref())).sum();
        guards + writes + self.events.iter().map(|(_, event)| Self::size_of_event(event)).sum::<usize>()
    }

    /// Whether it changes nothing, whatever it has seen.
    pub fn only_reads(&self) -> bool {
        self.writes.is_empty() && self.events.is_empty()
    }

    /// Says that an event is handled with this commit, which then happens at most once: see [`Key::inbox`].
    /// `time`: when, in milliseconds since 1970.
    pub fn mark(&mut self, mark: Key, time: u64) {
        self.reads.insert(mark.clone(), Sequence::NONE);
        self.writes.insert(mark, Some(stamped(time, &[])));
    }

    /// What one event weighs in it, encoded.
    pub fn size_of_event(event: &Bytes) -> usize {
        event.len() + OVERHEAD
    }

    /// What one key weighs in it: read, or written with this value.
    pub fn size_of(key: &Key, value: Option<&Bytes>) -> usize {
        key.as_bytes().len() + value.map_or(0, Bytes::len) + OVERHEAD
    }
}

/// A value that begins with when it was written, in milliseconds since 1970: see [`Store::expire`](super::Store).
pub fn stamped(time: u64, value: &[u8]) -> Bytes {
    [time.to_be_bytes().as_slice(), value].concat().into()
}

/// When a value was written, and what was stamped. `None`: nothing was.
pub fn unstamped(value: &Bytes) -> Option<(u64, Bytes)> {
    let time = value.first_chunk()?;
    Some((u64::from_be_bytes(*time), value.slice(time.len()..)))
}

/// A value with its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The bytes as they were written.
    pub value: Bytes,
    /// The commit that wrote them.
    pub version: Sequence,
}

/// Some records, in the order of their keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Records {
    /// They, with their keys.
    pub records: Vec<(Key, Record)>,
    /// Where the next ones begin: pass it as `after`. `None`: these were the last.
    pub next: Option<Key>,
}

/// A page of a bucket's keys, in the order of their bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPage {
    /// The keys of this page.
    pub keys: Vec<String>,
    /// Where the next page begins: pass it as `after`. `None`: this was the last one.
    pub next: Option<String>,
    /// What the unit of work puts into [`Effects::keysets`].
    pub keyset: Sequence,
    /// Whether the page held as a whole at one moment. If not, the unit of work sets [`Effects::torn`].
    pub whole: bool,
}
