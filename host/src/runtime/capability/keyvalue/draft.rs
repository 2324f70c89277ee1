//! `wasi:keyvalue@0.2.0-draft`.

mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit/wasi-keyvalue-0.2.0-draft",
        inline: "package holm:bindings; world imports {
            import wasi:keyvalue/store@0.2.0-draft;
            import wasi:keyvalue/atomics@0.2.0-draft;
            import wasi:keyvalue/batch@0.2.0-draft;
        }",
        imports: {
            "wasi:keyvalue/store@0.2.0-draft.[method]bucket.list-keys": async | trappable,
            default: trappable,
        },
        with: {
            "wasi:keyvalue/store.bucket": super::super::Bucket,
        },
    });
}

use bindings::wasi::keyvalue::{atomics, batch, store};
use wasmtime::component::{HasSelf, Linker, Resource};

use super::{Bucket, Done, Refusal};
use crate::runtime::guest::Guest;

type Answer<T> = wasmtime::Result<Result<T, store::Error>>;
type Value = Vec<u8>;

/// Links the three interfaces.
pub(super) fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    store::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    atomics::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    batch::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)
}

impl From<Refusal> for store::Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NoSuchStore => Self::NoSuchStore,
            Refusal::AccessDenied => Self::AccessDenied,
            Refusal::Other(text) => Self::Other(text),
        }
    }
}

fn answer<T>(done: Done<T>) -> Answer<T> {
    Ok(done.map_err(store::Error::from))
}

impl store::Host for Guest {
    fn open(&mut self, identifier: String) -> Answer<Resource<Bucket>> {
        answer(self.kv_open(&identifier))
    }
}

impl store::HostBucket for Guest {
    fn get(&mut self, _: Resource<Bucket>, key: String) -> Answer<Option<Value>> {
        answer(self.kv_get(&key))
    }

    fn set(&mut self, _: Resource<Bucket>, key: String, value: Value) -> Answer<()> {
        answer(self.kv_set(&key, value))
    }

    fn delete(&mut self, _: Resource<Bucket>, key: String) -> Answer<()> {
        answer(self.kv_delete(&key))
    }

    fn exists(&mut self, _: Resource<Bucket>, key: String) -> Answer<bool> {
        answer(self.kv_exists(&key))
    }

    /// The first draft counts keys: a cursor is how many were already listed.
    async fn list_keys(&mut self, _: Resource<Bucket>, cursor: Option<u64>) -> Answer<store::KeyResponse> {
        let page = self.kv_list_from(cursor.unwrap_or(0)).await;
        answer(page.map(|(keys, cursor)| store::KeyResponse { keys, cursor }))
    }

    fn drop(&mut self, bucket: Resource<Bucket>) -> wasmtime::Result<()> {
        self.table.delete(bucket)?;
        Ok(())
    }
}

impl Guest {
    /// The page that begins behind `skip` keys, and the cursor of the next one. Others have their
    /// turn on the way to a far one.
    async fn kv_list_from(&mut self, skip: u64) -> Done<(Vec<String>, Option<u64>)> {
        let mut before = 0;
        let mut after = None;
        loop {
            let (mut keys, more) = self.kv_list(after).await?;
            let end = before + keys.len() as u64;
            if end > skip || !more {
                let already = usize::try_from(skip.saturating_sub(before)).unwrap_or(usize::MAX).min(keys.len());
                keys.drain(..already);
                return Ok((keys, more.then_some(end)));
            }
            before = end;
            after = keys.pop();
            tokio::task::yield_now().await;
        }
    }
}

impl atomics::Host for Guest {
    fn increment(&mut self, _: Resource<Bucket>, key: String, delta: u64) -> Answer<u64> {
        let delta = i64::try_from(delta).map_err(|_| Refusal::Other("the number would overflow".into()));
        answer(delta.and_then(|delta| self.kv_increment(&key, delta)).and_then(|sum| {
            u64::try_from(sum).map_err(|_| Refusal::Other("the number is negative; this interface has none".into()))
        }))
    }
}

impl batch::Host for Guest {
    fn get_many(&mut self, _: Resource<Bucket>, keys: Vec<String>) -> Answer<Vec<Option<(String, Value)>>> {
        let present = |(key, value): (String, Option<Value>)| value.map(|value| (key, value));
        answer(self.kv_read_many(keys).map(|found| found.into_iter().map(present).collect()))
    }

    fn set_many(&mut self, _: Resource<Bucket>, pairs: Vec<(String, Value)>) -> Answer<()> {
        answer(self.kv_set_many(pairs))
    }

    fn delete_many(&mut self, _: Resource<Bucket>, keys: Vec<String>) -> Answer<()> {
        answer(self.kv_delete_many(&keys))
    }
}
