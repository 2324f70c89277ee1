//! What the store asks of the thing that keeps bytes on disk.
//!
//! An engine is an ordered map of bytes with one atomic write and one durable point. It knows
//! nothing of versions, services or conflicts. [`super::sled`] and [`super::memory`] are the
//! two that ship; one conformance suite runs over both.

use std::collections::BTreeMap;
use std::io;

use bytes::Bytes;

/// Writes that happen together: `None` removes the key.
pub type Batch = BTreeMap<Vec<u8>, Option<Bytes>>;

/// A key with its value.
pub type Pair = (Bytes, Bytes);

/// An ordered map of bytes. All methods block; only the store calls them.
pub trait Engine: Send + Sync + 'static {
    /// The value under a key. Sees a batch either not at all or whole; two calls may see a
    /// batch between them.
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, EngineError>;

    /// At most `limit` pairs from `from` (inclusive) up to `to` (exclusive, `None`: the end),
    /// in the order of their keys. May see a batch that is applied meanwhile in part; whoever
    /// must not, validates afterwards.
    fn scan(&self, from: &[u8], to: Option<&[u8]>, limit: usize) -> Result<Vec<Pair>, EngineError>;

    /// Applies a batch: after a crash all of it is there or nothing, and never without the
    /// batches before it. Called by one thread only.
    fn apply(&self, batch: &Batch) -> Result<(), EngineError>;

    /// Returns when every batch applied before the call survives a loss of power. Runs beside
    /// [`Engine::apply`]. After an error nobody calls it again: a second fsync may report
    /// success for pages that the kernel has already dropped.
    fn sync(&self) -> Result<(), EngineError>;
}

/// Why an engine could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The disk said no.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// What lies on disk is not what was written.
    #[error("the database is damaged: {0}")]
    Damaged(String),
    /// Anything else, in the engine's words.
    #[error("{0}")]
    Other(String),
}
