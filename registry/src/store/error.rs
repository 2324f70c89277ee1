//! How the store fails.

use std::io;
use std::path::PathBuf;

use super::engine::EngineError;
use super::key::{Key, Keyset};
use super::usage::{OverQuota, Usage};

/// Why the store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder or a file in it cannot be used.
    #[error("cannot open the store in {}: {source}", path.display())]
    Io {
        /// What could not be used.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Neither the snapshot nor the log can be read.
    #[error(
        "the store in {} is damaged: {reason}. Nothing was deleted. Copy the folder, then restore it from a backup, \
         or start with an empty one through --data", path.display()
    )]
    Damaged {
        /// The store's folder.
        path: PathBuf,
        /// The engine's words.
        reason: String,
    },
    /// Written by a later version of Holm.
    #[error("the store has format {found} and this version of Holm reads up to {known}: use the version that wrote it")]
    Newer {
        /// The number found.
        found: u64,
        /// The highest number known.
        known: u64,
    },
    /// The engine failed after it was opened.
    #[error("cannot read the store: {0}")]
    Engine(#[from] EngineError),
    /// The system has no thread left.
    #[error("cannot start the store's threads: {0}")]
    Threads(io::Error),
}

/// Why a read, a sync or the store as a whole fails.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// A write or a sync failed before. What was durable is safe; whether anything later
    /// reached the disk cannot be known, so nothing is accepted until a restart has read it.
    #[error("the store stopped: {reason}. Check the disk, then restart Holm")]
    Poisoned {
        /// The first failure.
        reason: String,
    },
    /// A read failed.
    #[error("cannot read the store: {reason}")]
    Read {
        /// The engine's words.
        reason: String,
    },
    /// A record does not have the layout of one.
    #[error("the store is damaged at {key}")]
    Damaged {
        /// Where.
        key: Key,
    },
    /// [`super::Store::close`] was called.
    #[error("the store is closed")]
    Closed,
}

/// Why a commit did not happen. Nothing of it was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// Something that the unit of work saw has changed. Running it again may succeed.
    #[error("{0} changed meanwhile")]
    Conflict(Stale),
    /// Too little room on disk. Works again as soon as there is room.
    #[error(
        "no room to write: {} free on the disk of the data directory and {} are kept in reserve; free some space",
        mib(*free), mib(*reserve)
    )]
    DiskFull {
        /// Free bytes on the file system.
        free: u64,
        /// Bytes that stay free.
        reserve: u64,
    },
    /// One unit of work may not write this much.
    #[error("{what} of {} is over the limit of {}", mib(*size), mib(*limit))]
    TooLarge {
        /// A key or the whole commit.
        what: &'static str,
        /// Its size in bytes.
        size: u64,
        /// The largest allowed, bytes.
        limit: u64,
    },
    /// A service may not keep this much.
    #[error("{0}")]
    OverQuota(OverQuota),
    /// Too many events are in the log that is to be sent or trimmed. Works again when some have gone.
    #[error(
        "no room for events: {events} with {} are in the log already; publishing goes on when the broker has taken \
         some, or retention has removed some", mib(*bytes)
    )]
    Backlog {
        /// Events in the log.
        events: u64,
        /// Their bytes.
        bytes: u64,
    },
    /// The store itself failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl CommitError {
    pub(super) fn backlog(kept: Usage) -> Self {
        Self::Backlog { events: kept.keys, bytes: kept.bytes }
    }
}

/// What was no longer as the unit of work saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stale {
    /// A key has another version.
    Key(Key),
    /// A key was created or deleted in a bucket that was listed.
    Keyset(Keyset),
}

impl std::fmt::Display for Stale {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Key(key) => key.fmt(f),
            Self::Keyset(keyset) => keyset.fmt(f),
        }
    }
}

fn mib(bytes: u64) -> String {
    const MIB: u64 = 1 << 20;
    match bytes {
        0..MIB => format!("{bytes} bytes"),
        _ => format!("{}.{} MiB", bytes / MIB, bytes % MIB * 10 / MIB),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_says_how_much_is_free_and_how_much_is_needed() {
        let error = CommitError::DiskFull { free: 40 << 20, reserve: 64 << 20 };
        assert_eq!(
            error.to_string(),
            "no room to write: 40.0 MiB free on the disk of the data directory and 64.0 MiB are kept in reserve; \
             free some space"
        );
    }

    #[test]
    fn a_conflict_names_the_bucket_and_not_the_key() {
        let key = Key::state(&"orders".parse().unwrap(), "carts", "alice");
        assert_eq!(
            CommitError::Conflict(Stale::Key(key)).to_string(),
            "a key of 5 bytes in bucket \"carts\" of service orders changed meanwhile"
        );
    }

    #[test]
    fn a_commit_over_the_limit_says_the_limit() {
        let error = CommitError::TooLarge { what: "a commit", size: 17 << 20, limit: 16 << 20 };
        assert_eq!(error.to_string(), "a commit of 17.0 MiB is over the limit of 16.0 MiB");
    }
}
