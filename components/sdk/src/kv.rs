//! JSON values in a `wasi:keyvalue` bucket. A thin layer: the bucket is the generated resource, and whatever
//! is missing here is a method of it.

use crate::bindings::keyvalue::atomics::{Cas, CasError, swap};
use crate::bindings::keyvalue::batch;
use crate::bindings::keyvalue::store;
use crate::{Problem, Request, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

pub use crate::bindings::keyvalue::store::Bucket;

/// How often [`update`] tries before it gives up. In Holm one try is enough, since writes of an invocation are
/// checked together when it ends; on other hosts somebody may write the same key in between.
const TRIES: usize = 16;

/// Why a value could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store refused or failed.
    #[error("key-value store: {0}")]
    Store(#[from] store::Error),
    /// What is stored is not what this version of the service expects.
    #[error("stored value: {0}")]
    Value(#[from] serde_json::Error),
    /// Others wrote the key between each of our reads and swaps.
    #[error("the key changed {TRIES} times while it was being updated")]
    Contended,
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Contended => Problem::new(503, "Too many changes at the same time, try again"),
            other => Problem::internal(other),
        }
    }
}

/// The service's own bucket.
pub fn open() -> Result<Bucket, Error> {
    Ok(store::open("default")?)
}

/// For the route that the host asks: healthy means that the bucket can be read, since without it no other route
/// works. Other services have a health of their own.
///
/// # Errors
/// When it cannot be read.
pub fn health(_: &Request) -> Result<Response, Problem> {
    open()?.exists("health").map_err(Error::Store)?;
    Ok(Response::json(200, &json!({"status": "ok"})))
}

/// The value under `key`, or none.
pub fn get<T: DeserializeOwned>(bucket: &Bucket, key: &str) -> Result<Option<T>, Error> {
    parse(bucket.get(key)?.as_deref())
}

/// Those of `keys` that have a value, with it, in the order of `keys`.
pub fn get_many<T: DeserializeOwned>(bucket: &Bucket, keys: &[String]) -> Result<Vec<(String, T)>, Error> {
    let mut found = Vec::with_capacity(keys.len());
    for (key, bytes) in batch::get_many(bucket, keys)? {
        if let Some(value) = parse(bytes.as_deref())? {
            found.push((key, value));
        }
    }
    Ok(found)
}

/// Puts `value` under `key`.
pub fn set(bucket: &Bucket, key: &str, value: &impl Serialize) -> Result<(), Error> {
    Ok(bucket.set(key, &serde_json::to_vec(value)?)?)
}

/// Puts what `change` makes of the value under `key` in its place, unless somebody else wrote it in between:
/// then `change` is asked again with the newer value.
///
/// # Errors
/// What `change` refuses, with nothing written; else an [`Error`].
pub fn update<T, E>(bucket: &Bucket, key: &str, change: impl Fn(Option<T>) -> Result<T, E>) -> Result<T, E>
where
    T: Serialize + DeserializeOwned,
    E: From<Error>,
{
    let mut cas = Cas::new(bucket, key).map_err(Error::Store)?;
    for _ in 0..TRIES {
        let current = cas.current().map_err(Error::Store)?;
        let value = change(parse(current.as_deref())?)?;
        match swap(cas, &serde_json::to_vec(&value).map_err(Error::Value)?) {
            Ok(()) => return Ok(value),
            Err(CasError::CasFailed(newer)) => cas = newer,
            Err(CasError::StoreError(error)) => return Err(Error::Store(error).into()),
        }
    }
    Err(Error::Contended.into())
}

/// All keys that begin with `prefix`, in order.
///
/// The interface knows neither prefixes nor an order, so this reads the names of all keys, page by page.
pub fn keys(bucket: &Bucket, prefix: &str) -> Result<Vec<String>, Error> {
    let mut found = Vec::new();
    let mut cursor = None;
    loop {
        let page = bucket.list_keys(cursor.as_deref())?;
        found.extend(page.keys.into_iter().filter(|key| key.starts_with(prefix)));
        cursor = page.cursor;
        if cursor.is_none() {
            found.sort_unstable();
            return Ok(found);
        }
    }
}

fn parse<T: DeserializeOwned>(bytes: Option<&[u8]>) -> Result<Option<T>, Error> {
    Ok(bytes.map(serde_json::from_slice).transpose()?)
}
