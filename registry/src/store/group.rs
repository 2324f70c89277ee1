//! Decides which of several waiting commits hold, and merges those into one batch.
//!
//! Each commit is checked against the store as the earlier commits of the group leave it, so
//! the outcome is the same as if each had been applied alone.

use std::collections::HashMap;

use super::effects::{Effects, Sequence};
use super::engine::Batch;
use super::error::{CommitError, Stale, StoreError};
use super::key::{Key, Keyset};
use super::layout::{self, Head};
use super::log::{Log, Position};
use super::shared::{Shared, read_error};
use super::usage::{Quota, Usage, Usages};

/// Where the highest sequence is kept.
pub(super) const LAST: &str = "sequence";

/// What a group does to the store.
pub(super) struct Writes {
    pub(super) batch: Batch,
    pub(super) last: Sequence,
    pub(super) keysets: HashMap<Keyset, Sequence>,
    pub(super) usages: Usages,
}

/// Commits that will be applied together.
pub(super) struct Group<'a> {
    shared: &'a Shared,
    /// What earlier commits of the group left under a key.
    heads: HashMap<Key, Option<Head>>,
    /// Keysets that the group raises.
    pub(super) keysets: HashMap<Keyset, Sequence>,
    /// Totals that the group changes.
    usages: Usages,
    /// The merged writes.
    pub(super) batch: Batch,
    /// The sequence of the latest commit.
    pub(super) last: Sequence,
}

impl<'a> Group<'a> {
    pub(super) fn new(shared: &'a Shared) -> Self {
        let (heads, keysets, usages) = (HashMap::new(), HashMap::new(), Usages::new());
        Self { shared, heads, keysets, usages, batch: Batch::new(), last: shared.applied() }
    }

    /// Adds a commit. After an error the group is as it was.
    pub(super) fn add(&mut self, effects: &Effects) -> Result<Sequence, CommitError> {
        if let Some(stale) = self.stale(effects)? {
            return Err(CommitError::Conflict(stale));
        }
        if effects.only_reads() {
            // it may have seen commits of this very group, so it waits for all of them
            return Ok(self.last);
        }
        let old = effects.writes.keys().map(|key| self.head(key)).collect::<Result<Vec<_>, StoreError>>()?;
        let usages = self.usages_after(effects, &old)?;
        let sequence = self.last.next();
        for ((key, new), old) in effects.writes.iter().zip(old) {
            let bytes = key.as_bytes();
            if old.is_some_and(|old| old.version == Sequence::DAMAGED) {
                self.quarantine(key, sequence)?;
            }
            let head = match (new, old) {
                (None, None) => continue,
                (None, Some(old)) => {
                    layout::remove(&mut self.batch, bytes, old);
                    None
                }
                (Some(value), old) => {
                    old.into_iter().for_each(|old| layout::remove_chunks(&mut self.batch, bytes, old));
                    Some(layout::write(&mut self.batch, bytes, sequence, value))
                }
            };
            if head.is_some() != old.is_some() {
                self.keysets.extend(key.keyset().map(|set| (set, sequence)));
            }
            self.heads.insert(key.clone(), head);
        }
        for (index, (log, event)) in (0..).zip(&effects.events) {
            let key = Key::event(*log, Position { sequence, index });
            layout::write(&mut self.batch, key.as_bytes(), sequence, event);
        }
        self.usages.extend(usages);
        self.last = sequence;
        Ok(sequence)
    }

    /// What is to be written, if anything is.
    pub(super) fn into_writes(mut self) -> Option<Writes> {
        if self.last == self.shared.applied() {
            return None;
        }
        let last = self.last.0.to_be_bytes().to_vec().into();
        self.batch.insert(Key::meta(LAST).as_bytes().to_vec(), Some(last));
        for (owner, usage) in &self.usages {
            usage.write(&mut self.batch, owner);
        }
        Some(Writes { batch: self.batch, last: self.last, keysets: self.keysets, usages: self.usages })
    }

    /// Keeps the bytes of a record aside that is about to be replaced or removed, though nobody can read it.
    fn quarantine(&mut self, key: &Key, sequence: Sequence) -> Result<(), StoreError> {
        if let Some(bytes) = self.shared.engine.get(key.as_bytes()).map_err(read_error)? {
            tracing::error!(%key, bytes = bytes.len(), "a damaged record was set aside");
            layout::write(&mut self.batch, key.quarantined().as_bytes(), sequence, &bytes);
        }
        Ok(())
    }

    /// The totals of the services and logs that a commit writes to, as it would leave them.
    fn usages_after(&self, effects: &Effects, old: &[Option<Head>]) -> Result<Usages, CommitError> {
        let mut after = Usages::new();
        for ((key, new), old) in effects.writes.iter().zip(old) {
            let Some((owner, length)) = key.owner() else { continue };
            let usage = self.usage_in(&mut after, owner);
            *usage = old.map_or(*usage, |old| usage.without(length + old.len));
            *usage = new.as_ref().map_or(*usage, |new| usage.with(length + new.len() as u64));
        }
        for (log, event) in &effects.events {
            let usage = self.usage_in(&mut after, log.owner());
            *usage = usage.with(event.len() as u64);
        }
        after.iter().try_for_each(|(owner, after)| self.check(owner, *after, effects.quota))?;
        Ok(after)
    }

