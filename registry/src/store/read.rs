//! Reading records, listings and prefixes.

use bytes::{Bytes, BytesMut};

use super::effects::{KeyPage, Record, Records, Sequence};
use super::error::StoreError;
use super::key::{Key, Keyset, after_prefix};
use super::layout::{self, Chunks};
use super::shared::{Shared, read_error};

/// Records that one step of a scan holds in memory.
const SCAN_STEP: usize = 256;

pub(super) fn get(shared: &Shared, key: &Key) -> Result<Option<Record>, StoreError> {
    let mut missing = None;
    loop {
        let Some(record) = shared.engine.get(key.as_bytes()).map_err(read_error)? else { return Ok(None) };
        let damaged = || StoreError::Damaged { key: key.clone() };
        let (head, inline) = layout::read(&record).ok_or_else(damaged)?;
        let value = match head.chunks {
            Some(chunks) => gather(shared, key, head.version, chunks)?,
            None => inline,
        };
        match value {
            Some(value) => return Ok(Some(Record { value, version: head.version })),
            // a commit replaced the value between two reads: the record is another one by now
            None if missing != Some(head.version) => missing = Some(head.version),
            None => return Err(damaged()),
        }
    }
}

/// The chunks as one value. `None`: one is not there, or of another version.
fn gather(shared: &Shared, key: &Key, version: Sequence, chunks: Chunks) -> Result<Option<Bytes>, StoreError> {
    let mut value = BytesMut::new();
    for key in chunks.keys(key.as_bytes()) {
        let chunk = shared.engine.get(&key).map_err(read_error)?;
        match chunk.as_ref().and_then(|chunk| layout::read_chunk(chunk, version)) {
            Some(piece) => value.extend_from_slice(piece),
            None => return Ok(None),
        }
    }
    Ok((value.len() as u64 == chunks.len()).then(|| value.freeze()))
}

/// A page of one moment, unless commits keep coming between.
pub(super) fn keys(shared: &Shared, set: &Keyset, after: Option<&str>, limit: usize) -> Result<KeyPage, StoreError> {
    /// A page takes microseconds, and few commits create or delete a key of this very set.
    const TRIES: usize = 4;
    let mut page = keys_once(shared, set, after, limit)?;
    for _ in 1..TRIES {
        if page.whole {
            break;
        }
        page = keys_once(shared, set, after, limit)?;
    }
    Ok(page)
}

fn keys_once(shared: &Shared, set: &Keyset, after: Option<&str>, limit: usize) -> Result<KeyPage, StoreError> {
    // before the scan: see the header of `shared`
    let keyset = shared.keyset(set);
    let mut from = set.prefix().to_vec();
    if let Some(after) = after {
        from.extend_from_slice(after.as_bytes());
        from.push(0); // the smallest key behind it
    }
    let end = after_prefix(set.prefix());
    let pairs = shared.engine.scan(&from, end.as_deref(), limit.saturating_add(1)).map_err(read_error)?;
    let whole = shared.is_settled() && shared.keyset(set) == keyset;
    let more = pairs.len() > limit;
    let name = |key: &Bytes| key.get(set.prefix().len()..).map(|name| String::from_utf8_lossy(name).into_owned());
    let keys: Vec<String> = pairs.iter().take(limit).filter_map(|(key, _)| name(key)).collect();
    let next = if more { keys.last().cloned() } else { None };
    Ok(KeyPage { keys, next, keyset, whole })
}

pub(super) fn scan(shared: &Shared, prefix: &Key) -> Result<Vec<(Key, Record)>, StoreError> {
    let end = after_prefix(prefix.as_bytes());
    let mut from = prefix.as_bytes().to_vec();
    let mut found = Vec::new();
    loop {
        let pairs = shared.engine.scan(&from, end.as_deref(), SCAN_STEP).map_err(read_error)?;
        for (bytes, _) in &pairs {
            let key = Key::from_bytes(bytes);
            match get(shared, &key) {
                // a record deleted meanwhile is simply not there
                Ok(record) => found.extend(record.map(|record| (key, record))),
                Err(error @ StoreError::Damaged { .. }) => tracing::error!(%error, "it is left alone, and left out"),
                Err(other) => return Err(other),
            }
        }
        match pairs.last() {
            Some((last, _)) if pairs.len() == SCAN_STEP => {
                from.clear();
                from.extend_from_slice(last);
                from.push(0);
            }
            _ => return Ok(found),
        }
    }
}

/// Some records of a prefix, and where the next ones begin.
pub(super) fn records(
    shared: &Shared,
    prefix: &Key,
    after: Option<&Key>,
    limit: usize,
    bytes: usize,
) -> Result<Records, StoreError> {
    let from = after.map_or_else(|| prefix.as_bytes().to_vec(), |after| [after.as_bytes(), &[0]].concat());
    let pairs = shared.engine.scan(&from, after_prefix(prefix.as_bytes()).as_deref(), limit).map_err(read_error)?;
    let (mut found, mut room, mut next) = (Vec::new(), bytes, None);
    for (key, _) in &pairs {
        let key = Key::from_bytes(key);
        next = Some(key.clone());
        match get(shared, &key) {
            Ok(Some(record)) => {
                room = room.saturating_sub(record.value.len());
                found.push((key, record));
            }
            Ok(None) => {}
            Err(error @ StoreError::Damaged { .. }) => tracing::error!(%error, "it is left alone, and left out"),
            Err(other) => return Err(other),
        }
        if room == 0 {
            break;
        }
    }
    let last = room > 0 && pairs.len() < limit;
    Ok(Records { records: found, next: if last { None } else { next } })
}

impl Record {
    /// The version to guard for what a read gave.
    pub fn version_of(read: Option<&Self>) -> Sequence {
        read.map_or(Sequence::NONE, |record| record.version)
    }
}
