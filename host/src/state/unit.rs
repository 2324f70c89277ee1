//! The unit of work: an overlay over the store, and what was read through it.
//!
//! Reads see the unit's own writes first. Nothing reaches the store before the commit, which
//! takes place only if everything that was read is still as it was.

use std::collections::BTreeMap;
use std::ops::Bound;

use bytes::Bytes;
use holm_registry::ServiceName;
use holm_registry::event::Content;
use holm_registry::settings::Limit;
use holm_registry::store::{
    Effects, Key, Keyset, Log, MAX_COMMIT, OverQuota, Quota, Sequence, Store, StoreError, Usage,
};

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
    #[error("one request may read and write {MAX_COMMIT}, keys, values and events together")]
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
    /// Where the next page begins: pass it as `after`. `None`: this was the last one.
    pub next: Option<String>,
}

impl Staged {
    /// Whether there is nothing to write and nothing to validate.
    pub fn is_empty(&self) -> bool {
        self.effects.only_reads() && self.effects.reads.is_empty() && self.effects.keysets.is_empty()
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
        let guard = self.effects.reads.entry(key).or_insert(version);
        if *guard != version {
            (*guard, self.effects.torn) = (Sequence::NEVER, true);
        }
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

    /// Publishes an event when the unit commits, behind those that it has published before.
    ///
    /// # Errors
    /// Over the size of a commit.
    pub fn publish(&mut self, content: &Content) -> Result<(), Refused> {
        let event = content.encode();
        self.weight = self.weight_after(0, Effects::size_of_event(&event))?;
        self.effects.events.push((Log::Events, event));
        Ok(())
    }

    /// Makes this the handling of an event: the unit commits unless another one with the same mark has.
    /// `time`: now, in milliseconds since 1970.
    ///
    /// # Errors
    /// Over the size of a commit.
    pub fn mark(&mut self, mark: Key, time: u64) -> Result<(), Refused> {
        let (read, written) =
            (Effects::size_of(&mark, None), Effects::size_of(&mark, Some(&Bytes::from_static(&[0; 8]))));
        self.weight = self.weight_after(0, read + written)?;
        self.effects.mark(mark, time);
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

    /// The keys of a bucket behind `after`: those of one page of the store, as this unit sees them.
    /// It may have deleted all of them, so an empty page need not be the last.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn list(&mut self, store: &Store, set: &Keyset, after: Option<&str>, limit: usize) -> Result<Page, StoreError> {
        let page = store.keys(set, after, limit)?;
        self.highest = self.highest.max(page.keyset);
        // pages of one moment each need not be of the same one
        self.effects.torn |= !page.whole || self.effects.keysets.contains_key(set);
        self.effects.keysets.entry(set.clone()).or_insert(page.keyset);
        let keys = merge(&page.keys, self.written(set, after, page.next.as_deref()));
        Ok(Page { keys, next: page.next })
    }

    /// Notes a commit that what this unit does is built upon: what a called service has made or seen.
    pub fn depends_on(&mut self, sequence: Sequence) {
        self.highest = self.highest.max(sequence);
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
        after: Option<&str>,
        until: Option<&str>,
    ) -> impl Iterator<Item = (String, bool)> + 'a {
        let from = after.map_or_else(|| Bound::Included(set.key("")), |after| Bound::Excluded(set.key(after)));
        let to = until.map_or(Bound::Unbounded, |until| Bound::Included(set.key(until)));
        let names = self.effects.writes.range((from, to)).map(|(key, value)| (key.name_in(set), value.is_some()));
        names.map_while(|(name, present)| Some((name?.to_owned(), present)))
    }
}

/// Stored keys with the unit's own writes (`true`: has a value) laid over them.
fn merge(stored: &[String], written: impl Iterator<Item = (String, bool)>) -> Vec<String> {
    let mut keys: BTreeMap<String, bool> = stored.iter().map(|key| (key.clone(), true)).collect();
    keys.extend(written);
    keys.into_iter().filter_map(|(key, present)| present.then_some(key)).collect()
}

#[cfg(test)]
mod tests;
