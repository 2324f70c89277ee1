//! What each service and each log keeps: exact totals, kept in memory and written with every commit
//! that changes them.
//!
//! A record of a service (state, a stored answer) counts with the bytes of the guest's key and of its
//! value, an event of a log with its own. Totals are under `meta/usage/OWNER` as two numbers, keys and
//! bytes, big-endian; see [`Key::owner`] for the owners.

use std::collections::HashMap;
use std::fmt;

use bytes::Bytes;

use super::engine::{Batch, Engine, EngineError};
use super::key::{ANSWERS, EVENTS, Key, STATE, after_prefix};
use super::layout;
use crate::settings::Limit;

/// The totals of all services and logs that keep something.
pub(super) type Usages = HashMap<Box<str>, Usage>;

/// Records that one step of a scan holds in memory.
const SCAN_STEP: usize = 256;

/// Keys, and bytes of keys and values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// How many keys.
    pub keys: u64,
    /// Bytes of these keys and of their values.
    pub bytes: u64,
}

/// What a service may keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// The most keys.
    pub keys: u64,
    /// The most bytes.
    pub bytes: u64,
}

/// A change that a quota refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OverQuota {
    /// [`Limit::Keys`] or [`Limit::State`].
    pub limit: Limit,
    /// Keys or bytes that there would be.
    pub wanted: u64,
    /// Keys or bytes that there may be.
    pub allowed: u64,
}

impl Usage {
    /// One record more, of that many bytes.
    #[must_use]
    pub fn with(self, bytes: u64) -> Self {
        self.plus(Self { keys: 1, bytes })
    }

    /// One record less.
    #[must_use]
    pub fn without(self, bytes: u64) -> Self {
        self.minus(Self { keys: 1, bytes })
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self { keys: self.keys.saturating_add(other.keys), bytes: self.bytes.saturating_add(other.bytes) }
    }

    /// What is left without the other. No keys have no bytes, also when a damaged record counted for others than
    /// it had.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        let keys = self.keys.saturating_sub(other.keys);
        let bytes = if keys == 0 { 0 } else { self.bytes.saturating_sub(other.bytes) };
        Self { keys, bytes }
    }

    fn read(record: &Bytes) -> Option<Self> {
        Some(Self { keys: layout::number(record, 0)?, bytes: layout::number(record, 8)? })
    }

    /// Puts the total of an owner into a batch; nothing kept is no record.
    pub(super) fn write(self, batch: &mut Batch, owner: &str) {
        let record = [self.keys.to_be_bytes(), self.bytes.to_be_bytes()].concat();
        let record = (self != Self::default()).then(|| record.into());
        batch.insert(Key::usage(owner).as_bytes().to_vec(), record);
    }
}

impl Quota {
    /// Whether a service may go from one total to the other. One that is over its quota, since
    /// that was lowered, may still shrink.
    ///
    /// # Errors
    /// The first limit that it would go over.
    pub fn check(&self, before: Usage, after: Usage) -> Result<(), OverQuota> {
        let grows = |limit, before: u64, after: u64, allowed: u64| {
            if after > before && after > allowed { Err(OverQuota { limit, wanted: after, allowed }) } else { Ok(()) }
        };
        grows(Limit::Keys, before.keys, after.keys, self.keys)?;
        grows(Limit::State, before.bytes, after.bytes, self.bytes)
    }
}

impl fmt::Display for OverQuota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.limit == Limit::Keys { "keys" } else { "bytes" };
        let Self { limit, wanted, allowed } = self;
        write!(f, "the service would keep {wanted} {what}; {} allows {allowed}", limit.name())
    }
}

/// The totals as they were written.
pub(super) fn load(engine: &dyn Engine) -> Result<Usages, EngineError> {
    let mut usages = Usages::new();
    each(engine, Key::usage("").as_bytes(), |key, record| {
        let owner = key.path().and_then(|path| path.strip_prefix("usage/"));
        if let (Some(owner), Some(usage)) = (owner, Usage::read(record)) {
            usages.insert(owner.into(), usage);
        }
    })?;
    Ok(usages)
}

/// The totals counted anew, for a store whose layout did not have them.
pub(super) fn count(engine: &dyn Engine) -> Result<Usages, EngineError> {
    let mut usages = Usages::new();
    for space in [STATE, ANSWERS, EVENTS] {
        each(engine, &[space], |key, record| {
            let Some((owner, length)) = key.owner() else { return };
            let usage = usages.entry(owner.into()).or_default();
            *usage = usage.with(length + layout::head(record).len);
        })?;
    }
    Ok(usages)
}

fn each(engine: &dyn Engine, prefix: &[u8], mut see: impl FnMut(&Key, &Bytes)) -> Result<(), EngineError> {
    let end = after_prefix(prefix);
    let mut from = prefix.to_vec();
    loop {
        let pairs = engine.scan(&from, end.as_deref(), SCAN_STEP)?;
        for (key, record) in &pairs {
            see(&Key::from_bytes(key), record);
        }
        match pairs.last() {
            Some((last, _)) if pairs.len() == SCAN_STEP => from = [last, [0].as_slice()].concat(),
            _ => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_over_a_lowered_quota_cannot_even_delete() {
        let quota = Quota { keys: 2, bytes: 100 };
        let usage = |keys, bytes| Usage { keys, bytes };
        assert_eq!(quota.check(usage(5, 500), usage(4, 400)), Ok(()));
        assert_eq!(quota.check(usage(5, 500), usage(5, 500)), Ok(()));
        assert_eq!(quota.check(usage(1, 10), usage(2, 100)), Ok(()));
        let over = quota.check(usage(2, 100), usage(2, 101)).unwrap_err();
        assert_eq!(over.to_string(), "the service would keep 101 bytes; limits.state allows 100");
        let over = quota.check(usage(2, 90), usage(3, 95)).unwrap_err();
        assert_eq!(over.to_string(), "the service would keep 3 keys; limits.keys allows 2");
    }
}
