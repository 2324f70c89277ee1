//! How often an event was tried before, for when it is delivered again.
//!
//! The server counts deliveries, and those are no attempts: a host takes in more than it has begun, and when it is
//! killed all of that is delivered again. So hosts write attempts down, each for itself, and only those that somebody
//! may have to know of: before each attempt of an event that was delivered or tried before, and after its first one
//! when that has failed. What is handled at once costs nothing. Only the first attempt of what a host was just doing
//! when it was killed is forgotten; an event that kills its hosts has others.

use std::collections::BTreeMap;

use bytes::Bytes;
use holm_registry::ServiceName;
use holm_registry::store::{CommitError, Effects, Key, Sequence, Store};
use holm_registry::subject::SubjectPattern;

/// What the name of every note begins with; the number of the event follows.
const PREFIX: &str = "attempts/";
/// Notes of one consumer at most: what is under way, and failed events that other hosts have handled since.
const MOST: usize = 10_000;

/// The notes of one consumer. They hold only for what the server delivers of the same stream.
#[derive(Clone, Debug, Default)]
pub struct Attempts(BTreeMap<u64, u32>);

/// What is to be written: how often the event of a number was tried. `None`: that is of no interest any more.
pub type Note = (u64, Option<u32>);

impl Attempts {
    /// What was noted, if it can be read; and what is to be removed of that, since everything up to number `settled`
    /// is settled.
    pub fn load(store: &Store, service: &ServiceName, subject: &SubjectPattern, settled: u64) -> (Self, Vec<Note>) {
        let found = store.scan(&key(service, subject, "")).unwrap_or_default();
        let all = found.iter().filter_map(|(key, record)| read(key, &record.value));
        let (stale, open): (Vec<_>, Vec<_>) = all.partition(|(sequence, _)| *sequence <= settled);
        (Self(open.into_iter().collect()), stale.into_iter().map(|(sequence, _)| (sequence, None)).collect())
    }

    /// How often an event was tried before this delivery, the server's `delivered`th. Before the first it was not,
    /// whatever a stream of the same name had under that number.
    pub fn before(&self, sequence: u64, delivered: u32) -> u32 {
        let noted = self.0.get(&sequence).filter(|_| delivered > 1);
        noted.copied().unwrap_or_default()
    }

    /// It was tried so often, at least.
    pub fn raise(&mut self, sequence: u64, attempts: u32) -> Vec<Note> {
        if self.0.get(&sequence).is_some_and(|noted| *noted >= attempts) {
            return Vec::new();
        }
        self.0.insert(sequence, attempts);
        let oldest = if self.0.len() > MOST { self.0.pop_first() } else { None };
        let dropped = oldest.map(|(sequence, _)| (sequence, None));
        [(sequence, Some(attempts))].into_iter().chain(dropped).collect()
    }

    /// It was tried so often, at most.
    pub fn lower(&mut self, sequence: u64, attempts: u32) -> Vec<Note> {
        if self.0.get(&sequence).is_none_or(|noted| *noted <= attempts) {
            return Vec::new();
        }
        self.0.insert(sequence, attempts);
        if attempts == 0 {
            self.0.remove(&sequence);
        }
        vec![(sequence, Some(attempts).filter(|attempts| *attempts > 0))]
    }
}

/// Writes notes, with one commit.
///
/// # Errors
/// When the store does not take it.
pub async fn write(
    store: &Store,
    service: &ServiceName,
    subject: &SubjectPattern,
    notes: Vec<Note>,
) -> Result<Sequence, CommitError> {
    let write = |(sequence, attempts): Note| {
        let value = attempts.map(|attempts| Bytes::copy_from_slice(&attempts.to_be_bytes()));
        (key(service, subject, &sequence.to_string()), value)
    };
    let writes = notes.into_iter().map(write).collect();
    store.commit(Effects { writes, ..Effects::default() }).await
}

fn key(service: &ServiceName, subject: &SubjectPattern, sequence: &str) -> Key {
    Key::consumer(service, subject.as_str(), &format!("{PREFIX}{sequence}"))
}

fn read(key: &Key, value: &Bytes) -> Option<(u64, u32)> {
    let (_, _, name) = key.subscription_parts()?;
    let sequence = name.strip_prefix(PREFIX)?.parse().ok()?;
    Some((sequence, u32::from_be_bytes(value.as_ref().try_into().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::testing::store;

    #[tokio::test]
    async fn a_restart_forgets_how_often_an_event_was_tried() {
        let (store, stock, orders) = (store(), "stock".parse().unwrap(), "orders.*".parse().unwrap());
        let other = "orders.>".parse().unwrap();
        write(&store, &stock, &orders, vec![(5, Some(1)), (6, Some(2)), (12, Some(3))]).await.unwrap();
        write(&store, &stock, &other, vec![(7, Some(1))]).await.unwrap();
        write(&store, &stock, &orders, vec![(12, Some(4)), (6, None)]).await.unwrap();
        let (attempts, stale) = Attempts::load(&store, &stock, &orders, 5);
        assert_eq!((attempts.before(12, 2), stale), (4, vec![(5, None)]));
        assert_eq!([5, 6, 7].map(|sequence| attempts.before(sequence, 9)), [0; 3], "deliveries count");
        assert_eq!(attempts.before(12, 1), 0, "a stream that began anew");
    }

    #[test]
    fn what_was_noted_is_written_again_or_not_taken_back() {
        let mut attempts = Attempts::default();
        assert_eq!(attempts.raise(5, 2), [(5, Some(2))]);
        assert_eq!((attempts.raise(5, 2), attempts.raise(5, 1), attempts.lower(5, 2)), (vec![], vec![], vec![]));
        assert_eq!(attempts.lower(5, 1), [(5, Some(1))]);
        assert_eq!(attempts.before(5, 2), 1);
        assert_eq!((attempts.lower(5, 0), attempts.lower(5, 0)), (vec![(5, None)], vec![]));
    }

    #[test]
    fn notes_of_what_others_have_handled_fill_the_store() {
        let mut attempts = Attempts::default();
        let most = MOST as u64;
        (1..=most).for_each(|sequence| assert_eq!(attempts.raise(sequence, 1).len(), 1));
        assert_eq!(attempts.raise(most + 1, 1), [(most + 1, Some(1)), (1, None)]);
    }
}
