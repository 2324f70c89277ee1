//! What readers, the committer and the flusher share.
//!
//! A commit becomes visible in this order: [`Shared::started`] rises, the engine applies the
//! batch, keysets rise, [`Shared::applied`] rises. So `started == applied` means that no batch
//! is under way, and a reader who looks at a keyset *before* it lists can only learn too old a
//! sequence, never too new a one: a false conflict at worst.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{OnceLock, PoisonError, RwLock};

use tokio::sync::watch;

use super::effects::{Effects, Sequence};
use super::engine::{Engine, EngineError};
use super::error::{Stale, StoreError};
use super::identity::StoreId;
use super::key::{Key, Keyset};
use super::layout::{self, Head};
use super::usage::{Quota, Usage, Usages};

/// Keysets remembered one by one. A service may open as many buckets as it likes; beyond this
/// number all of them are remembered as changed at once, which costs conflicts, not memory.
const MAX_KEYSETS: usize = 10_000;

pub(super) struct Shared {
    pub(super) engine: Box<dyn Engine>,
    started: AtomicU64,
    applied: AtomicU64,
    keysets: RwLock<Keysets>,
    usages: RwLock<Usages>,
    durable: watch::Sender<Sequence>,
    /// As `applied`, for those who wait for it.
    visible: watch::Sender<Sequence>,
    poison: OnceLock<String>,
    closed: AtomicBool,
    pub(super) id: StoreId,
    /// What [`Log::Events`](super::Log) may hold.
    pub(super) backlog: Quota,
}

/// What an engine holds when it is opened, all of it durable.
pub(super) struct Found {
    /// The highest sequence.
    pub(super) last: Sequence,
    pub(super) usages: Usages,
    pub(super) id: StoreId,
}

/// When keys were last created or deleted. Only in memory: no reader survives a restart.
struct Keysets {
    /// Holds for every keyset without an entry.
    floor: Sequence,
    raised: HashMap<Keyset, Sequence>,
}

impl Shared {
    pub(super) fn new(engine: Box<dyn Engine>, found: Found, backlog: Quota) -> Self {
        let Found { last, usages, id } = found;
        Self {
            engine,
            started: AtomicU64::new(last.0),
            applied: AtomicU64::new(last.0),
            keysets: RwLock::new(Keysets { floor: last, raised: HashMap::new() }),
            usages: RwLock::new(usages),
            durable: watch::Sender::new(last),
            visible: watch::Sender::new(last),
            poison: OnceLock::new(),
            closed: AtomicBool::new(false),
            id,
            backlog,
        }
    }

    pub(super) fn applied(&self) -> Sequence {
        Sequence(self.applied.load(SeqCst))
    }

    /// No visible commit has a higher sequence: that of the batch under way, if there is one.
    pub(super) fn newest(&self) -> Sequence {
        Sequence(self.started.load(SeqCst))
    }

    /// Whether no batch is under way: then the keysets have risen for all that a reader has seen.
    pub(super) fn is_settled(&self) -> bool {
        let newest = self.newest();
        self.applied() == newest
    }

    pub(super) fn begin_batch(&self, last: Sequence) {
        self.started.store(last.0, SeqCst);
    }

    pub(super) fn end_batch(&self, last: Sequence, raised: HashMap<Keyset, Sequence>, usages: Usages) {
        if !usages.is_empty() {
            self.usages.write().unwrap_or_else(PoisonError::into_inner).extend(usages);
        }
        if !raised.is_empty() {
            self.keysets.write().unwrap_or_else(PoisonError::into_inner).raise(raised, last);
        }
        self.applied.store(last.0, SeqCst);
        self.visible.send_replace(last);
    }

    /// Changes whenever commits have become visible.
    pub(super) fn follow(&self) -> watch::Receiver<Sequence> {
        self.visible.subscribe()
    }

    /// When a key of the set was last created or deleted, or something later.
    pub(super) fn keyset(&self, set: &Keyset) -> Sequence {
        let keysets = self.keysets.read().unwrap_or_else(PoisonError::into_inner);
        keysets.raised.get(set).copied().unwrap_or(keysets.floor)
    }

    /// What a service or a log keeps.
    pub(super) fn usage(&self, owner: &str) -> Usage {
        self.usages.read().unwrap_or_else(PoisonError::into_inner).get(owner).copied().unwrap_or_default()
    }

    /// A damaged record has a head, too: it can be replaced, and nobody who read something else is current.
    pub(super) fn head(&self, key: &Key) -> Result<Option<Head>, StoreError> {
        let record = self.engine.get(key.as_bytes()).map_err(read_error)?;
        Ok(record.as_ref().map(layout::head))
    }

