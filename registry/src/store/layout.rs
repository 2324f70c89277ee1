//! The bytes of a record. Fixed from the first day: a change needs a new format byte here and
//! a new number in `meta/format`.
//!
//! A value up to 96 KiB lies in one record with the version before it; a larger one lies in
//! chunks, and the record says where:
//!
//! ```text
//! key of the record   ->  01  version:u64  value…
//! key of the record   ->  02  version:u64  length:u64
//! 7f digest:[u8; 32] index:u32  ->  version:u64  the chunk's bytes: 96 KiB, the last one the rest
//! ```
//!
//! Numbers are big-endian. `digest` is the SHA-256 of the record's key: short, whatever the
//! key's length, and the same for every version, because sled reclaims the room of what is
//! overwritten in place much sooner than that of new keys. The version in each chunk tells a
//! reader whose record was replaced meanwhile that these are the chunks of another value.
//!
//! 96 KiB, because sled keeps up to 16 items in a page and pages up to 2 MiB (with segments of
//! 8 MiB) stay in its log; a larger page spills into files that sled never syncs.

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::Sequence;
use super::engine::Batch;
use super::key::CHUNK;

/// The number of this layout, kept in `meta/format`. 2: totals by service, see [`super::usage`]. 3: totals of
/// logs, and the store's id.
pub(super) const FORMAT: u64 = 3;
/// Largest piece of a value in one record of the engine, bytes.
pub(super) const CHUNK_LEN: usize = 96 << 10;
/// Largest key in bytes, as encoded. With it, 16 items of 96 KiB stay below 2 MiB.
pub(super) const MAX_KEY: usize = 4 << 10;

const INLINE: u8 = 1;
const CHUNKED: u8 = 2;
const HEAD: usize = 9;

/// What a record says before its value is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) version: Sequence,
    /// Bytes of the value.
    pub(super) len: u64,
    pub(super) chunks: Option<Chunks>,
}

/// Where the chunks of a value lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chunks {
    len: u64,
}

impl Chunks {
    /// The keys of all chunks of a record in order.
    pub(super) fn keys(self, record: &[u8]) -> impl Iterator<Item = Vec<u8>> + use<> {
        let mut prefix = vec![CHUNK];
        prefix.extend_from_slice(&Sha256::digest(record));
        // a value is far below the 384 TiB that would overflow the index
        let count = u32::try_from(self.len.div_ceil(CHUNK_LEN as u64)).unwrap_or(u32::MAX);
        (0..count).map(move |index| [prefix.as_slice(), &index.to_be_bytes()].concat())
    }

    /// The length of the whole value in bytes.
    pub(super) fn len(self) -> u64 {
        self.len
    }
}

/// Puts a value with its chunks into a batch and says what its record will say.
pub(super) fn write(batch: &mut Batch, key: &[u8], version: Sequence, value: &Bytes) -> Head {
    let len = value.len() as u64;
    let head = Head { version, len, chunks: (value.len() > CHUNK_LEN).then_some(Chunks { len }) };
    let mut record = Vec::with_capacity(HEAD + value.len().min(CHUNK_LEN));
    record.push(if head.chunks.is_some() { CHUNKED } else { INLINE });
    record.extend_from_slice(&version.0.to_be_bytes());
    match head.chunks {
        None => record.extend_from_slice(value),
        Some(chunks) => {
            record.extend_from_slice(&chunks.len.to_be_bytes());
            for (chunk, piece) in chunks.keys(key).zip(value.chunks(CHUNK_LEN)) {
                batch.insert(chunk, Some([&version.0.to_be_bytes(), piece].concat().into()));
            }
        }
    }
    batch.insert(key.to_vec(), Some(record.into()));
    head
}

/// Puts the removal of a value with its chunks into a batch.
pub(super) fn remove(batch: &mut Batch, key: &[u8], old: Head) {
    batch.insert(key.to_vec(), None);
    remove_chunks(batch, key, old);
}

