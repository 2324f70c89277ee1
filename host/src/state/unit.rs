//! The unit of work: an overlay over the store, and what was read through it.
//!
//! Reads see the unit's own writes first. Nothing reaches the store before the commit, which
//! takes place only if everything that was read is still as it was.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use bytes::Bytes;
use holm_registry::store::{Effects, Key, Keyset, Sequence, Store, StoreError};

/// What one invocation has read and wants to write, until it is cut.
#[derive(Debug, Default)]
pub struct UnitOfWork {
    effects: Effects,
    /// The newest commit that it has seen: what leaves the process waits until that is durable.
    highest: Sequence,
}

/// A unit that has ended: ready to be committed or dropped.
#[derive(Debug)]
pub struct Staged {
    /// What to commit.
    pub effects: Effects,
    /// The newest commit that it has seen.
    pub highest: Sequence,
}

/// Part of a listing, in order.
#[derive(Debug, PartialEq, Eq)]
pub struct Page {
    /// The keys.
    pub keys: Vec<String>,
    /// Whether there may be further ones.
    pub more: bool,
}

impl Staged {
    /// Whether there is nothing to write and nothing to validate.
    pub fn is_empty(&self) -> bool {
        self.effects.writes.is_empty() && self.effects.reads.is_empty() && self.effects.keysets.is_empty()
    }
}

impl UnitOfWork {
    /// The value of a key, as this unit sees it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn get(&mut self, store: &Store, key: Key) -> Result<Option<Bytes>, StoreError> {
        if let Some(written) = self.effects.writes.get(&key) {
            return Ok(written.clone());
        }
        let record = store.get(&key)?;
        let (value, version) = match record {
            Some(record) => (Some(record.value), record.version),
            None => (None, Sequence::NONE),
        };
        self.highest = self.highest.max(version);
        keep_first(self.effects.reads.entry(key), version);
        Ok(value)
    }

    /// Gives a key a value.
    pub fn set(&mut self, key: Key, value: Bytes) {
        self.effects.writes.insert(key, Some(value));
    }

    /// Removes a key.
    pub fn delete(&mut self, key: Key) {
        self.effects.writes.insert(key, None);
    }

    /// The keys of a bucket behind `after`, at least one if there is one, about `limit`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn list(&mut self, store: &Store, set: &Keyset, after: Option<&str>, limit: usize) -> Result<Page, StoreError> {
        let mut from = after.map(str::to_owned);
        loop {
            let page = store.keys(set, from.as_deref(), limit)?;
            self.highest = self.highest.max(page.keyset);
            keep_first(self.effects.keysets.entry(set.clone()), page.keyset);
            let keys = merge(&page.keys, self.written(set, from.as_deref(), page.next.as_deref()));
            match page.next {
                Some(next) if keys.is_empty() => from = Some(next),
                next => return Ok(Page { keys, more: next.is_some() }),
            }
        }
    }

    /// Ends this unit and begins the next one.
    pub fn cut(&mut self) -> Staged {
        let ended = std::mem::take(self);
        self.highest = ended.highest;
        Staged { effects: ended.effects, highest: ended.highest }
    }

    /// What this unit wrote between two keys of a bucket: the first excluded, the last included.
    fn written<'a>(
        &'a self,
        set: &'a Keyset,
        after: Option<&'a str>,
        until: Option<&'a str>,
    ) -> impl Iterator<Item = (String, bool)> + 'a {
        self.effects.writes.iter().filter_map(move |(key, value)| {
            let name = key.name_in(set)?;
            let inside = after.is_none_or(|after| name > after) && until.is_none_or(|until| name <= until);
            inside.then(|| (name.to_owned(), value.is_some()))
        })
    }
}

/// The first version that a unit saw is the one that must still hold.
fn keep_first<K: Ord>(entry: Entry<'_, K, Sequence>, seen: Sequence) {
    entry.or_insert(seen);
}

/// Stored keys with the unit's own writes (`true`: has a value) laid over them.
fn merge(stored: &[String], written: impl Iterator<Item = (String, bool)>) -> Vec<String> {
    let mut keys: BTreeMap<String, bool> = stored.iter().map(|key| (key.clone(), true)).collect();
    keys.extend(written);
    keys.into_iter().filter_map(|(key, present)| present.then_some(key)).collect()
}
