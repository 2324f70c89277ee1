//! What does not work now, part by part, for `/readyz`.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::events::bus::BusState;

/// Something that may be out of order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// What the server is, and Holm's streams there.
    Server,
    /// Sending what was published.
    Relay,
}

/// What is out of order, and why.
#[derive(Debug, Default)]
pub struct Conditions(Mutex<BTreeMap<Part, String>>);

impl Conditions {
    /// A part does not work. Told when it is news.
    pub fn set(&self, part: Part, why: String) {
        if self.parts().insert(part, why.clone()).as_ref() != Some(&why) {
            tracing::warn!("events: {why}");
        }
    }

    /// A part works.
    pub fn clear(&self, part: Part) {
        self.parts().remove(&part);
    }

    /// All of it.
    pub fn state(&self) -> BusState {
        let parts = self.parts();
        match parts.is_empty() {
            true => BusState::Ready,
            false => BusState::Degraded(parts.values().cloned().collect::<Vec<_>>().join("; ")),
        }
    }

    fn parts(&self) -> MutexGuard<'_, BTreeMap<Part, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
