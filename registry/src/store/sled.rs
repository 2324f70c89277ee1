//! The engine on disk. The only file that knows sled, and the recipe that makes it keep its word.
//!
//! What sled 0.34.7 does, read in its source and measured, and what is done about it here:
//!
//! - `flush` writes without fsync, and sled's own flusher thread swallows fsync errors: that
//!   thread is off, [`Engine::sync`] flushes and then syncs the log file itself. Space is still
//!   reclaimed: sled rewrites a page of a sparse segment with each page that it replaces.
//! - A kill while sled opens can leave a half-written snapshot that it then takes for a whole
//!   one: those are removed before opening, and if opening still reports damage all snapshots
//!   are moved aside, since the log alone holds everything. The log is never touched.
//! - Its configuration is written in two pieces and never synced, and without it the log cannot be opened: a
//!   new database is made aside and moved into place when all of it is on disk.
//! - Pages above a quarter of a segment go to files that are never synced: segments have 8 MiB
//!   and values are kept small ([`super::layout`]), so that no page gets there.
//! - `apply_batch` writes a manifest that names the last log position of the batch before any
//!   of its pages count, the same as a transaction does: after a crash all of it is there or
//!   nothing. One tree is therefore enough. It holds sled's process-wide lock exclusively while
//!   it applies the batch in memory (no fsync under it), and `get` and each step of an iterator
//!   hold it shared: no reader sees half of a batch within one call, and none waits for a sync.
//! - After ENOSPC sled stops for good: the store refuses commits before that
//!   ([`super::space`]).

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::engine::{Batch, Engine, EngineError, Pair};
use super::error::OpenError;
use crate::disk;

/// What sled calls its files.
const LOG: &str = "db";
const CONFIGURATION: &str = "conf";
/// Where a new database is made.
const ASIDE: &str = "creating";
/// Fixed when the database is created.
const SEGMENT: usize = 8 << 20;
/// sled's default of 1 GiB is most of a small machine. 64 MiB hold the inner pages of some ten
/// million records, and the rest comes from the page cache of the system.
const CACHE: u64 = 64 << 20;
/// What the shortest snapshot holds: a checksum and its head. Shorter ones were cut off.
const SHORTEST_SNAPSHOT: u64 = 13;
/// How long an open waits for the lock on the log: far longer than either holder keeps it.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);
const LOCK_POLL: Duration = Duration::from_millis(2);

/// sled with one tree.
pub(super) struct SledEngine {
    tree: sled::Db,
    /// Our own handle on sled's log: an fsync error is reported once to every handle, so sled
    /// cannot take it away from us.
    log: File,
}

impl SledEngine {
    /// Opens the database in `dir`, or creates it.
    pub(super) fn open(dir: &Path) -> Result<Self, OpenError> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |source| OpenError::Io { path, source }
        };
        disk::create_folder(dir).map_err(at(dir))?;
        let path = dir.join(LOG);
        if !path.exists() {
            let tree = open_sled(&aside(dir).map_err(at(dir))?).map_err(EngineError::from)?;
            tree.flush().map_err(EngineError::from)?;
            drop(tree);
            move_into_place(dir).map_err(at(dir))?;
        }
        remove_broken_snapshots(dir).map_err(at(dir))?;
        let tree = open_or_without_snapshots(dir)?;
        let log = File::open(&path).map_err(at(&path))?;
        warn_of_blobs(dir);
        Ok(Self { tree, log })
    }
}

impl Engine for SledEngine {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        Ok(self.tree.get(key)?.map(Bytes::from_owner))
    }

    fn scan(&self, from: &[u8], to: Option<&[u8]>, limit: usize) -> Result<Vec<Pair>, EngineError> {
        if to.is_some_and(|to| to <= from) {
            return Ok(Vec::new());
        }
        let pairs = match to {
            Some(to) => self.tree.range(from..to),
            None => self.tree.range(from..),
        };
        let owned = |(key, value)| (Bytes::from_owner::<sled::IVec>(key), Bytes::from_owner::<sled::IVec>(value));
        pairs.take(limit).map(|pair| Ok(owned(pair?))).collect()
    }

    fn apply(&self, batch: &Batch) -> Result<(), EngineError> {
        let mut writes = sled::Batch::default();
        for (key, value) in batch {
            match value {
                Some(value) => writes.insert(key.as_slice(), value.as_ref()),
                None => writes.remove(key.as_slice()),
            }
        }
        Ok(self.tree.apply_batch(writes)?)
    }

    fn sync(&self) -> Result<(), EngineError> {
        self.tree.flush()?;
        Ok(self.log.sync_data()?)
    }
}

impl From<sled::Error> for EngineError {
    fn from(error: sled::Error) -> Self {
        match error {
            sled::Error::Io(error) => Self::Io(error),
            sled::Error::Corruption { .. } => Self::Damaged(error.to_string()),
            other => Self::Other(other.to_string()),
        }
    }
}

/// An empty folder for a new database. One that a crash has left holds nothing that anybody relies on.
fn aside(dir: &Path) -> io::Result<PathBuf> {
    let aside = dir.join(ASIDE);
    match fs::remove_dir_all(&aside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => disk::create_folder(&aside)?,
    }
    Ok(aside)
}

/// The log last: where it is, the rest is, too.
fn move_into_place(dir: &Path) -> io::Result<()> {
    let aside = dir.join(ASIDE);
    for name in [CONFIGURATION, LOG] {
        File::open(aside.join(name))?.sync_all()?;
        fs::rename(aside.join(name), dir.join(name))?;
        disk::sync_folder(dir)?;
    }
    fs::remove_dir_all(aside)
}

