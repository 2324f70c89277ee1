//! Random units of work against a map with versions, a list of events and a set of marks.

use std::collections::{BTreeMap, BTreeSet};

use holm_registry::event::Content;
use holm_registry::store::{CommitError, Log, Position, Quota, Sequence, Store, StoreOptions, Usage};
use proptest::prelude::*;

use crate::common::{Home, Unit, block_on, key, keyset, orders, unit};

/// Four of the five keys, or three large values: both limits are met.
const QUOTA: Quota = Quota { keys: 4, bytes: 400_000 };
/// Some events, or two large ones.
const BACKLOG: Quota = Quota { keys: 6, bytes: 300_000 };

/// One step of a history. A unit begins with what it sees and may commit much later, so that
/// others come between.
#[derive(Clone, Debug)]
enum Step {
    Begin {
        reads: Vec<u8>,
        lists: bool,
    },
    Commit {
        unit: usize,
        puts: Vec<(u8, usize)>,
        deletes: Vec<u8>,
        handles: Option<u8>,
        publishes: Vec<usize>,
    },
    /// Removes that many of the oldest events.
    Trim(usize),
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let name = 0..5_u8;
    let size = prop::sample::select(vec![0_usize, 3, 98_304, 98_305, 210_000]);
    prop_oneof![
        4 => (prop::collection::vec(name.clone(), 0..3), any::<bool>())
            .prop_map(|(reads, lists)| Step::Begin { reads, lists }),
        6 => (
            (0..4_usize, prop::collection::vec((name.clone(), size), 0..3), prop::collection::vec(name, 0..2)),
            (prop::option::of(0..4_u8), prop::collection::vec(prop::sample::select(vec![1_usize, 150_000]), 0..3)),
        )
            .prop_map(|((unit, puts, deletes), (handles, publishes))| {
                Step::Commit { unit, puts, deletes, handles, publishes }
            }),
        2 => (0..5_usize).prop_map(Step::Trim),
        1 => Just(Step::Reopen),
    ]
}

#[derive(Default)]
struct Model {
    values: BTreeMap<String, (usize, Sequence)>,
    keys_changed: Sequence,
    events: Vec<(Position, Content)>,
    marks: BTreeSet<String>,
}

impl Model {
    fn version(&self, name: &str) -> Sequence {
        self.values.get(name).map_or(Sequence::NONE, |(_, version)| *version)
    }

    fn usage(&self) -> Usage {
        self.values.iter().fold(Usage::default(), |sum, (name, (len, _))| sum.with((name.len() + len) as u64))
    }

    fn log(&self) -> Usage {
        let bytes = self.events.iter().map(|(_, content)| content.encode().len() as u64);
        bytes.fold(Usage::default(), Usage::with)
    }

    fn holds(&self, unit: &Unit) -> bool {
        let mut reads = unit.0.reads.iter();
        let is_current = reads.all(|(key, seen)| match (key.state_parts(), key.subscription_parts()) {
            (Some((_, _, name)), _) => self.version(&name) == *seen,
            (None, mark) => !self.marks.contains(&mark.unwrap().2),
        });
        is_current && unit.0.keysets.values().all(|seen| self.keys_changed <= *seen)
    }

    /// What it would be after the unit.
    fn after(&self, unit: &Unit) -> Self {
        let mut after = Self { values: self.values.clone(), events: self.events.clone(), ..Self::default() };
        after.apply(unit, Sequence::NONE);
        after
    }

    /// Whether the quota lets the unit through.
    fn fits(&self, unit: &Unit) -> bool {
        QUOTA.check(self.usage(), self.after(unit).usage()).is_ok()
    }

    /// Whether there is room for its events.
    fn has_room(&self, unit: &Unit) -> bool {
        BACKLOG.check(self.log(), self.after(unit).log()).is_ok()
    }

    fn apply(&mut self, unit: &Unit, sequence: Sequence) {
        for (key, value) in &unit.0.writes {
            let Some((_, _, name)) = key.state_parts() else {
                self.marks.insert(key.subscription_parts().unwrap().2);
                continue;
            };
            let existed = match value {
                Some(value) => self.values.insert(name, (value.len(), sequence)).is_some(),
                None => self.values.remove(&name).is_none(),
            };
            if !existed {
                self.keys_changed = sequence;
            }
        }
        let events = (0..).zip(&unit.0.events);
        self.events
            .extend(events.map(|(index, (_, event))| (Position { sequence, index }, Content::decode(event).unwrap())));
    }
}

