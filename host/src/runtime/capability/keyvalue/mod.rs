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
use holm_registry::settings::Limit;
use holm_registry::store::{Key, Keyset, Store};
use wasmtime::component::{Linker, Resource};

use crate::runtime::guest::Guest;
use crate::state::{Page, Refused, UnitOfWork};

/// Longest key. Keys are kept in memory pages of the store's tree; this is what DynamoDB
/// allows for a sort key.
pub const MAX_KEY: usize = 1_024;

/// Keys in one page of a listing.
const PAGE: usize = 1_000;

/// Keys in one batch: bounds what one host call may do before the guest yields again.
pub const MAX_BATCH: usize = 10_000;

/// The bucket of a guest's handle. There is one, so there is nothing to remember.
pub struct Bucket;

/// A key with the value that a guest's `cas` handle has seen.
pub struct Cas {
    key: String,
    seen: Option<Bytes>,
}

impl Cas {
    fn size(&self) -> usize {
        self.key.len() + self.seen.as_ref().map_or(0, Bytes::len)
    }
}

const TOO_MANY_HANDLES: &str = "more handles are open than limits.handles allows";

/// Why an operation is refused. The guest gets it as a value.
enum Refusal {
    NoSuchStore,
    AccessDenied,
    Other(String),
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
            "" | "default" => self.table.push(Bucket).map_err(|_| self.kv_over(Limit::Handles, TOO_MANY_HANDLES)),
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
        let limits = &self.island().settings.limits;
        if value.len() > limits.value.as_usize() {
            let text = format!("the value has {} bytes; limits.value allows {}", value.len(), limits.value);
            return Err(self.kv_over(Limit::Value, &text));
        }
        let island = self.island();
        self.kv_with(key, |unit, store, key| unit.set(store, &island.service, island.quota(), key, value.into()))
    }

    fn kv_delete(&self, key: &str) -> Done<()> {
        self.kv_with(key, |unit, store, key| unit.delete(store, key))
    }

    /// One page of keys behind `after`, in order, and whether there may be more. Where the unit has
    /// deleted page after page, others have their turn on the way, and the timeout can end it.
    /// (`&mut`, since only whoever holds a guest alone may hold it while waiting.)
    async fn kv_list(&mut self, mut after: Option<String>) -> Done<(Vec<String>, bool)> {
        loop {
            let page = self.kv_page(after.as_deref())?;
            match page.next {
                Some(next) if page.keys.is_empty() => after = Some(next),
                next => return Ok((page.keys, next.is_some())),
            }
            tokio::task::yield_now().await;
        }
    }

    fn kv_page(&self, after: Option<&str>) -> Done<Page> {
        let island = self.island();
        let invocation = self.invocation().ok_or(Refusal::AccessDenied)?;
        let set = Keyset::new(&island.service, "");
        let page = invocation.unit().list(&island.database, &set, after, PAGE);
        page.map_err(|error| self.kv_refused(error.into()))
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

    fn kv_cas(&mut self, key: String) -> Done<Resource<Cas>> {
        let seen = self.kv_read(&key)?;
        self.kv_remember(Cas { key, seen })
    }

    /// A handle that keeps a value in the host's memory. All of a guest's together keep as much as
    /// one call may carry.
    fn kv_remember(&mut self, cas: Cas) -> Done<Resource<Cas>> {
        let after = self.remembered + cas.size();
        if after > self.island().settings.limits.host_call.as_usize() {
            return Err(self.kv_over(Limit::HostCall, "the open cas handles hold more than limits.host_call"));
        }
        let handle = self.table.push(cas).map_err(|_| self.kv_over(Limit::Handles, TOO_MANY_HANDLES))?;
        self.remembered = after;
        Ok(handle)
    }

    fn kv_forget(&mut self, handle: Resource<Cas>) -> wasmtime::Result<Cas> {
        let cas = self.table.delete(handle)?;
        self.remembered = self.remembered.saturating_sub(cas.size());
        Ok(cas)
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
        self.kv_with(key, |unit, store, key| unit.get(store, key))
    }

    /// The values of many keys. A batch brings back as much as a guest may hand over in a call.
    fn kv_read_many(&self, keys: Vec<String>) -> Done<Vec<(String, Option<Vec<u8>>)>> {
        self.kv_batch(keys.len())?;
        let mut left = self.island().settings.limits.host_call.as_usize();
        let mut found = Vec::with_capacity(keys.len());
        for key in keys {
            let value = self.kv_get(&key)?;
            let size = key.len() + value.as_ref().map_or(0, Vec::len);
            let too_large =
                || self.kv_over(Limit::HostCall, "the values of the batch are larger than limits.host_call");
            left = left.checked_sub(size).ok_or_else(too_large)?;
            found.push((key, value));
        }
        Ok(found)
    }

    fn kv_set_many(&self, pairs: Vec<(String, Vec<u8>)>) -> Done<()> {
        self.kv_batch(pairs.len())?;
        pairs.into_iter().try_for_each(|(key, value)| self.kv_set(&key, value))
    }

    fn kv_delete_many(&self, keys: &[String]) -> Done<()> {
        self.kv_batch(keys.len())?;
        keys.iter().try_for_each(|key| self.kv_delete(key))
    }

    fn kv_batch(&self, length: usize) -> Done<()> {
        match length {
            0..=MAX_BATCH => Ok(()),
            _ => Err(self.kv_over(Limit::Batch, &format!("the batch has {length} keys; {MAX_BATCH} are allowed"))),
        }
    }

    fn kv_with<T>(&self, key: &str, work: impl FnOnce(&mut UnitOfWork, &Store, Key) -> Result<T, Refused>) -> Done<T> {
        if key.len() > MAX_KEY {
            let text = format!("the key has {} bytes; {MAX_KEY} are allowed", key.len());
            return Err(self.kv_over(Limit::Key, &text));
        }
        let island = self.island();
        let invocation = self.invocation().ok_or(Refusal::AccessDenied)?;
        let key = Key::state(&island.service, "", key);
        let done = work(&mut invocation.unit(), &island.database, key);
        done.map_err(|refused| self.kv_refused(refused))
    }

    fn kv_refused(&self, refused: Refused) -> Refusal {
        match refused.limit() {
            Some(limit) => self.kv_over(limit, &refused.to_string()),
            None => {
                tracing::error!(error = %refused, "the store failed a guest's read");
                Refusal::Other("the host's store failed; the host's log says why".into())
            }
        }
    }

    /// A limit was met: counted, and told as a value.
    fn kv_over(&self, limit: Limit, text: &str) -> Refusal {
        self.island().metrics.limit_hit(limit);
        Refusal::Other(text.to_owned())
    }
}

fn parse_number(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}
