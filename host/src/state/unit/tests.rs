//! A unit against a map, and against others that commit meanwhile.

use holm_registry::ServiceName;
use holm_registry::store::memory::MemoryEngine;
use holm_registry::store::{CommitError, Stale};
use proptest::prelude::*;

use super::*;

mod serial;

const PAGE: usize = 3;
const QUOTA: Quota = Quota { keys: 100, bytes: 1_000 };

#[derive(Clone, Debug)]
enum Op {
    Get(u8),
    Set(u8, u8),
    Delete(u8),
    List,
    Publish(u8),
    Commit,
    Discard,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        (0..12_u8).prop_map(Op::Get),
        (0..12_u8, any::<u8>()).prop_map(|(key, value)| Op::Set(key, value)),
        (0..12_u8).prop_map(Op::Delete),
        Just(Op::List),
        any::<u8>().prop_map(Op::Publish),
        Just(Op::Commit),
        Just(Op::Discard),
    ]
}

fn service() -> ServiceName {
    "orders".parse().unwrap()
}

fn key(number: u8) -> Key {
    Key::state(&service(), "", &name(number))
}

fn name(number: u8) -> String {
    format!("k{number:02}")
}

fn set(unit: &mut UnitOfWork, store: &Store, number: u8, value: &'static [u8]) {
    unit.set(store, &service(), QUOTA, key(number), Bytes::from_static(value)).unwrap();
}

fn store() -> Store {
    Store::with_engine(Box::new(MemoryEngine::new())).unwrap()
}

fn list_all(unit: &mut UnitOfWork, store: &Store) -> Vec<String> {
    let set = Keyset::new(&service(), "");
    let (mut all, mut after): (Vec<String>, Option<String>) = (Vec::new(), None);
    loop {
        let page = unit.list(store, &set, after.as_deref(), PAGE).unwrap();
        all.extend(page.keys);
        match page.next {
            Some(next) => after = Some(next),
            None => return all,
        }
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_unit_does_not_see_what_it_has_written(ops in prop::collection::vec(op(), 1..60)) {
        let store = store();
        let mut unit = UnitOfWork::default();
        let mut model: (BTreeMap<String, u8>, Vec<u8>) = Default::default();
        let mut committed = model.clone();
        for op in ops {
            let (values, events) = &mut model;
            match op {
                Op::Get(number) => {
                    let seen = unit.get(&store, key(number)).unwrap().map(|value| value[0]);
                    prop_assert_eq!(seen, values.get(&name(number)).copied());
                }
                Op::Set(number, value) => {
                    unit.set(&store, &service(), QUOTA, key(number), Bytes::copy_from_slice(&[value])).unwrap();
                    values.insert(name(number), value);
                }
                Op::Delete(number) => {
                    unit.delete(&store, key(number)).unwrap();
                    values.remove(&name(number));
                }
                Op::List => {
                    let expected: Vec<String> = values.keys().cloned().collect();
                    prop_assert_eq!(list_all(&mut unit, &store), expected);
                }
                Op::Publish(payload) => {
                    unit.publish(&content(vec![payload])).unwrap();
                    events.push(payload);
                }
                Op::Commit => {
                    block_on(store.commit(unit.cut().effects)).unwrap();
                    committed = model.clone();
                }
                Op::Discard => {
                    unit = UnitOfWork::default();
                    model = committed.clone();
                }
            }
            prop_assert_eq!(published(&store).concat(), committed.1.clone());
        }
    }
}

#[test]
fn two_units_that_read_the_same_value_both_commit() {
    let store = store();
    let (mut one, mut two) = (UnitOfWork::default(), UnitOfWork::default());
    for unit in [&mut one, &mut two] {
        assert_eq!(unit.get(&store, key(1)).unwrap(), None);
        set(unit, &store, 1, b"mine");
    }
    block_on(store.commit(one.cut().effects)).unwrap();
    assert!(block_on(store.commit(two.cut().effects)).is_err());
}

#[test]
fn a_key_that_appears_behind_a_listing_goes_unnoticed() {
    let store = store();
    let mut listing = UnitOfWork::default();
    assert!(list_all(&mut listing, &store).is_empty());
    set(&mut listing, &store, 9, b"counted none");
    let mut other = UnitOfWork::default();
    set(&mut other, &store, 1, b"new");
    block_on(store.commit(other.cut().effects)).unwrap();
    assert!(block_on(store.commit(listing.cut().effects)).is_err());
}

#[test]
fn a_unit_answers_from_two_values_of_one_key() {
    let store = store();
    let mut reader = UnitOfWork::default();
    assert_eq!(reader.get(&store, key(1)).unwrap(), None);
    let mut other = UnitOfWork::default();
    set(&mut other, &store, 1, b"new");
    block_on(store.commit(other.cut().effects)).unwrap();
    assert_eq!(reader.get(&store, key(1)).unwrap(), Some("new".into()));
    // absent again, as it was at first
    let mut third = UnitOfWork::default();
    third.delete(&store, key(1)).unwrap();
    block_on(store.commit(third.cut().effects)).unwrap();
    assert!(matches!(block_on(store.commit(reader.cut().effects)), Err(CommitError::Conflict(_))));
    let mut after = UnitOfWork::default();
    let seen = [after.get(&store, key(1)).unwrap(), after.get(&store, key(1)).unwrap()];
    assert_eq!(seen, [None, None]);
    assert!(block_on(store.commit(after.cut().effects)).is_ok());
}

#[test]
fn what_follows_a_cut_is_committed_with_what_came_before() {
    let store = store();
    let mut unit = UnitOfWork::default();
    set(&mut unit, &store, 1, b"head");
    let head = unit.cut();
    set(&mut unit, &store, 2, b"rest");
    block_on(store.commit(head.effects)).unwrap();
    assert!(store.get(&key(1)).unwrap().is_some());
    assert!(store.get(&key(2)).unwrap().is_none());
    assert!(UnitOfWork::default().cut().is_empty());
}

#[test]
fn what_a_unit_has_staged_does_not_count_until_it_commits() {
    let (store, quota) = (store(), Quota { keys: 2, bytes: 20 });
    let mut unit = UnitOfWork::default();
    let set = |unit: &mut UnitOfWork, number, value: &'static [u8]| {
        unit.set(&store, &service(), quota, key(number), Bytes::from_static(value))
    };
    // three bytes of key each
    set(&mut unit, 1, b"1234567").unwrap();
    set(&mut unit, 2, b"1234567").unwrap();
    assert_eq!(set(&mut unit, 3, b"").unwrap_err().limit(), Some(Limit::Keys));
    assert_eq!(set(&mut unit, 2, b"12345678").unwrap_err().limit(), Some(Limit::State));
    block_on(store.commit(unit.cut().effects)).unwrap();
    assert_eq!(store.usage(&service()), Usage { keys: 2, bytes: 20 });

    // what is deleted is free at once, and staged again it is not
    assert!(set(&mut unit, 3, b"").is_err());
    unit.delete(&store, key(1)).unwrap();
    unit.delete(&store, key(1)).unwrap();
    set(&mut unit, 3, b"1234567").unwrap();
    assert!(set(&mut unit, 1, b"").is_err());
    block_on(store.commit(unit.cut().effects)).unwrap();
    assert_eq!(store.usage(&service()), Usage { keys: 2, bytes: 20 });
}