fn agree(store: &Store, model: &Model) {
    let names: Vec<String> = model.values.keys().cloned().collect();
    assert_eq!(store.keys(&keyset(), None, 100).unwrap().keys, names);
    for (name, (len, version)) in &model.values {
        let record = store.get(&key(name)).unwrap().unwrap();
        assert_eq!((record.value.len(), record.version), (*len, *version));
    }
    assert_eq!(store.usage(&orders()), model.usage());
    let events = store.events(Log::Events, None, 100).unwrap();
    let events: Vec<_> = events.into_iter().map(|event| (event.at, event.content.unwrap())).collect();
    assert!(events == model.events, "{} events, not {}", events.len(), model.events.len());
    assert_eq!(store.log_usage(Log::Events), model.log());
    let marks: BTreeSet<String> = store.marks(&orders(), "sub").unwrap().into_iter().map(|mark| mark.event).collect();
    assert_eq!(marks, model.marks);
}

fn play(home: &Home, steps: Vec<Step>) {
    let options = StoreOptions { backlog: BACKLOG, ..StoreOptions::default() };
    let mut store = home.open_with(&options);
    let mut model = Model::default();
    let mut open: Vec<Unit> = Vec::new();
    for step in steps {
        match step {
            Step::Begin { reads, lists } => {
                let mut begun = unit();
                for name in reads.iter().map(u8::to_string) {
                    begun = begun.read(&name, model.version(&name));
                }
                if lists {
                    begun = begun.listed(store.keys(&keyset(), None, 100).unwrap().keyset);
                }
                open.push(begun);
            }
            Step::Commit { unit: which, puts, deletes, handles, publishes } => {
                let mut unit = if open.is_empty() { unit() } else { open.swap_remove(which % open.len()) };
                for (name, len) in puts {
                    unit = unit.put(&name.to_string(), vec![name; len]);
                }
                for name in deletes {
                    unit = unit.delete(&name.to_string());
                }
                if let Some(event) = handles {
                    unit = unit.handle(&event.to_string(), 7);
                }
                for (index, payload) in publishes.into_iter().enumerate() {
                    unit = unit.append(Log::Events, &index.to_string(), payload);
                }
                unit.0.quota = Some(QUOTA);
                check(&store, &mut model, &unit);
            }
            Step::Trim(count) => {
                let gone: Vec<_> = model.events.drain(..count.min(model.events.len())).collect();
                let up_to = gone.last().map_or(Position::default(), |(at, _)| *at);
                assert_eq!(block_on(store.trim(Log::Events, up_to)), Ok(gone.len() as u64));
            }
            Step::Reopen => {
                block_on(store.close()).unwrap();
                drop(store);
                store = home.open_with(&options);
                model.keys_changed = store.applied();
                open.clear();
            }
        }
        agree(&store, &model);
    }
}

fn check(store: &Store, model: &mut Model, unit: &Unit) {
    let lone_read = unit.0.only_reads() && unit.0.reads.len() + unit.0.keysets.len() <= 1;
    let last = store.applied();
    match unit.clone().commit(store) {
        Ok(sequence) if unit.0.only_reads() => {
            assert!(lone_read || model.holds(unit));
            assert!(sequence <= last);
        }
        Ok(sequence) => {
            assert!(model.holds(unit) && model.fits(unit) && model.has_room(unit));
            assert_eq!(sequence, Sequence(last.0 + 1));
            model.apply(unit, sequence);
        }
        Err(CommitError::Conflict(_)) => assert!(!model.holds(unit)),
        Err(CommitError::OverQuota(_)) => assert!(model.holds(unit) && !model.fits(unit)),
        Err(CommitError::Backlog { .. }) => assert!(model.holds(unit) && !model.has_room(unit)),
        Err(other) => panic!("{other}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn the_store_in_memory_does_what_a_map_with_versions_does(steps in prop::collection::vec(step(), 1..40)) {
        play(&Home::memory(), steps);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn the_store_on_disk_does_what_a_map_with_versions_does(steps in prop::collection::vec(step(), 1..40)) {
        play(&Home::disk(), steps);
    }
}
