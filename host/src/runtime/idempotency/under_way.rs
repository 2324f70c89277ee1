//! Which requests with an idempotency key are under way, whatever revision runs them.
//!
//! Nothing depends on it but that a client is told at once: of two that run all the same, one meets a conflict.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use holm_registry::store::Key;

use super::gather::Room;

/// All of them.
#[derive(Clone, Default)]
pub struct UnderWay {
    keys: Arc<Mutex<HashSet<Key>>>,
    room: Room,
}

/// One of them. Under way until it is dropped.
pub struct Begun {
    all: UnderWay,
    key: Key,
}

impl UnderWay {
    /// Begins a request; `None`: one of this key is under way.
    pub fn begin(&self, key: &Key) -> Option<Begun> {
        self.lock().insert(key.clone()).then(|| Begun { all: self.clone(), key: key.clone() })
    }

    /// Where their bodies are kept.
    pub fn room(&self) -> &Room {
        &self.room
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<Key>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.all.lock().remove(&self.key);
    }
}