/// Puts the removal of a value's chunks into a batch. A new value is written after that.
pub(super) fn remove_chunks(batch: &mut Batch, key: &[u8], old: Head) {
    for key in old.chunks.into_iter().flat_map(|chunks| chunks.keys(key)) {
        batch.insert(key, None);
    }
}

/// The head of a record and, if it lies inline, its value. `None`: not a record.
pub(super) fn read(record: &Bytes) -> Option<(Head, Option<Bytes>)> {
    let version = Sequence(number(record, 1)?);
    match *record.first()? {
        INLINE => {
            let value = record.slice(HEAD..);
            Some((Head { version, len: value.len() as u64, chunks: None }, Some(value)))
        }
        CHUNKED => {
            let len = number(record, HEAD)?;
            Some((Head { version, len, chunks: Some(Chunks { len }) }, None))
        }
        _ => None,
    }
}

/// The head of a record, whatever its bytes are. Those of a damaged one have the version
/// [`Sequence::DAMAGED`], and count as if they had been as many when they were written.
pub(super) fn head(record: &Bytes) -> Head {
    let len = record.len().saturating_sub(HEAD) as u64;
    read(record).map_or(Head { version: Sequence::DAMAGED, len, chunks: None }, |(head, _)| head)
}

/// The bytes of a chunk, if it belongs to the value of this version.
pub(super) fn read_chunk(chunk: &Bytes, version: Sequence) -> Option<&[u8]> {
    if number(chunk, 0)? == version.0 { chunk.get(8..) } else { None }
}

/// A number as `meta` keeps it.
pub(super) fn number(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_on_disk_stay_as_they_were_fixed() {
        let mut batch = Batch::new();
        write(&mut batch, b"k", Sequence(7), &Bytes::from_static(b"v"));
        assert_eq!(batch[b"k".as_slice()].as_deref(), Some(b"\x01\0\0\0\0\0\0\0\x07v".as_slice()));

        let mut batch = Batch::new();
        let large = Bytes::from(vec![5; CHUNK_LEN + 1]);
        write(&mut batch, b"k", Sequence(7), &large);
        let head = b"\x02\0\0\0\0\0\0\0\x07\0\0\0\0\0\x01\x80\x01";
        assert_eq!(batch[b"k".as_slice()].as_deref(), Some(head.as_slice()));
        let second = [[CHUNK].as_slice(), &Sha256::digest(b"k"), &[0, 0, 0, 1]].concat();
        assert_eq!(batch[&second].as_deref(), Some(b"\0\0\0\0\0\0\0\x07\x05".as_slice()));
        assert_eq!(batch.len(), 3);
    }

    #[test]
    fn removing_a_large_value_leaves_no_chunk_behind() {
        let mut batch = Batch::new();
        let head = write(&mut batch, b"k", Sequence(7), &Bytes::from(vec![5; 3 * CHUNK_LEN]));
        assert_eq!(batch.len(), 4);
        remove(&mut batch, b"k", head);
        assert!(batch.len() == 4 && batch.values().all(Option::is_none));
    }

    #[test]
    fn a_value_of_exactly_one_chunk_stays_inline() {
        let mut batch = Batch::new();
        write(&mut batch, b"k", Sequence(1), &Bytes::from(vec![5; CHUNK_LEN]));
        let record = batch[b"k".as_slice()].clone().unwrap();
        let (head, value) = read(&record).unwrap();
        assert_eq!((head.version, value.unwrap().len()), (Sequence(1), CHUNK_LEN));
    }

    #[test]
    fn bytes_that_are_no_record_are_not_taken_for_one() {
        for bytes in [b"".as_slice(), b"\x01\0\0", b"\x03\0\0\0\0\0\0\0\x07", b"\x02\0\0\0\0\0\0\0\x07\0"] {
            assert_eq!(read(&Bytes::copy_from_slice(bytes)), None);
        }
    }
}
