//! The one database: versioned records, checked commits, one writer.
//!
//! | module | holds |
//! | --- | --- |
//! | [`key`](Key), `layout` | the bytes on disk: keys by space, records, chunks of large values |
//! | [`effects`](Effects) | what a unit of work saw and wants to write |
//! | `group` | decides which waiting commits hold and merges them (pure) |
//! | `committer`, `flusher` | the two threads: one makes commits visible, one durable |
//! | `shared` | what both share with the readers: sequences, keysets, poison |
//! | [`usage`](Usage) | what each service and each log keeps, and what it may |
//! | [`log`](Log) | events in the order of their commits |
//! | [`identity`](StoreId) | the store's id, and those of its events |
//! | `sweep` | removes what is consumed or expired, in small commits |
//! | `space` | refuses commits before the disk is full |
//! | [`engine`] | what keeps the bytes: `sled` on disk, [`memory`] for tests |
//!
//! What a unit of work relies on:
//!
//! - A [`Store::get`] sees the latest visible commit, whole. Two reads may see a commit between
//!   them; [`Store::commit`] then reports a conflict. So a unit may *compute* on a mixture, but
//!   never *commit* or answer from one: units that only read are committed, too.
//! - Once handed over, a commit happens or conflicts by itself, whoever has left meanwhile.
//! - A commit is visible when `commit` answers and durable when [`Store::durable`] does.
//!   Whatever leaves the process waits for the latter, with the sequence that `commit` gave: it
//!   covers what the unit wrote and what it read.
//! - A crash loses only commits that were not durable, and only the latest ones, whole.
//! - After a failed write or sync the store is poisoned: every commit and every `durable` fails
//!   until a restart. Reads still answer, from what is visible.
//! - A damaged record is named and does not keep others from being read or written. Replaced or removed, its
//!   bytes are set aside: [`Key::quarantine`].
//!
//! Reads block on the disk when a page is not in memory (microseconds as a rule), and for as
//! long as a batch is applied in memory; never for a sync.

mod committer;
mod effects;
pub mod engine;
mod error;
mod flusher;
mod group;
mod identity;
mod key;
mod layout;
mod log;
pub mod memory;
mod open;
mod read;
mod shared;
mod sled;
mod space;
mod sweep;
mod thread;
mod usage;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::{Semaphore, mpsc, oneshot, watch};

pub use self::effects::{Effects, KeyPage, Record, Records, Sequence, stamped, unstamped};
pub use self::error::{CommitError, OpenError, Stale, StoreError};
pub use self::identity::StoreId;
pub use self::key::{Key, Keyset};
pub use self::log::{Log, Logged, Page, Position};
pub use self::sweep::{Expiring, Mark};
pub use self::usage::{OverQuota, Quota, Usage};

use self::committer::{Job, Message};
use self::engine::Engine;
use self::shared::Shared;
use crate::name::ServiceName;
use crate::units::ByteSize;

/// Bytes of one commit. sled holds a batch in memory until the last of it is in its log, and
/// lets no reader in meanwhile; a service that is given a larger `limits.value` meets this.
pub const MAX_COMMIT: ByteSize = ByteSize::mib(16);
/// Commits that wait for the committer, and their bytes: beyond either, callers wait before
/// they hand over. 1,024 is four groups; 64 MiB is what a small machine can spare.
const QUEUE: usize = 1024;
const QUEUE_KIB: usize = 64 << 10;

/// How a store is opened.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// Bytes that stay free on the disk. sled stops for good when the disk is full, and
    /// artifacts and logs share it: 64 MiB are eight of its segments, more than a restart and
    /// its snapshot need.
    pub reserve: ByteSize,
    /// What [`Log::Events`] may hold, as keys and bytes; beyond it commits that publish are refused. While a broker
    /// is away this is what waits for it: at 100 events a second, a quarter of an hour, and no more disk than one
    /// service may fill. Where the log itself is the bus it has to be more than retention lets it keep.
    pub backlog: Quota,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self { reserve: ByteSize::mib(64), backlog: Quota { keys: 100_000, bytes: 256 << 20 } }
    }
}

/// The store. Clones are handles on the same one; the last one to go closes it.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    queue: Option<mpsc::Sender<Message>>,
    room: Arc<Semaphore>,
    committer: Mutex<Option<JoinHandle<()>>>,
}

impl Store {
    /// Opens the store in a folder, or creates it there. Blocks while the log is read.
    pub fn open(dir: &Path, options: &StoreOptions) -> Result<Self, OpenError> {
        open::on_disk(dir, options)
    }

    /// A store on another engine, with the default options. Without a disk of its own it is never full.
    pub fn with_engine(engine: Box<dyn Engine>) -> Result<Self, OpenError> {
        Self::with_engine_and(engine, &StoreOptions::default())
    }

    /// A store on another engine.
    pub fn with_engine_and(engine: Box<dyn Engine>, options: &StoreOptions) -> Result<Self, OpenError> {
        open::on_engine(engine, space::Gauge::new(None, 0), options.backlog)
    }