#[test]
fn a_unit_holds_more_than_a_commit_may() {
    let (store, mut unit) = (store(), UnitOfWork::default());
    let quota = Quota { keys: u64::MAX, bytes: u64::MAX };
    let mib = Bytes::from(vec![0; 1 << 20]);
    let sets = (0..20).filter(|number| unit.set(&store, &service(), quota, key(*number), mib.clone()).is_ok());
    assert_eq!(sets.count(), 15);
    assert!(matches!(unit.set(&store, &service(), quota, key(99), mib), Err(Refused::Full)));
    assert!(block_on(store.commit(unit.cut().effects)).is_ok());
    assert!(unit.get(&store, key(1)).unwrap().is_some());
}

fn content(payload: Vec<u8>) -> Content {
    Content {
        subject: "orders.created".parse().unwrap(),
        source: "orders".to_owned(),
        kind: "orders.created".to_owned(),
        time: 7,
        content_type: None,
        key: None,
        correlation_id: "c".to_owned(),
        traceparent: None,
        headers: Vec::new(),
        payload: payload.into(),
    }
}

fn published(store: &Store) -> Vec<Bytes> {
    let found = store.events(Log::Events, None, 100).unwrap();
    found.into_iter().map(|event| event.content.unwrap().payload).collect()
}

#[test]
fn an_event_is_published_without_its_unit_or_lost_with_it() {
    let store = store();
    let mut unit = UnitOfWork::default();
    unit.publish(&content(vec![1])).unwrap();
    set(&mut unit, &store, 1, b"v");
    unit.publish(&content(vec![2])).unwrap();
    let mut stale = UnitOfWork::default();
    assert_eq!(stale.get(&store, key(1)).unwrap(), None);
    stale.publish(&content(vec![3])).unwrap();
    assert!(published(&store).is_empty());
    block_on(store.commit(unit.cut().effects)).unwrap();
    assert!(unit.cut().is_empty(), "what was published is published again");
    assert!(block_on(store.commit(stale.cut().effects)).is_err());
    assert_eq!(published(&store), [[1].as_slice(), &[2]]);
}

#[test]
fn an_event_is_handled_twice() {
    let store = store();
    let mark = Key::inbox(&service(), "orders", "e-1-0");
    let handle = |number| {
        let mut unit = UnitOfWork::default();
        unit.mark(mark.clone(), 7).unwrap();
        set(&mut unit, &store, number, b"v");
        unit.publish(&content(vec![number])).unwrap();
        block_on(store.commit(unit.cut().effects))
    };
    handle(1).unwrap();
    assert!(matches!(handle(2), Err(CommitError::Conflict(Stale::Key(stale))) if stale == mark));
    assert_eq!((store.get(&key(2)).unwrap(), published(&store).len()), (None, 1));
}

#[test]
fn a_unit_publishes_more_than_a_commit_may_hold() {
    let (store, mut unit) = (store(), UnitOfWork::default());
    let large = content(vec![0; 900 << 10]);
    let taken = (0..40).filter(|_| unit.publish(&large).is_ok()).count();
    assert_eq!(taken, 18);
    assert!(matches!(unit.publish(&large), Err(Refused::Full)));
    unit.publish(&content(vec![1])).unwrap();
    block_on(store.commit(unit.cut().effects)).unwrap();
    assert_eq!(published(&store).len(), 19);
}