    /// Checks effects that write nothing, beside the committer. `None`: a commit came between,
    /// so it cannot be said whether all reads held at one moment.
    pub(super) fn validate_reads(&self, effects: &Effects) -> Result<Option<Result<(), Stale>>, StoreError> {
        let before = self.started.load(SeqCst);
        if self.applied.load(SeqCst) != before {
            return Ok(None);
        }
        for (key, seen) in &effects.reads {
            if self.head(key)?.map_or(Sequence::NONE, |head| head.version) != *seen {
                return Ok(Some(Err(Stale::Key(key.clone()))));
            }
        }
        for (set, seen) in &effects.keysets {
            if self.keyset(set) > *seen {
                return Ok(Some(Err(Stale::Keyset(set.clone()))));
            }
        }
        Ok((self.started.load(SeqCst) == before).then_some(Ok(())))
    }

    /// What has to be durable before anything that depends on these reads may leave the
    /// process. A present value names its commit; a key may be absent because of a commit that
    /// is not yet durable, and its bucket's keyset tells which one at the latest.
    pub(super) fn depends_on(&self, effects: &Effects) -> Sequence {
        let read = |(key, seen): (&Key, &Sequence)| match (*seen, key.keyset()) {
            (Sequence::NONE, Some(set)) => self.settled_keyset(&set),
            (Sequence::NONE, None) => self.newest(),
            (version, _) => version,
        };
        let listed = effects.keysets.keys().map(|set| self.settled_keyset(set));
        effects.reads.iter().map(read).chain(listed).max().unwrap_or_default()
    }

    /// Not below the sequence of any deletion that a reader can have seen, even one whose batch
    /// the engine has applied and whose keyset has not risen yet.
    fn settled_keyset(&self, set: &Keyset) -> Sequence {
        let newest = self.newest();
        if self.applied() < newest { newest } else { self.keyset(set) }
    }

    pub(super) fn durable(&self) -> Sequence {
        *self.durable.borrow()
    }

    pub(super) fn set_durable(&self, sequence: Sequence) {
        self.durable.send_replace(sequence);
    }

    /// Resolves when the store is durable up to `sequence`, or never will be.
    pub(super) async fn wait_durable(&self, sequence: Sequence) -> Result<(), StoreError> {
        let mut durable = self.durable.subscribe();
        loop {
            self.health()?;
            let reached = *durable.borrow_and_update();
            if reached >= sequence {
                return Ok(());
            }
            if self.closed.load(SeqCst) || durable.changed().await.is_err() {
                return Err(StoreError::Closed);
            }
        }
    }

    /// Stops the store for good. The first reason stays.
    pub(super) fn poison(&self, reason: String) {
        if self.poison.set(reason).is_ok() {
            tracing::error!(reason = self.poison.get(), "the store stopped");
        }
        self.durable.send_modify(|_| ());
    }

    pub(super) fn health(&self) -> Result<(), StoreError> {
        match self.poison.get() {
            Some(reason) => Err(StoreError::Poisoned { reason: reason.clone() }),
            None => Ok(()),
        }
    }

    pub(super) fn set_closed(&self) {
        self.closed.store(true, SeqCst);
        self.durable.send_modify(|_| ());
    }
}

impl Keysets {
    fn raise(&mut self, raised: HashMap<Keyset, Sequence>, last: Sequence) {
        self.raised.extend(raised);
        if self.raised.len() > MAX_KEYSETS {
            self.raised.clear();
            self.floor = last;
        }
    }
}

pub(super) fn read_error(error: EngineError) -> StoreError {
    StoreError::Read { reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::super::memory::MemoryEngine;
    use super::*;

    #[test]
    fn a_service_with_endless_buckets_must_not_eat_the_memory() {
        let found = Found { last: Sequence(5), usages: Usages::new(), id: StoreId::new() };
        let shared = Shared::new(Box::new(MemoryEngine::new()), found, Quota { keys: 0, bytes: 0 });
        let service = "orders".parse().unwrap();
        let set = |n: u64| Keyset::new(&service, &n.to_string());
        for n in 0..=MAX_KEYSETS as u64 {
            shared.end_batch(Sequence(6 + n), HashMap::from([(set(n), Sequence(6 + n))]), Usages::new());
        }
        let last = shared.applied();
        assert_eq!(shared.keyset(&set(0)), last);
        assert_eq!(shared.keyset(&set(u64::MAX)), last);
        assert!(shared.keysets.read().unwrap().raised.is_empty());
    }
}
