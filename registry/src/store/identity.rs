//! The store's id, and the ids of its events: `<store>-<sequence>-<index>`.
//!
//! An event's id is the same each time that it is sent, whatever happened in between, since it only says where the
//! event lies. Another store, also one that took over the contents by export and import, gives other ids.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;

use super::effects::Sequence;
use super::engine::{Batch, Engine, EngineError};
use super::key::Key;
use super::log::Position;
use super::{Store, layout};

/// Where the id is kept.
const ID: &str = "id";

/// Names a store among all others: 64 random bits, so that of a million stores two are the same with a chance of
/// one in thirty million. As text 16 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StoreId(u64);

impl StoreId {
    /// A new one. Where the system has no random bits to give, it comes from the clock and this process.
    pub(super) fn new() -> Self {
        Self(getrandom::u64().unwrap_or_else(|_| fallback()))
    }

    /// The id that was given to the store on this engine, now if it has none yet.
    pub(super) fn of(engine: &dyn Engine) -> Result<Self, EngineError> {
        let key = Key::meta(ID).as_bytes().to_vec();
        if let Some(id) = engine.get(&key)?.and_then(|bytes| layout::number(&bytes, 0)) {
            return Ok(Self(id));
        }
        let id = Self::new();
        engine.apply(&Batch::from([(key, Some(Bytes::copy_from_slice(&id.0.to_be_bytes())))]))?;
        Ok(id)
    }
}

fn fallback() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let nanos = u64::try_from(now.as_nanos()).unwrap_or_default();
    nanos.rotate_left(20) ^ u64::from(std::process::id())
}

impl fmt::Display for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Store {
    /// What tells this store from all others. It survives restarts.
    pub fn id(&self) -> StoreId {
        self.0.shared.id
    }

    /// The id of an event in [`Log::Events`](super::Log::Events).
    pub fn event_id(&self, at: Position) -> String {
        format!("{}-{}-{}", self.id(), at.sequence, at.index)
    }

    /// Where the event of an id lies. `None`: it is not of this store.
    pub fn position_of(&self, event: &str) -> Option<Position> {
        let (store, at) = event.split_once('-')?;
        let (sequence, index) = at.split_once('-')?;
        let at = Position { sequence: Sequence(u64::from_str(sequence).ok()?), index: index.parse().ok()? };
        (store == self.id().to_string() && event == self.event_id(at)).then_some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::super::memory::MemoryEngine;
    use super::*;

    fn open(engine: &MemoryEngine) -> Store {
        Store::with_engine(Box::new(engine.clone())).unwrap()
    }

    #[test]
    fn an_event_has_another_id_after_a_restart() {
        let engine = MemoryEngine::new();
        let at = Position { sequence: Sequence(42), index: 3 };
        let before = open(&engine).event_id(at);
        let store = open(&engine);
        assert_eq!(store.event_id(at), before);
        assert_eq!(before, format!("{}-42-3", store.id()));
        assert_eq!(store.position_of(&before), Some(at));
        assert_eq!(store.id().to_string().len(), 16);
    }

    #[test]
    fn an_event_of_another_store_is_taken_for_one_of_this() {
        let (store, other) = (open(&MemoryEngine::new()), open(&MemoryEngine::new()));
        let at = Position { sequence: Sequence(1), index: 0 };
        assert_ne!(store.id(), other.id());
        let id = store.id();
        let strange = [other.event_id(at), "ORDERS-7".to_owned(), format!("{id}-1"), format!("{id}-01-0")];
        for foreign in strange.iter().chain(&[format!("{id}-1-0-0"), format!("{id}-+1-0"), String::new()]) {
            assert_eq!(store.position_of(foreign), None, "{foreign}");
        }
    }
}