    /// Whether an owner may come to keep that much: a service as much as its quota says, the log of events as much
    /// as may wait in it.
    fn check(&self, owner: &str, after: Usage, quota: Option<Quota>) -> Result<(), CommitError> {
        let before = self.usage(owner);
        match Log::ALL.into_iter().find(|log| log.owner() == owner) {
            Some(Log::Events) => self.shared.backlog.check(before, after).map_err(|_| CommitError::backlog(before)),
            Some(Log::DeadLetters) => Ok(()),
            None => quota.map_or(Ok(()), |quota| quota.check(before, after)).map_err(CommitError::OverQuota),
        }
    }

    fn usage_in<'u>(&self, usages: &'u mut Usages, owner: &str) -> &'u mut Usage {
        usages.entry(owner.into()).or_insert_with(|| self.usage(owner))
    }

    fn usage(&self, owner: &str) -> Usage {
        self.usages.get(owner).copied().unwrap_or_else(|| self.shared.usage(owner))
    }

    fn stale(&self, effects: &Effects) -> Result<Option<Stale>, StoreError> {
        for (key, seen) in &effects.reads {
            if self.head(key)?.map_or(Sequence::NONE, |head| head.version) != *seen {
                return Ok(Some(Stale::Key(key.clone())));
            }
        }
        let changed = |(set, seen): &(&Keyset, &Sequence)| self.keyset(set) > **seen;
        Ok(effects.keysets.iter().find(changed).map(|(set, _)| Stale::Keyset(set.clone())))
    }

    fn head(&self, key: &Key) -> Result<Option<Head>, StoreError> {
        match self.heads.get(key) {
            Some(head) => Ok(*head),
            None => self.shared.head(key),
        }
    }

    fn keyset(&self, set: &Keyset) -> Sequence {
        self.keysets.get(set).copied().unwrap_or_else(|| self.shared.keyset(set))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::identity::StoreId;
    use super::super::memory::MemoryEngine;
    use super::super::shared::Found;
    use super::super::usage::OverQuota;
    use super::*;
    use crate::settings::Limit;

    fn key(name: &str) -> Key {
        Key::state(&"orders".parse().unwrap(), "", name)
    }

    fn put(name: &str, seen: Option<u64>) -> Effects {
        Effects {
            reads: seen.map(|version| (key(name), Sequence(version))).into_iter().collect(),
            writes: [(key(name), Some(Bytes::from_static(b"v")))].into(),
            ..Effects::default()
        }
    }

    fn empty() -> Shared {
        let found = Found { last: Sequence(4), usages: Usages::new(), id: StoreId::new() };
        Shared::new(Box::new(MemoryEngine::new()), found, Quota { keys: 3, bytes: 100 })
    }

    #[test]
    fn two_commits_of_one_group_must_not_both_take_the_last_item() {
        let shared = empty();
        let mut group = Group::new(&shared);
        assert_eq!(group.add(&put("stock", Some(0))), Ok(Sequence(5)));
        assert_eq!(group.add(&put("stock", Some(0))), Err(CommitError::Conflict(Stale::Key(key("stock")))));
        assert_eq!(group.add(&put("stock", Some(5))), Ok(Sequence(6)));
        assert_eq!(group.into_writes().unwrap().last, Sequence(6));
    }

    #[test]
    fn a_listing_is_stale_once_the_group_created_a_key_but_not_when_it_changed_one() {
        let shared = empty();
        let mut group = Group::new(&shared);
        let set = Keyset::new(&"orders".parse().unwrap(), "");
        let listing = |seen| Effects { keysets: [(set.clone(), Sequence(seen))].into(), ..Effects::default() };
        group.add(&put("a", None)).unwrap();
        assert_eq!(group.add(&listing(4)), Err(CommitError::Conflict(Stale::Keyset(set.clone()))));
        group.add(&put("a", None)).unwrap();
        assert!(group.add(&listing(5)).is_ok());
    }

    #[test]
    fn deleting_what_is_not_there_writes_nothing_but_the_sequence() {
        let shared = empty();
        let mut group = Group::new(&shared);
        group.add(&Effects { writes: [(key("a"), None)].into(), ..Effects::default() }).unwrap();
        assert!(group.keysets.is_empty());
        assert_eq!(group.into_writes().unwrap().batch.values().flatten().count(), 1);
    }

    #[test]
    fn a_large_value_written_and_replaced_in_one_group_leaves_no_chunk() {
        let shared = empty();
        let mut group = Group::new(&shared);
        let mut large = put("a", None);
        large.writes.insert(key("a"), Some(vec![0; 300 << 10].into()));
        group.add(&large).unwrap();
        group.add(&put("a", None)).unwrap();
        let batch = group.into_writes().unwrap().batch;
        // the record, the sequence and the total
        assert_eq!(batch.values().flatten().count(), 3);
    }

    #[test]
    fn two_commits_of_one_group_each_take_what_is_left_of_the_quota() {
        let shared = empty();
        let mut group = Group::new(&shared);
        let quota = Quota { keys: 2, bytes: 100 };
        let within = |name: &str| Effects { quota: Some(quota), ..put(name, None) };
        assert_eq!(group.add(&within("a")), Ok(Sequence(5)));
        assert_eq!(group.add(&within("b")), Ok(Sequence(6)));
        let over = OverQuota { limit: Limit::Keys, wanted: 3, allowed: 2 };
        assert_eq!(group.add(&within("c")), Err(CommitError::OverQuota(over)));
        let moved = Effects { writes: [(key("a"), None), (key("c"), Some("v".into()))].into(), ..within("b") };
        assert_eq!(group.add(&moved), Ok(Sequence(7)));
        let usages = group.into_writes().unwrap().usages;
        assert_eq!(usages["orders"], Usage { keys: 2, bytes: 4 });
    }
}