    /// The value under a key. Blocks on the disk when its page is not in memory.
    pub fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        read::get(&self.0.shared, key)
    }

    /// A page of at most `limit` keys of a bucket behind `after`, `None`: from the first.
    pub fn keys(&self, set: &Keyset, after: Option<&str>, limit: usize) -> Result<KeyPage, StoreError> {
        read::keys(&self.0.shared, set, after, limit)
    }

    /// What a service keeps, as of the latest visible commit.
    pub fn usage(&self, service: &ServiceName) -> Usage {
        self.0.shared.usage(service.as_str())
    }

    /// Bytes that a state key and its value count for in [`Store::usage`]; `None`: it is not
    /// there.
    pub fn footprint(&self, key: &Key) -> Result<Option<u64>, StoreError> {
        Ok(self.0.shared.head(key)?.map(|head| key.own_length() + head.len))
    }

    /// All records whose keys begin with `prefix`, in order: for the catalog, which is small.
    /// May see a commit in part when one happens meanwhile. Damaged ones are logged and left out.
    pub fn scan(&self, prefix: &Key) -> Result<Vec<(Key, Record)>, StoreError> {
        read::scan(&self.0.shared, prefix)
    }

    /// At most `limit` records whose keys begin with `prefix`, behind `after`; fewer, when one of them brings their
    /// values to `bytes`. Two readings may see commits between them. Damaged ones are logged and left out.
    pub fn records(
        &self,
        prefix: &Key,
        after: Option<&Key>,
        limit: usize,
        bytes: usize,
    ) -> Result<Records, StoreError> {
        read::records(&self.0.shared, prefix, after, limit, bytes)
    }

    /// The sequence of the latest visible commit, to be followed: changes whenever a commit has become visible.
    pub fn follow(&self) -> watch::Receiver<Sequence> {
        self.0.shared.follow()
    }

    /// Commits, and answers when the commit is visible, with the sequence to pass to
    /// [`Store::durable`]. The commit is handed over when the future is first polled and the
    /// queue has room; from then on it happens or conflicts even if the future is dropped.
    ///
    /// Effects without writes are only validated: one read alone always held at some moment (but see
    /// [`Effects::torn`]), several are checked here unless commits keep coming between.
    pub async fn commit(&self, effects: Effects) -> Result<Sequence, CommitError> {
        self.health()?;
        if effects.only_reads()
            && let Some(outcome) = self.validate_here(&effects)?
        {
            return outcome;
        }
        check_size(&effects)?;
        self.hand_over(effects).await
    }

    /// Resolves when everything up to `sequence` survives a loss of power.
    pub async fn durable(&self, sequence: Sequence) -> Result<(), StoreError> {
        self.0.shared.wait_durable(sequence).await
    }

    /// The sequence of the latest commit: nothing that was read so far has a higher one. What
    /// answers from reads without committing them waits until this is durable.
    pub fn applied(&self) -> Sequence {
        self.0.shared.newest()
    }

    /// Whether the store accepts commits, and if not, why.
    pub fn health(&self) -> Result<(), StoreError> {
        self.0.shared.health()
    }

    /// Commits what was handed over, makes it durable and stops both threads. Commits that come
    /// later fail with [`StoreError::Closed`].
    pub async fn close(&self) -> Result<(), StoreError> {
        let (done, finished) = oneshot::channel();
        if let Some(queue) = &self.0.queue {
            // an error in either says that the committer has already ended
            let _ = queue.send(Message::Close(done)).await;
            let _ = finished.await;
        }
        self.0.join();
        self.health()
    }

    /// `None`: cannot be decided here.
    fn validate_here(&self, effects: &Effects) -> Result<Option<Result<Sequence, CommitError>>, StoreError> {
        /// More than this many commits during a validation of microseconds: let the committer
        /// decide, who has nobody beside him.
        const TRIES: usize = 3;
        let shared = &self.0.shared;
        if effects.reads.len() + effects.keysets.len() <= 1 && !effects.torn {
            return Ok(Some(Ok(shared.depends_on(effects))));
        }
        for _ in 0..TRIES {
            if let Some(outcome) = shared.validate_reads(effects)? {
                let outcome = outcome.map(|()| shared.depends_on(effects));
                return Ok(Some(outcome.map_err(CommitError::Conflict)));
            }
        }
        Ok(None)
    }

    async fn hand_over(&self, effects: Effects) -> Result<Sequence, CommitError> {
        let queue = self.0.queue.as_ref().ok_or(StoreError::Closed)?;
        let kib = u32::try_from(effects.size() >> 10).unwrap_or(u32::MAX).saturating_add(1);
        let room = self.0.room.clone().acquire_many_owned(kib).await.map_err(|_| StoreError::Closed)?;
        let (answer, outcome) = oneshot::channel();
        let job = Job { effects, answer, room };
        queue.send(Message::Commit(job)).await.map_err(|_| self.gone())?;
        outcome.await.map_err(|_| self.gone())?
    }

    /// Why the committer does not answer.
    fn gone(&self) -> StoreError {
        self.health().err().unwrap_or(StoreError::Closed)
    }
}

impl Inner {
    fn join(&self) {
        let thread = self.committer.lock().unwrap_or_else(PoisonError::into_inner).take();
        // a panic there has already poisoned the store
        let _ = thread.map(JoinHandle::join);
    }
}

impl Drop for Inner {
    /// Waits for the last sync, so that the database is closed when the last handle has gone.
    fn drop(&mut self) {
        self.queue = None;
        self.join();
    }
}

fn check_size(effects: &Effects) -> Result<(), CommitError> {
    let longest = effects.writes.keys().map(|key| key.as_bytes().len()).max().unwrap_or_default();
    let too_large = |what, size: usize, limit: u64| {
        let size = size as u64;
        if size > limit { Err(CommitError::TooLarge { what, size, limit }) } else { Ok(()) }
    };
    too_large("a key", longest, layout::MAX_KEY as u64)?;
    too_large("a commit", effects.size(), MAX_COMMIT.as_u64())
}
