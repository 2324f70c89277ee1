//! What the server cannot know of attempts: it counts deliveries, and an event that a host took in and had no time
//! for was delivered and not tried. A host that stops, or was killed, leaves a note of these.

use std::collections::BTreeMap;

use bytes::Bytes;
use holm_registry::ServiceName;
use holm_registry::store::{Effects, Key, Store};
use holm_registry::subject::SubjectPattern;
use serde::{Deserialize, Serialize};

use crate::events::bus::BusError;

/// What every note begins with; service and subject follow.
const PREFIX: &str = "nats-untried/";

/// An event that was delivered and not tried since.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Untried {
    /// Its number in the stream.
    pub sequence: u64,
    /// How often it was tried.
    pub attempts: u32,
    /// How often it was delivered.
    pub delivered: u32,
}

/// The notes of one consumer. They hold only for what the server delivers of the same stream.
#[derive(Clone, Debug, Default)]
pub struct Uncounted(BTreeMap<u64, Untried>);

impl Uncounted {
    /// What was noted. Nothing, if that cannot be read: attempts are then what the server has counted.
    pub fn load(store: &Store, service: &ServiceName, subject: &SubjectPattern) -> Self {
        let found = store.get(&key(service, subject)).ok().flatten();
        let noted = found.and_then(|record| serde_json::from_slice::<Vec<Untried>>(&record.value).ok());
        Self(noted.unwrap_or_default().into_iter().map(|one| (one.sequence, one)).collect())
    }

    /// How often an event was tried before this delivery, which is the server's `delivered`th. One delivery since
    /// the note was the one that it is about.
    pub fn attempts(&mut self, sequence: u64, delivered: u32) -> u32 {
        let counted = delivered.saturating_sub(1);
        let noted = self.0.remove(&sequence);
        let noted = noted.map(|noted| noted.attempts + delivered.saturating_sub(noted.delivered).saturating_sub(1));
        noted.map_or(counted, |noted| noted.min(counted))
    }
}

/// Notes them, in the place of what was noted before.
///
/// # Errors
/// When the store does not take it.
pub async fn save(
    store: &Store,
    service: &ServiceName,
    subject: &SubjectPattern,
    untried: &[Untried],
) -> Result<(), BusError> {
    // numbers always have a JSON form
    let json: Bytes = serde_json::to_vec(untried).unwrap_or_default().into();
    let writes = [(key(service, subject), (!untried.is_empty()).then_some(json))].into();
    store.commit(Effects { writes, ..Effects::default() }).await?;
    Ok(())
}

fn key(service: &ServiceName, subject: &SubjectPattern) -> Key {
    Key::meta(&format!("{PREFIX}{service}/{subject}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::testing::store;

    #[tokio::test]
    async fn an_event_that_was_never_tried_is_given_up_after_some_restarts() {
        let (store, stock, orders) = (store(), "stock".parse().unwrap(), "orders.*".parse().unwrap());
        let noted =
            [(5, 0, 1), (6, 2, 4)].map(|(sequence, attempts, delivered)| Untried { sequence, attempts, delivered });
        save(&store, &stock, &orders, &noted).await.unwrap();
        let load = || Uncounted::load(&store, &stock, &orders);
        assert_eq!((load().attempts(5, 2), load().attempts(6, 5)), (0, 2));
        assert_eq!((load().attempts(5, 4), load().attempts(7, 3)), (2, 2), "what was tried since counts");
        assert_eq!(load().attempts(5, 1), 0, "a stream that began anew");
        let mut once = load();
        assert_eq!((once.attempts(5, 2), once.attempts(5, 3)), (0, 2), "the note holds for ever");
        save(&store, &stock, &orders, &[]).await.unwrap();
        assert_eq!(load().attempts(5, 2), 1);
    }
}
