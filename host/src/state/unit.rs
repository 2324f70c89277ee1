//! The unit of work: an overlay over the store, and what was read through it.
//!
//! Reads see the unit's own writes first. Nothing reaches the store before the commit, which
//! takes place only if everything that was read is still as it was.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use bytes::Bytes;
use holm_registry::ServiceName;
use holm_registry::settings::Limit;
use holm_registry::store::{Effects, Key, Keyset, MAX_COMMIT, OverQuota, Quota, Sequence, Store, StoreError, Usage};

/// What one invocation has read and wants to write, until it is cut.
#[derive(Debug, Default)]
pub struct UnitOfWork {
    effects: Effects,
    /// What `effects` weigh, see [`Effects::size`].
    weight: usize,
    /// What the service would keep more after the commit, and what it would keep no more.
    added: Usage,
    freed: Usage,
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

/// Why a unit does not take something in. It is as it was before.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It would hold more than a commit may.
    #[error("one request may read and write {MAX_COMMIT}, keys and values together")]
    Full,
    /// The service would keep more than it may.
    #[error("{0}")]
    OverQuota(OverQuota),
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Refused {
    /// The limit that was met, if it was one.
    pub fn limit(&self) -> Option<Limit> {
        match self {
            Self::Full => Some(Limit::Unit),
            Self::OverQuota(over) => Some(over.limit),
            Self::Store(_) => None,
        }
    }
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
    /// When the store cannot be read, or the unit has read too much.
    pub fn get(&mut self, store: &Store, key: Key) -> Result<Option<Bytes>, Refused> {
        if let Some(written) = self.effects.writes.get(&key) {
            return Ok(written.clone());
        }
        let known = self.effects.reads.contains_key(&key);
        let weight = self.weight_after(0, if known { 0 } else { Effects::size_of(&key, None) })?;
        let record = store.get(&key)?;
        let (value, version) = match record {
            Some(record) => (Some(record.value), record.version),
            None => (None, Sequence::NONE),
        };
        self.weight = weight;
        self.highest = self.highest.max(version);
        keep_first(self.effects.reads.entry(key), version);
        Ok(value)
    }

    /// Gives a key of `service` a value, if the service may keep that much. Whether it may is
    /// decided again when the unit commits, since others commit meanwhile.
    ///
    /// # Errors
    /// Over the quota or the size of a commit; or the store cannot be read.
    pub fn set(
        &mut self,
        store: &Store,
        service: &ServiceName,
        quota: Quota,
        key: Key,
        value: Bytes,
    ) -> Result<(), Refused> {
        let weight = self.weight_after(self.staged(&key), Effects::size_of(&key, Some(&value)))?;
        let (added, freed) = self.without(store, &key)?;
        let after = added.with(key.own_length() + value.len() as u64);
        let kept = store.usage(service);
        let total = |added: Usage, freed: Usage| kept.plus(added).minus(freed);
        quota.check(total(self.added, self.freed), total(after, freed)).map_err(Refused::OverQuota)?;
        (self.weight, self.added, self.freed) = (weight, after, freed);
        self.effects.quota = Some(quota);
        self.effects.writes.insert(key, Some(value));
        Ok(())
    }

    /// Removes a key.
    ///
    /// # Errors
    /// Over the size of a commit; or the store cannot be read.
    pub fn delete(&mut self, store: &Store, key: Key) -> Result<(), Refused> {
        let weight = self.weight_after(self.staged(&key), Effects::size_of(&key, None))?;
        (self.added, self.freed) = self.without(store, &key)?;
        self.weight = weight;
        self.effects.writes.insert(key, None);
        Ok(())
    }

    /// What a write to this key weighs so far.
    fn staged(&self, key: &Key) -> usize {
        self.effects.writes.get(key).map_or(0, |value| Effects::size_of(key, value.as_ref()))
    }

    fn weight_after(&self, less: usize, more: usize) -> Result<usize, Refused> {
        let weight = self.weight.saturating_sub(less).saturating_add(more);
        if weight > MAX_COMMIT.as_usize() { Err(Refused::Full) } else { Ok(weight) }
    }

    /// What the unit adds and frees when a key has no value in the end.
    fn without(&self, store: &Store, key: &Key) -> Result<(Usage, Usage), StoreError> {
        match self.effects.writes.get(key) {
            Some(Some(staged)) => Ok((self.added.without(key.own_length() + staged.len() as u64), self.freed)),
            Some(None) => Ok((self.added, self.freed)),
            None => Ok((self.added, store.footprint(key)?.map_or(self.freed, |old| self.freed.with(old)))),
        }
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

#[cfg(test)]
mod tests {
    use holm_registry::ServiceName;
    use holm_registry::store::memory::MemoryEngine;
    use proptest::prelude::*;

    use super::*;

    const PAGE: usize = 3;
    const QUOTA: Quota = Quota { keys: 100, bytes: 1_000 };

    #[derive(Clone, Debug)]
    enum Op {
        Get(u8),
        Set(u8, u8),
        Delete(u8),
        List,
        Commit,
    }

    fn op() -> impl Strategy<Value = Op> {
        prop_oneof![
            (0..12_u8).prop_map(Op::Get),
            (0..12_u8, any::<u8>()).prop_map(|(key, value)| Op::Set(key, value)),
            (0..12_u8).prop_map(Op::Delete),
            Just(Op::List),
            Just(Op::Commit),
        ]
    }

    fn service() -> ServiceName {
        "orders".parse().unwrap()
    }

    fn key(number: u8) -> Key {
        Key::state(&service(), "", &name(number))
    }

    fn name(number: u8) -> String {
        format!("k{number:02}")
    }

    fn set(unit: &mut UnitOfWork, store: &Store, number: u8, value: &'static [u8]) {
        unit.set(store, &service(), QUOTA, key(number), Bytes::from_static(value)).unwrap();
    }

    fn store() -> Store {
        Store::with_engine(Box::new(MemoryEngine::new())).unwrap()
    }

    fn list_all(unit: &mut UnitOfWork, store: &Store) -> Vec<String> {
        let set = Keyset::new(&service(), "");
        let mut all: Vec<String> = Vec::new();
        loop {
            let page = unit.list(store, &set, all.last().map(String::as_str), PAGE).unwrap();
            all.extend(page.keys);
            if !page.more {
                return all;
            }
        }
    }

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_unit_does_not_see_what_it_has_written(ops in prop::collection::vec(op(), 1..60)) {
            let store = store();
            let mut unit = UnitOfWork::default();
            let mut model: BTreeMap<String, u8> = BTreeMap::new();
            for op in ops {
                match op {
                    Op::Get(number) => {
                        let seen = unit.get(&store, key(number)).unwrap().map(|value| value[0]);
                        prop_assert_eq!(seen, model.get(&name(number)).copied());
                    }
                    Op::Set(number, value) => {
                        unit.set(&store, &service(), QUOTA, key(number), Bytes::copy_from_slice(&[value])).unwrap();
                        model.insert(name(number), value);
                    }
                    Op::Delete(number) => {
                        unit.delete(&store, key(number)).unwrap();
                        model.remove(&name(number));
                    }
                    Op::List => {
                        let expected: Vec<String> = model.keys().cloned().collect();
                        prop_assert_eq!(list_all(&mut unit, &store), expected);
                    }
                    Op::Commit => {
                        block_on(store.commit(unit.cut().effects)).unwrap();
                    }
                }
            }
        }
    }

    #[test]
    fn two_units_that_read_the_same_value_both_commit() {
        let store = store();
        let (mut one, mut two) = (UnitOfWork::default(), UnitOfWork::default());
        for unit in [&mut one, &mut two] {
            assert_eq!(unit.get(&store, key(1)).unwrap(), None);
            set(unit, &store, 1, b"mine");
        }
        block_on(store.commit(one.cut().effects)).unwrap();
        assert!(block_on(store.commit(two.cut().effects)).is_err());
    }

    #[test]
    fn a_key_that_appears_behind_a_listing_goes_unnoticed() {
        let store = store();
        let mut listing = UnitOfWork::default();
        assert!(list_all(&mut listing, &store).is_empty());
        set(&mut listing, &store, 9, b"counted none");
        let mut other = UnitOfWork::default();
        set(&mut other, &store, 1, b"new");
        block_on(store.commit(other.cut().effects)).unwrap();
        assert!(block_on(store.commit(listing.cut().effects)).is_err());
    }

    #[test]
    fn what_follows_a_cut_is_committed_with_what_came_before() {
        let store = store();
        let mut unit = UnitOfWork::default();
        set(&mut unit, &store, 1, b"head");
        let head = unit.cut();
        set(&mut unit, &store, 2, b"rest");
        block_on(store.commit(head.effects)).unwrap();
        assert!(store.get(&key(1)).unwrap().is_some());
        assert!(store.get(&key(2)).unwrap().is_none());
        assert!(UnitOfWork::default().cut().is_empty());
    }

    #[test]
    fn what_a_unit_has_staged_does_not_count_until_it_commits() {
        let (store, quota) = (store(), Quota { keys: 2, bytes: 20 });
        let mut unit = UnitOfWork::default();
        let set = |unit: &mut UnitOfWork, number, value: &'static [u8]| {
            unit.set(&store, &service(), quota, key(number), Bytes::from_static(value))
        };
        // three bytes of key each
        set(&mut unit, 1, b"1234567").unwrap();
        set(&mut unit, 2, b"1234567").unwrap();
        assert_eq!(set(&mut unit, 3, b"").unwrap_err().limit(), Some(Limit::Keys));
        assert_eq!(set(&mut unit, 2, b"12345678").unwrap_err().limit(), Some(Limit::State));
        block_on(store.commit(unit.cut().effects)).unwrap();
        assert_eq!(store.usage(&service()), Usage { keys: 2, bytes: 20 });

        // what is deleted is free at once, and staged again it is not
        assert!(set(&mut unit, 3, b"").is_err());
        unit.delete(&store, key(1)).unwrap();
        unit.delete(&store, key(1)).unwrap();
        set(&mut unit, 3, b"1234567").unwrap();
        assert!(set(&mut unit, 1, b"").is_err());
        block_on(store.commit(unit.cut().effects)).unwrap();
        assert_eq!(store.usage(&service()), Usage { keys: 2, bytes: 20 });
    }

    #[test]
    fn a_unit_holds_more_than_a_commit_may() {
        let (store, mut unit) = (store(), UnitOfWork::default());
        let quota = Quota { keys: u64::MAX, bytes: u64::MAX };
        let mib = Bytes::from(vec![0; 1 << 20]);
        let sets = (0..20).filter(|number| unit.set(&store, &service(), quota, key(*number), mib.clone()).is_ok());
        assert_eq!(sets.count(), 15);
        assert!(matches!(unit.set(&store, &service(), quota, key(99), mib), Err(Refused::Full)));
        assert!(block_on(store.commit(unit.cut().effects)).is_ok());
        assert!(unit.get(&store, key(1)).unwrap().is_some());
    }
}
