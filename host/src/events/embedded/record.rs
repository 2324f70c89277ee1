//! What is kept of a durable consumer: how far it has looked, and what of that is not settled.
//!
//! The record is JSON under [`Key::consumer`]. It is written now and then; what was settled since is
//! known by the marks that the handlers' own commits have left. A mark goes in the same commit as the first
//! record that tells of its event.

use bytes::Bytes;
use holm_registry::ServiceName;
use holm_registry::store::{Key, Position, Sequence, Store, StoreError};
use holm_registry::subject::SubjectPattern;
use serde::{Deserialize, Serialize};

use super::durable::Durable;
use super::head::Head;

/// The name of the record among all that a bus may remember of a subscription.
const NAME: &str = "cursor";

/// The record.
#[derive(Serialize, Deserialize)]
pub struct Saved {
    service: ServiceName,
    subject: SubjectPattern,
    /// Sequence and index.
    seen: (u64, u32),
    /// Sequence, index and attempts of what is not settled.
    open: Vec<(u64, u32, u32)>,
}

impl Saved {
    /// What a consumer knows now.
    pub fn new(
        service: &ServiceName,
        subject: &SubjectPattern,
        seen: Position,
        open: impl Iterator<Item = (Position, u32)>,
    ) -> Self {
        let open = open.map(|(at, attempts)| (at.sequence.0, at.index, attempts)).collect();
        let (service, subject) = (service.clone(), subject.clone());
        Self { service, subject, seen: (seen.sequence.0, seen.index), open }
    }

    /// Where it is kept, and as what.
    pub fn write(&self) -> (Key, Option<Bytes>) {
        // names and numbers always have a JSON form
        let json = serde_json::to_vec(self).unwrap_or_default();
        (key(&self.service, &self.subject), Some(json.into()))
    }
}

/// Where the record of a consumer is kept.
fn key(service: &ServiceName, subject: &SubjectPattern) -> Key {
    Key::consumer(service, subject.as_str(), NAME)
}

/// All consumers that were kept, with what their handlers have settled since.
///
/// # Errors
/// When the store cannot be read.
pub fn load(store: &Store, head: &Head) -> Result<Vec<Durable>, StoreError> {
    let mut found = Vec::new();
    for (key, record) in store.scan(&Key::consumers())? {
        if key.subscription_parts().is_none_or(|(_, _, name)| name != NAME) {
            continue;
        }
        match serde_json::from_slice::<Saved>(&record.value) {
            Ok(saved) => found.push(restore(store, head, saved)?),
            Err(error) => tracing::error!(%key, %error, "the record of a subscription is damaged; it begins anew"),
        }
    }
    Ok(found)
}

fn restore(store: &Store, head: &Head, saved: Saved) -> Result<Durable, StoreError> {
    let Saved { service, subject, seen, open } = saved;
    let marks = store.marks(&service, subject.as_str())?;
    let handled = marks.iter().filter_map(|mark| store.position_of(&mark.event)).collect();
    let durable = Durable::new(service, subject, position(seen.0, seen.1), handled);
    for (sequence, index, attempts) in open {
        let at = position(sequence, index);
        durable.reopen(at, attempts, head.content(at)?.as_ref());
    }
    durable.reopened();
    Ok(durable)
}

fn position(sequence: u64, index: u32) -> Position {
    Position { sequence: Sequence(sequence), index }
}
