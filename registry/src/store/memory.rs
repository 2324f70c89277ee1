//! An engine without a disk: for tests and simulations of crashes.
//!
//! It has the durable point of a real disk: [`MemoryEngine::crash`] forgets every batch that
//! was not synced.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use bytes::Bytes;

use super::engine::{Batch, Engine, EngineError, Pair};

/// The engine. Clones share their contents.
#[derive(Clone, Default)]
pub struct MemoryEngine(Arc<RwLock<State>>);

#[derive(Default)]
struct State {
    /// What readers see.
    live: BTreeMap<Vec<u8>, Bytes>,
    /// What a crash leaves.
    durable: BTreeMap<Vec<u8>, Bytes>,
    /// What a sync has to carry from one to the other.
    unsynced: Vec<Batch>,
    crashed: bool,
}

impl MemoryEngine {
    /// An empty engine.
    pub fn new() -> Self {
        Self::default()
    }

    /// The machine stops and comes back: the answer holds what was synced. This engine and its
    /// clones fail from now on, so that no thread of the old life writes into the new one.
    pub fn crash(&self) -> Self {
        let mut state = self.write();
        state.crashed = true;
        let left = std::mem::take(&mut state.durable);
        Self(Arc::new(RwLock::new(State { live: left.clone(), durable: left, ..State::default() })))
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn check(&self) -> Result<(), EngineError> {
        match self.crashed {
            true => Err(EngineError::Other("the engine has crashed".to_owned())),
            false => Ok(()),
        }
    }
}

impl Engine for MemoryEngine {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        let state = self.read();
        state.check()?;
        Ok(state.live.get(key).cloned())
    }

    fn scan(&self, from: &[u8], to: Option<&[u8]>, limit: usize) -> Result<Vec<Pair>, EngineError> {
        let state = self.read();
        state.check()?;
        if to.is_some_and(|to| to <= from) {
            return Ok(Vec::new());
        }
        let range = (Bound::Included(from), to.map_or(Bound::Unbounded, Bound::Excluded));
        let pairs = state.live.range::<[u8], _>(range).take(limit);
        Ok(pairs.map(|(key, value)| (Bytes::copy_from_slice(key), value.clone())).collect())
    }

    fn apply(&self, batch: &Batch) -> Result<(), EngineError> {
        let mut state = self.write();
        state.check()?;
        write_into(&mut state.live, batch);
        state.unsynced.push(batch.clone());
        Ok(())
    }

    fn sync(&self) -> Result<(), EngineError> {
        let mut state = self.write();
        state.check()?;
        for batch in std::mem::take(&mut state.unsynced) {
            write_into(&mut state.durable, &batch);
        }
        Ok(())
    }
}

fn write_into(map: &mut BTreeMap<Vec<u8>, Bytes>, batch: &Batch) {
    for (key, value) in batch {
        match value {
            Some(value) => map.insert(key.clone(), value.clone()),
            None => map.remove(key),
        };
    }
}
