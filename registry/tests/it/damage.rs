//! Records whose bytes are not what was written: named, set aside, and no obstacle to the rest.

use bytes::Bytes;
use holm_registry::store::engine::{Batch, Engine};
use holm_registry::store::memory::MemoryEngine;
use holm_registry::store::{
    CommitError, Effects, Key, Log, Position, Record, Sequence, Stale, Store, StoreError, Usage,
};

use crate::common::{Unit, block_on, key, orders, read, unit};

const GARBAGE: &[u8] = b"\xff garbage";

/// A store and what lies under it.
fn store() -> (Store, MemoryEngine) {
    let engine = MemoryEngine::new();
    (Store::with_engine(Box::new(engine.clone())).unwrap(), engine)
}

fn damage(engine: &MemoryEngine, key: &Key, bytes: &'static [u8]) {
    engine.apply(&Batch::from([(key.as_bytes().to_vec(), Some(Bytes::from_static(bytes)))])).unwrap();
}

fn set_aside(store: &Store) -> Vec<(Key, Bytes)> {
    let found = store.scan(&Key::quarantine()).unwrap();
    found.into_iter().map(|(key, Record { value, .. })| (key, value)).collect()
}

fn events(store: &Store) -> Vec<Option<String>> {
    let found = store.events(Log::Events, None, 10).unwrap();
    found.into_iter().map(|event| event.content.map(|content| content.source)).collect()
}

fn at(sequence: Sequence) -> Position {
    Position { sequence, index: 0 }
}

fn delete(key: &Key) -> Effects {
    Effects { writes: [(key.clone(), None)].into(), ..Effects::default() }
}

#[test]
fn a_damaged_event_keeps_others_from_being_delivered_or_is_lost() {
    let (store, engine) = store();
    let [_, second, third, fourth] = ["one", "two", "three", "four"].map(|text| {
        let large = unit().append(Log::Events, text, if text == "three" { 200_000 } else { 10 });
        Key::event(Log::Events, at(large.commit(&store).unwrap()))
    });
    damage(&engine, &second, GARBAGE);
    damage(&engine, &fourth, b"\x01\0\0\0\0\0\0\0\x04no event");
    assert_eq!(events(&store), [Some("one".to_owned()), None, Some("three".to_owned()), None]);

    for damaged in [&second, &fourth] {
        block_on(store.quarantine(damaged)).unwrap();
        block_on(store.quarantine(damaged)).unwrap();
    }
    assert_eq!(events(&store), [Some("one".to_owned()), Some("three".to_owned())]);
    let kept =
        [(second.quarantined(), GARBAGE.into()), (fourth.quarantined(), "\x01\0\0\0\0\0\0\0\x04no event".into())];
    assert_eq!(set_aside(&store), kept);

    damage(&engine, &third, b"\x02 too short");
    assert_eq!(block_on(store.trim(Log::Events, at(store.applied()))), Ok(2));
    assert_eq!((events(&store).len(), set_aside(&store).len()), (0, 3));
    assert_eq!(store.log_usage(Log::Events), Usage::default());
}

#[test]
fn a_damaged_value_keeps_its_neighbours_from_being_read_or_cannot_be_replaced() {
    let (store, engine) = store();
    unit().put("a", "12345678").put("b", "2").commit(&store).unwrap();
    damage(&engine, &key("a"), b"\xff23456789abcdefgh");
    let error = store.get(&key("a")).unwrap_err();
    assert_eq!(error, StoreError::Damaged { key: key("a") });
    assert_eq!(error.to_string(), "the store is damaged at a key of 1 bytes in bucket \"\" of service orders");
    assert_eq!(read(&store, "b").unwrap(), b"2");
    unit().put("b", "3").commit(&store).unwrap();
    let stale = unit().read("a", Sequence(1)).put("b", "4").commit(&store).unwrap_err();
    assert_eq!(stale, CommitError::Conflict(Stale::Key(key("a"))));
    unit().put("a", "new").commit(&store).unwrap();
    assert_eq!(read(&store, "a").unwrap(), b"new");
    assert_eq!(set_aside(&store), [(key("a").quarantined(), Bytes::from_static(b"\xff23456789abcdefgh"))]);
    assert_eq!(store.usage(&orders()), Usage { keys: 2, bytes: 2 + 3 + 1 });
    damage(&engine, &key("b"), b"");
    unit().delete("b").commit(&store).unwrap();
    assert_eq!((read(&store, "b"), set_aside(&store).len()), (None, 2));
}

#[test]
fn an_event_with_a_damaged_mark_is_handled_again_and_again() {
    let (store, engine) = store();
    let handle = || -> Unit { unit().handle("e", 7).put("a", "1") };
    handle().commit(&store).unwrap();
    let mark = Key::inbox(&orders(), "sub", "e");
    damage(&engine, &mark, GARBAGE);
    assert_eq!(handle().commit(&store), Err(CommitError::Conflict(Stale::Key(mark.clone()))));
    assert_eq!(store.marks(&orders(), "sub").unwrap()[0].time, 0);
    block_on(store.commit(delete(&mark))).unwrap();
    assert!(handle().commit(&store).is_ok());
}

#[test]
fn a_damaged_record_of_the_catalog_hides_the_others() {
    let (store, engine) = store();
    let path = |name: &str| Key::catalog(&format!("service/{name}"));
    for name in ["a", "b", "c"] {
        let writes = [(path(name), Some("{}".into()))].into();
        block_on(store.commit(Effects { writes, ..Effects::default() })).unwrap();
    }
    damage(&engine, &path("b"), GARBAGE);
    let found: Vec<_> = store.scan(&Key::catalog("service/")).unwrap().into_iter().map(|(key, _)| key).collect();
    assert_eq!(found, [path("a"), path("c")]);
}
