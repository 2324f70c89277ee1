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

#[cfg(test)]
mod tests {
    use holm_registry::ServiceName;
    use holm_registry::store::memory::MemoryEngine;
    use proptest::prelude::*;

    use super::*;

    const PAGE: usize = 3;

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
                        unit.set(key(number), Bytes::copy_from_slice(&[value]));
                        model.insert(name(number), value);
                    }
                    Op::Delete(number) => {
                        unit.delete(key(number));
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
            unit.set(key(1), Bytes::from_static(b"mine"));
        }
        block_on(store.commit(one.cut().effects)).unwrap();
        assert!(block_on(store.commit(two.cut().effects)).is_err());
    }

    #[test]
    fn a_key_that_appears_behind_a_listing_goes_unnoticed() {
        let store = store();
        let mut listing = UnitOfWork::default();
        assert!(list_all(&mut listing, &store).is_empty());
        listing.set(key(9), Bytes::from_static(b"counted none"));
        let mut other = UnitOfWork::default();
        other.set(key(1), Bytes::from_static(b"new"));
        block_on(store.commit(other.cut().effects)).unwrap();
        assert!(block_on(store.commit(listing.cut().effects)).is_err());
    }

    #[test]
    fn what_follows_a_cut_is_committed_with_what_came_before() {
        let store = store();
        let mut unit = UnitOfWork::default();
        unit.set(key(1), Bytes::from_static(b"head"));
        let head = unit.cut();
        unit.set(key(2), Bytes::from_static(b"rest"));
        block_on(store.commit(head.effects)).unwrap();
        assert!(store.get(&key(1)).unwrap().is_some());
        assert!(store.get(&key(2)).unwrap().is_none());
        assert!(UnitOfWork::default().cut().is_empty());
    }
}
