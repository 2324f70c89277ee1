//! `wasi:keyvalue@0.2.0-draft2`.

mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit/wasi-keyvalue-0.2.0-draft2",
        inline: "package holm:bindings; world imports {
            import wasi:keyvalue/store@0.2.0-draft2;
            import wasi:keyvalue/atomics@0.2.0-draft2;
            import wasi:keyvalue/batch@0.2.0-draft2;
        }",
        imports: {
            "wasi:keyvalue/store@0.2.0-draft2.[method]bucket.list-keys": async | trappable,
            default: trappable,
        },
        with: {
            "wasi:keyvalue/store.bucket": super::super::Bucket,
            "wasi:keyvalue/atomics.cas": super::super::Cas,
        },
    });
}

use bindings::wasi::keyvalue::{atomics, batch, store};
use wasmtime::component::{HasSelf, Linker, Resource};

use super::{Bucket, Cas, Done, Refusal};
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

    async fn list_keys(&mut self, _: Resource<Bucket>, cursor: Option<String>) -> Answer<store::KeyResponse> {
        answer(self.kv_list(cursor).await.map(|(keys, more)| {
            let cursor = keys.last().filter(|_| more).cloned();
            store::KeyResponse { keys, cursor }
        }))
    }

    fn drop(&mut self, bucket: Resource<Bucket>) -> wasmtime::Result<()> {
        self.table.delete(bucket)?;
        Ok(())
    }
}

impl atomics::Host for Guest {
    fn increment(&mut self, _: Resource<Bucket>, key: String, delta: i64) -> Answer<i64> {
        answer(self.kv_increment(&key, delta))
    }

    fn swap(&mut self, cas: Resource<Cas>, value: Value) -> wasmtime::Result<Result<(), atomics::CasError>> {
        let seen = self.kv_forget(cas)?;
        let refused = match self.kv_swap(&seen, value) {
            Ok(Ok(())) => return Ok(Ok(())),
            Ok(Err(now)) => self.kv_remember(now).map(atomics::CasError::CasFailed),
            Err(refusal) => Err(refusal),
        };
        Ok(Err(refused.unwrap_or_else(|refusal| atomics::CasError::StoreError(refusal.into()))))
    }
}

impl atomics::HostCas for Guest {
    fn new(&mut self, _: Resource<Bucket>, key: String) -> Answer<Resource<Cas>> {
        answer(self.kv_cas(key))
    }

    fn current(&mut self, cas: Resource<Cas>) -> Answer<Option<Value>> {
        let seen = self.table.get(&cas)?.seen.clone();
        Ok(Ok(seen.map(Value::from)))
    }

    fn drop(&mut self, cas: Resource<Cas>) -> wasmtime::Result<()> {
        self.kv_forget(cas)?;
        Ok(())
    }
}

impl batch::Host for Guest {
    fn get_many(&mut self, _: Resource<Bucket>, keys: Vec<String>) -> Answer<Vec<(String, Option<Value>)>> {
        answer(self.kv_read_many(keys))
    }

    fn set_many(&mut self, _: Resource<Bucket>, pairs: Vec<(String, Value)>) -> Answer<()> {
        answer(self.kv_set_many(pairs))
    }

    fn delete_many(&mut self, _: Resource<Bucket>, keys: Vec<String>) -> Answer<()> {
        answer(self.kv_delete_many(&keys))
    }
}
