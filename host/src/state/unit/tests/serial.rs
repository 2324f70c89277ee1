//! Many units at once on few keys: what they saw and did is what some serial order gives, and the test finds it.

use std::sync::Barrier;
use std::thread;

use super::*;

const THREADS: u64 = 8;
const UNITS: usize = 40;
const KEYS: u64 = 4;

/// One step of a unit, with what it saw.
#[derive(Clone, Debug)]
enum Done {
    Got(u8, Option<Bytes>),
    Listed(Vec<String>),
    Set(u8, Bytes),
    Deleted(u8),
    Published(Bytes),
}

/// A unit that has committed.
#[derive(Debug)]
struct Committed {
    at: Sequence,
    steps: Vec<Done>,
}

impl Committed {
    fn only_read(&self) -> bool {
        self.steps.iter().all(|step| matches!(step, Done::Got(..) | Done::Listed(_)))
    }
}

/// Numbers that follow from a seed, for plans that look random.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// Runs one unit with random steps, and again until it commits. Every third one only reads.
fn run(store: &Store, numbers: &mut Numbers, name: &str) -> Committed {
    let writes = numbers.below(3) > 0;
    numbers.below(2);
    let plan = numbers.0;
    loop {
        let mut numbers = Numbers(plan);
        let mut unit = UnitOfWork::default();
        let steps: Vec<Done> =
            (0..=numbers.below(6)).map(|at| step(&mut unit, store, &mut numbers, writes, name, at)).collect();
        match block_on(store.commit(unit.cut().effects)) {
            Ok(at) => return Committed { at, steps },
            Err(CommitError::Conflict(_)) => {}
            Err(other) => panic!("{other}"),
        }
    }
}

fn step(unit: &mut UnitOfWork, store: &Store, numbers: &mut Numbers, writes: bool, name: &str, at: u64) -> Done {
    thread::yield_now();
    let (what, number) = (numbers.below(if writes { 8 } else { 3 }), numbers.below(KEYS) as u8);
    match what {
        0 | 1 => Done::Got(number, unit.get(store, key(number)).unwrap()),
        2 => Done::Listed(list_all(unit, store)),
        // what is written names its writer, so that no two values are alike
        3..=5 => {
            let value = Bytes::from(format!("{name} {at}"));
            unit.set(store, &service(), QUOTA, key(number), value.clone()).unwrap();
            Done::Set(number, value)
        }
        6 => {
            unit.delete(store, key(number)).unwrap();
            Done::Deleted(number)
        }
        _ => {
            let payload = Bytes::from(format!("{name} {at}"));
            unit.publish(&content(payload.to_vec())).unwrap();
            Done::Published(payload)
        }
    }
}

type State = BTreeMap<String, Bytes>;

/// Does the same steps alone. `false`: it would have seen something else.
fn replay(steps: &[Done], state: &mut State, events: &mut Vec<Bytes>) -> bool {
    steps.iter().all(|step| match step {
        Done::Got(number, seen) => state.get(&name(*number)) == seen.as_ref(),
        Done::Listed(seen) => state.keys().eq(seen),
        Done::Set(number, value) => {
            state.insert(name(*number), value.clone());
            true
        }
        Done::Deleted(number) => {
            state.remove(&name(*number));
            true
        }
        Done::Published(payload) => {
            events.push(payload.clone());
            true
        }
    })
}

#[test]
fn units_that_run_together_see_what_no_order_of_them_gives() {
    let (store, start) = (store(), Barrier::new(THREADS as usize));
    let work = |thread: u64| {
        let mut numbers = Numbers(thread);
        start.wait();
        (0..UNITS).map(|at| run(&store, &mut numbers, &format!("{thread}.{at}"))).collect::<Vec<_>>()
    };
    let done: Vec<Committed> = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || work(thread))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });

    let (readers, mut writers): (Vec<_>, Vec<_>) = done.into_iter().partition(Committed::only_read);
    writers.sort_by_key(|unit| unit.at);
    let (mut state, mut events) = (State::new(), Vec::new());
    let mut moments = vec![state.clone()];
    for unit in &writers {
        assert!(replay(&unit.steps, &mut state, &mut events), "{unit:?} does not fit behind {:?}", moments.last());
        moments.push(state.clone());
    }
    for unit in &readers {
        let fits = |moment: &State| replay(&unit.steps, &mut moment.clone(), &mut Vec::new());
        assert!(moments.iter().any(fits), "{unit:?} saw what never was");
    }
    let kept = |name: &String| store.get(&Key::state(&service(), "", name)).unwrap().map(|record| record.value);
    let names = list_all(&mut UnitOfWork::default(), &store);
    assert_eq!(names.iter().map(|name| (name.clone(), kept(name).unwrap())).collect::<State>(), state);
    let found = store.events(Log::Events, None, 10_000).unwrap();
    assert_eq!(found.into_iter().map(|event| event.content.unwrap().payload).collect::<Vec<_>>(), events);
    assert!(writers.len() > 50 && readers.len() > 20, "{} wrote, {} read", writers.len(), readers.len());
}
