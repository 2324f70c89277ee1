//! `wasi:keyvalue`: the service's own state, staged in the unit of work.
//!
//! | file | holds |
//! | --- | --- |
//! | this one | what the operations do, whatever the version of the interface |
//! | `draft` | `0.2.0-draft`: cursors are numbers, no swap |
//! | `draft2` | `0.2.0-draft2`: cursors are text, compare-and-swap |
//!
//! Every service has one bucket of its own, under the names `""` and `default`.

mod draft;
mod draft2;

use bytes::Bytes;
use holm_registry::store::{Key, Keyset, StoreError};
use wasmtime::component::{Linker, Resource, ResourceTableError};

use crate::runtime::guest::Guest;
use crate::state::UnitOfWork;

/// Longest key. Keys are kept in memory pages of the store's tree; this is what DynamoDB
/// allows for a sort key.
const MAX_KEY: usize = 1_024;

/// Keys in one page of a listing.
const PAGE: usize = 1_000;

/// Keys in one batch: bounds what one host call may do before the guest yields again.
const MAX_BATCH: usize = 10_000;

/// The bucket of a guest's handle. There is one, so there is nothing to remember.
pub struct Bucket;

/// A key with the value that a guest's `cas` handle has seen.
pub struct Cas {
    key: String,
    seen: Option<Bytes>,
}

/// Why an operation is refused. The guest gets it as a value.
enum Refusal {
    NoSuchStore,
    AccessDenied,
    Other(String),
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the store failed a guest's read");
        Self::Other("the host's store failed; the host's log says why".into())
    }
}

impl From<ResourceTableError> for Refusal {
    fn from(_: ResourceTableError) -> Self {
        Self::Other("the service holds too many handles".into())
    }
}

type Done<T> = Result<T, Refusal>;

/// Links all versions.
pub fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    draft::link(linker)?;
    draft2::link(linker)
}

impl Guest {
    fn kv_open(&mut self, name: &str) -> Done<Resource<Bucket>> {
        match name {
            "" | "default" => Ok(self.table.push(Bucket)?),
            _ => Err(Refusal::NoSuchStore),
        }
    }

    fn kv_get(&self, key: &str) -> Done<Option<Vec<u8>>> {
        self.kv_read(key).map(|value| value.map(Vec::from))
    }

    fn kv_exists(&self, key: &str) -> Done<bool> {
        self.kv_read(key).map(|value| value.is_some())
    }

    fn kv_set(&self, key: &str, value: Vec<u8>) -> Done<()> {
        let limit = self.island().settings.limits.value;
        if value.len() > limit.as_usize() {
            let size = value.len();
            return Err(Refusal::Other(format!("the value has {size} bytes; limits.value allows {limit}")));
        }
        self.kv_with(key, |unit, _, key| {
            unit.set(key, value.into());
            Ok(())
        })
    }

    fn kv_delete(&self, key: &str) -> Done<()> {
        self.kv_with(key, |unit, _, key| {
            unit.delete(key);
            Ok(())
        })
    }

    /// One page of keys behind `after`, in order, and whether there may be more.
    fn kv_list(&self, after: Option<&str>) -> Done<(Vec<String>, bool)> {
        let island = self.island();
        let invocation = self.invocation().ok_or(Refusal::AccessDenied)?;
        let set = Keyset::new(&island.service, "");
        let page = invocation.unit().list(&island.database, &set, after, PAGE)?;
        Ok((page.keys, page.more))
    }

    /// The sum, kept as decimal text as other hosts keep it.
    fn kv_increment(&self, key: &str, delta: i64) -> Done<i64> {
        let old = match self.kv_read(key)? {
            None => 0,
            Some(text) => parse_number(&text).ok_or_else(|| Refusal::Other("the value is not a number".into()))?,
        };
        let new = old.checked_add(delta).ok_or_else(|| Refusal::Other("the number would overflow".into()))?;
        self.kv_set(key, new.to_string().into_bytes())?;
        Ok(new)
    }

    fn kv_cas(&self, key: String) -> Done<Cas> {
        let seen = self.kv_read(&key)?;
        Ok(Cas { key, seen })
    }

    /// Writes `value` if the key is still as `cas` saw it; else what it is now. A write by
    /// another invocation is noticed when the unit of work commits.
    fn kv_swap(&self, cas: &Cas, value: Vec<u8>) -> Done<Result<(), Cas>> {
        let now = self.kv_read(&cas.key)?;
        if now != cas.seen {
            return Ok(Err(Cas { key: cas.key.clone(), seen: now }));
        }
        self.kv_set(&cas.key, value).map(Ok)
    }

    fn kv_read(&self, key: &str) -> Done<Option<Bytes>> {
        self.kv_with(key, |unit, database, key| Ok(unit.get(database, key)?))
    }

    fn kv_with<T>(
        &self,
        key: &str,
        work: impl FnOnce(&mut UnitOfWork, &holm_registry::store::Store, Key) -> Done<T>,
    ) -> Done<T> {
        if key.len() > MAX_KEY {
            return Err(Refusal::Other(format!("the key has {} bytes; {MAX_KEY} are allowed", key.len())));
        }
        let island = self.island();
        let invocation = self.invocation().ok_or(Refusal::AccessDenied)?;
        let key = Key::state(&island.service, "", key);
        work(&mut invocation.unit(), &island.database, key)
    }
}

fn check_batch(length: usize) -> Done<()> {
    match length {
        0..=MAX_BATCH => Ok(()),
        _ => Err(Refusal::Other(format!("the batch has {length} keys; {MAX_BATCH} are allowed"))),
    }
}

fn parse_number(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}