fn open_or_without_snapshots(dir: &Path) -> Result<sled::Db, OpenError> {
    let damaged = |error: &sled::Error| OpenError::Damaged { path: dir.to_owned(), reason: error.to_string() };
    let first = match open_sled(dir) {
        Err(error @ sled::Error::Corruption { .. }) => error,
        other => return other.map_err(|error| OpenError::Engine(error.into())),
    };
    let moved = set_snapshots_aside(dir).map_err(|source| OpenError::Io { path: dir.to_owned(), source })?;
    if moved == 0 {
        return Err(damaged(&first));
    }
    tracing::warn!(error = %first, moved, "the store's snapshot is damaged; reading the whole log instead");
    open_sled(dir).map_err(|error| damaged(&error))
}

/// Opens once the lock on the log is free. sled's worker threads may hold it for a moment after
/// the last handle has gone, and so may a child process between fork and exec; another Holm is
/// kept out by the lock of the data directory.
fn open_sled(dir: &Path) -> sled::Result<sled::Db> {
    let config = sled::Config::new().path(dir).segment_size(SEGMENT).flush_every_ms(None).cache_capacity(CACHE);
    let deadline = Instant::now() + LOCK_PATIENCE;
    loop {
        match config.open() {
            Err(error) if is_locked(&error) && Instant::now() < deadline => thread::sleep(LOCK_POLL),
            other => return other,
        }
    }
}

/// sled tells it in words alone.
fn is_locked(error: &sled::Error) -> bool {
    matches!(error, sled::Error::Io(error) if error.to_string().contains("could not acquire lock"))
}

fn snapshots(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("snap.") {
            found.push(entry.path());
        }
    }
    Ok(found)
}

fn remove_broken_snapshots(dir: &Path) -> io::Result<()> {
    for path in snapshots(dir)? {
        let unfinished = path.extension().is_some_and(|end| end == "generating");
        if unfinished || fs::metadata(&path)?.len() < SHORTEST_SNAPSHOT {
            tracing::info!(path = %path.display(), "removing a snapshot that a crash cut off");
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

/// Renames all snapshots so that sled does not see them, and says how many there were.
fn set_snapshots_aside(dir: &Path) -> io::Result<usize> {
    let found = snapshots(dir)?;
    for path in &found {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        fs::rename(path, dir.join(format!("damaged.{name}")))?;
    }
    Ok(found.len())
}

fn warn_of_blobs(dir: &Path) {
    let blobs = fs::read_dir(dir.join("blobs")).map_or(0, Iterator::count);
    if blobs > 0 {
        tracing::warn!(blobs, "the store has values outside its log, which a loss of power may take: report this");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value_of(engine: &SledEngine) -> Option<Bytes> {
        engine.get(b"key").unwrap()
    }

    fn store_with_a_snapshot() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let write = Batch::from([(b"key".to_vec(), Some(Bytes::from_static(b"value")))]);
        let engine = SledEngine::open(dir.path()).unwrap();
        engine.apply(&write).unwrap();
        engine.sync().unwrap();
        drop(engine);
        drop(SledEngine::open(dir.path()).unwrap());
        assert!(!snapshots(dir.path()).unwrap().is_empty());
        dir
    }

    #[test]
    fn a_kill_while_opening_must_not_brick_the_store() {
        let dir = store_with_a_snapshot();
        fs::write(dir.path().join("snap.0000000000000001.generating"), [0; 40]).unwrap();
        fs::write(dir.path().join("snap.00000000000000FF"), []).unwrap();
        assert_eq!(value_of(&SledEngine::open(dir.path()).unwrap()).as_deref(), Some(b"value".as_slice()));
    }

    #[test]
    fn a_crash_while_a_store_is_created_must_not_brick_it() {
        let dir = tempfile::tempdir().unwrap();
        let aside = dir.path().join(ASIDE);
        fs::create_dir(&aside).unwrap();
        fs::write(aside.join(CONFIGURATION), "segment_size: 8").unwrap();
        fs::write(aside.join(LOG), [7; 100]).unwrap();
        // the configuration was moved, the log was not
        fs::write(dir.path().join(CONFIGURATION), []).unwrap();
        assert_eq!(value_of(&SledEngine::open(dir.path()).unwrap()), None);
        assert!(!aside.exists());
    }

    #[test]
    fn a_damaged_snapshot_is_set_aside_and_nothing_is_lost() {
        let dir = store_with_a_snapshot();
        for path in snapshots(dir.path()).unwrap() {
            fs::write(path, [7; 100]).unwrap();
        }
        assert_eq!(value_of(&SledEngine::open(dir.path()).unwrap()).as_deref(), Some(b"value".as_slice()));
        let aside = fs::read_dir(dir.path()).unwrap().flatten();
        assert!(aside.map(|entry| entry.file_name()).any(|name| name.to_string_lossy().starts_with("damaged.snap.")));
    }

    #[test]
    fn large_batches_and_full_pages_stay_inside_the_log() {
        let dir = tempfile::tempdir().unwrap();
        let engine = SledEngine::open(dir.path()).unwrap();
        let value = Bytes::from(vec![7; super::super::layout::CHUNK_LEN + 20]);
        let batch: Batch = (0..200_u32).map(|n| (n.to_be_bytes().to_vec(), Some(value.clone()))).collect();
        engine.apply(&batch).unwrap();
        engine.sync().unwrap();
        drop(engine);
        let engine = SledEngine::open(dir.path()).unwrap();
        assert_eq!(engine.scan(&[], None, 1000).unwrap().len(), 200);
        assert_eq!(fs::read_dir(dir.path().join("blobs")).unwrap().count(), 0);
    }
}
