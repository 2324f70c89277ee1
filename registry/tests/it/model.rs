//! Random units of work against a map and a list of versions.

use std::collections::BTreeMap;

use holm_registry::store::{CommitError, Quota, Sequence, Store, Usage};
use proptest::prelude::*;

use crate::common::{Home, Unit, block_on, key, keyset, orders, unit};

/// Four of the five keys, or three large values: both limits are met.
const QUOTA: Quota = Quota { keys: 4, bytes: 400_000 };

/// One step of a history. A unit begins with what it sees and may commit much later, so that
/// others come between.
#[derive(Clone, Debug)]
enum Step {
    Begin { reads: Vec<u8>, lists: bool },
    Commit { unit: usize, puts: Vec<(u8, usize)>, deletes: Vec<u8> },
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let name = 0..5_u8;
    let size = prop::sample::select(vec![0_usize, 3, 98_304, 98_305, 210_000]);
    prop_oneof![
        4 => (prop::collection::vec(name.clone(), 0..3), any::<bool>())
            .prop_map(|(reads, lists)| Step::Begin { reads, lists }),
        6 => (0..4_usize, prop::collection::vec((name.clone(), size), 0..3), prop::collection::vec(name, 0..2))
            .prop_map(|(unit, puts, deletes)| Step::Commit { unit, puts, deletes }),
        1 => Just(Step::Reopen),
    ]
}

#[derive(Default)]
struct Model {
    values: BTreeMap<String, (usize, Sequence)>,
    keys_changed: Sequence,
}

impl Model {
    fn version(&self, name: &str) -> Sequence {
        self.values.get(name).map_or(Sequence::NONE, |(_, version)| *version)
    }

    fn usage(&self) -> Usage {
        self.values.iter().fold(Usage::default(), |sum, (name, (len, _))| sum.with((name.len() + len) as u64))
    }

    fn holds(&self, unit: &Unit) -> bool {
        let reads = unit.0.reads.iter().all(|(key, seen)| self.version(&key.state_parts().unwrap().2) == *seen);
        reads && unit.0.keysets.values().all(|seen| self.keys_changed <= *seen)
    }

    /// Whether the quota lets the unit through, by what it would leave.
    fn fits(&self, unit: &Unit) -> bool {
        let mut after = Self { values: self.values.clone(), ..Self::default() };
        after.apply(unit, Sequence::NONE);
        QUOTA.check(self.usage(), after.usage()).is_ok()
    }

    fn apply(&mut self, unit: &Unit, sequence: Sequence) {
        for (key, value) in &unit.0.writes {
            let name = key.state_parts().unwrap().2;
            let existed = match value {
                Some(value) => self.values.insert(name, (value.len(), sequence)).is_some(),
                None => self.values.remove(&name).is_none(),
            };
            if !existed {
                self.keys_changed = sequence;
            }
        }
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
}

fn play(home: &Home, steps: Vec<Step>) {
    let mut store = home.open();
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
            Step::Commit { unit: which, puts, deletes } => {
                let mut unit = if open.is_empty() { unit() } else { open.swap_remove(which % open.len()) };
                for (name, len) in puts {
                    unit = unit.put(&name.to_string(), vec![name; len]);
                }
                for name in deletes {
                    unit = unit.delete(&name.to_string());
                }
                unit.0.quota = Some(QUOTA);
                check(&store, &mut model, &unit);
            }
            Step::Reopen => {
                block_on(store.close()).unwrap();
                drop(store);
                store = home.open();
                model.keys_changed = store.applied();
                open.clear();
            }
        }
        agree(&store, &model);
    }
}

fn check(store: &Store, model: &mut Model, unit: &Unit) {
    let lone_read = unit.0.writes.is_empty() && unit.0.reads.len() + unit.0.keysets.len() <= 1;
    let last = store.applied();
    match unit.clone().commit(store) {
        Ok(sequence) if unit.0.writes.is_empty() => {
            assert!(lone_read || model.holds(unit));
            assert!(sequence <= last);
        }
        Ok(sequence) => {
            assert!(model.holds(unit) && model.fits(unit));
            assert_eq!(sequence, Sequence(last.0 + 1));
            model.apply(unit, sequence);
        }
        Err(CommitError::Conflict(_)) => assert!(!model.holds(unit)),
        Err(CommitError::OverQuota(_)) => assert!(model.holds(unit) && !model.fits(unit)),
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
