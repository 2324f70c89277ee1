//! The queue against its rules written down as directly as possible.

use proptest::prelude::*;

use super::*;

const ACK_WAIT: Duration = Duration::from_millis(50);

/// An event in the model: what is known of it, and nothing derived.
struct Known {
    at: Position,
    key: Option<Arc<str>>,
    attempts: u32,
    settled: bool,
    /// Not before.
    until: Instant,
    /// Attempts whose handles are not dropped.
    held: Vec<u32>,
}

struct Model {
    order: Order,
    events: Vec<Known>,
}

impl Model {
    fn may_go(&self, index: usize, now: Instant) -> bool {
        let event = &self.events[index];
        let same_key = |other: &Known| event.key.is_some() && other.key == event.key;
        let blocked = self.order == Order::Key && self.events[..index].iter().any(|e| !e.settled && same_key(e));
        !event.settled && event.until <= now && !blocked
    }

    fn take(&mut self, now: Instant) -> Option<Taken> {
        let index = (0..self.events.len()).find(|index| self.may_go(*index, now))?;
        let event = &mut self.events[index];
        event.attempts += 1;
        event.until = now + ACK_WAIT;
        event.held.push(event.attempts);
        Some(Taken { at: event.at, attempt: event.attempts })
    }

    fn of(&mut self, taken: Taken) -> &mut Known {
        self.events.iter_mut().find(|event| event.at == taken.at).unwrap()
    }

    /// Whether that very attempt is the one that is out.
    fn is_out(&mut self, taken: Taken, now: Instant) -> bool {
        let event = self.of(taken);
        !event.settled && event.attempts == taken.attempt && event.until > now
    }
}

#[derive(Clone, Debug)]
enum Step {
    Offer(Option<u8>),
    Take,
    /// Of the handles that are held, which one, and the pause in milliseconds.
    Retry(usize, u64),
    Progress(usize),
    Settle(usize),
    Release(usize),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => prop::option::of(0u8..3).prop_map(Step::Offer),
        4 => Just(Step::Take),
        1 => (0usize..8, 0u64..80).prop_map(|(which, pause)| Step::Retry(which, pause)),
        1 => (0usize..8).prop_map(Step::Progress),
        3 => (0usize..8).prop_map(Step::Settle),
        2 => (0usize..8).prop_map(Step::Release),
        1 => (0u64..80).prop_map(Step::Wait),
    ]
}

fn at(sequence: u64) -> Position {
    Position { sequence: holm_registry::store::Sequence(sequence), index: 0 }
}

/// Both, step by step; `said` keeps which handles have said something: a handle speaks once.
fn play(order: Order, steps: Vec<Step>) {
    let mut now = Instant::now();
    let mut queue = Queue::new(order, ACK_WAIT);
    let mut model = Model { order, events: Vec::new() };
    let mut held: Vec<Taken> = Vec::new();
    for step in steps {
        match step {
            Step::Offer(key) => {
                let (at, key) = (at(model.events.len() as u64 + 1), key.map(|key| key.to_string().into()));
                queue.offer(at, Option::clone(&key), 0);
                model.events.push(Known { at, key, attempts: 0, settled: false, until: now, held: Vec::new() });
            }
            Step::Take => {
                let expected = model.take(now);
                assert_eq!(queue.take(now), expected);
                held.extend(expected);
            }
            Step::Wait(ms) => now += Duration::from_millis(ms),
            _ if held.is_empty() => {}
            Step::Retry(which, pause) => {
                let (taken, until) = (held[which % held.len()], now + Duration::from_millis(pause));
                queue.tick(now);
                queue.retry(taken, until);
                if model.is_out(taken, now) {
                    let event = model.of(taken);
                    // no longer out under this attempt: what its handle says later does not count
                    (event.until, event.attempts) = (until, event.attempts);
                    held.retain(|other| *other != taken);
                    queue.release(taken);
                    model.of(taken).held.retain(|attempt| *attempt != taken.attempt);
                }
            }
            Step::Progress(which) => {
                let taken = held[which % held.len()];
                queue.tick(now);
                queue.progress(taken, now);
                if model.is_out(taken, now) {
                    model.of(taken).until = now + ACK_WAIT;
                }
            }
            Step::Settle(which) => {
                let taken = held[which % held.len()];
                queue.settle(taken);
                model.of(taken).settled = true;
            }
            Step::Release(which) => {
                let taken = held.remove(which % held.len());
                queue.tick(now);
                let over = queue.release(taken);
                if model.is_out(taken, now) {
                    model.of(taken).until = now;
                }
                let event = model.of(taken);
                event.held.retain(|attempt| *attempt != taken.attempt);
                assert_eq!(over, event.settled && event.held.is_empty(), "{taken:?}");
            }
        }
        check(&queue, &mut model, now);
    }
}

fn check(queue: &Queue, model: &mut Model, now: Instant) {
    let open: Vec<(Position, u32)> = queue.open().collect();
    let unsettled = model.events.iter().filter(|event| !event.settled);
    assert_eq!(open, unsettled.map(|event| (event.at, event.attempts)).collect::<Vec<_>>());
    let kept = |event: &&Known| !event.settled || !event.held.is_empty();
    assert_eq!(queue.len(), model.events.iter().filter(kept).count());
    let none_ready = (0..model.events.len()).all(|index| !model.may_go(index, now));
    let will_be = model.events.iter().filter(|event| !event.settled && event.until > now).map(|event| event.until);
    if none_ready {
        assert_eq!(queue.next_change(), will_be.min(), "a consumer would sleep too long, or not at all");
    }
}

proptest! {
    #[test]
    fn an_event_goes_out_too_early_too_late_or_before_an_earlier_one_of_its_key(
        steps in prop::collection::vec(step(), 0..120),
        in_order in any::<bool>(),
    ) {
        play(if in_order { Order::Key } else { Order::None }, steps);
    }
}

#[test]
fn a_poisonous_event_stops_its_neighbours() {
    let (now, mut queue) = (Instant::now(), Queue::new(Order::Key, ACK_WAIT));
    for (number, key) in [(1, Some("a")), (2, Some("a")), (3, Some("b")), (4, None)] {
        queue.offer(at(number), key.map(Into::into), 0);
    }
    let poisonous = queue.take(now).unwrap();
    assert_eq!((poisonous.at, queue.take(now).unwrap().at, queue.take(now).unwrap().at), (at(1), at(3), at(4)));
    queue.retry(poisonous, now + Duration::from_millis(10));
    assert_eq!(queue.take(now), None, "the second of its key waits");
    assert_eq!(queue.next_change(), Some(now + Duration::from_millis(10)));
    let again = queue.take(now + Duration::from_millis(10)).unwrap();
    assert_eq!((again.at, again.attempt), (at(1), 2));
    queue.settle(again);
    assert_eq!(queue.take(now).unwrap().at, at(2));
}

#[test]
fn an_event_that_was_not_tried_uses_up_an_attempt() {
    let (now, mut queue) = (Instant::now(), Queue::new(Order::Key, ACK_WAIT));
    queue.offer(at(1), Some("a".into()), 2);
    let taken = queue.take(now).unwrap();
    queue.give_back(taken);
    assert!(!queue.release(taken));
    assert_eq!(queue.take(now), Some(Taken { at: at(1), attempt: 3 }));
    // too late: it is out again
    queue.give_back(Taken { at: at(1), attempt: 2 });
    assert_eq!((queue.take(now), queue.counts().in_flight), (None, 1));
}

#[test]
fn a_subscription_that_is_set_in_order_later_lets_events_of_a_key_overtake() {
    let (now, mut queue) = (Instant::now(), Queue::new(Order::None, ACK_WAIT));
    for number in 1..=3 {
        queue.offer(at(number), Some("a".into()), 0);
    }
    let first = queue.take(now).unwrap();
    queue.change(Order::Key, ACK_WAIT);
    assert_eq!(queue.take(now), None);
    queue.settle(first);
    assert_eq!(queue.take(now).unwrap().at, at(2));
    queue.change(Order::None, ACK_WAIT);
    assert_eq!(queue.take(now).unwrap().at, at(3));
}

#[test]
fn an_event_that_was_removed_blocks_those_behind_it() {
    let (now, mut queue) = (Instant::now(), Queue::new(Order::Key, ACK_WAIT));
    for number in 1..=3 {
        queue.offer(at(number), Some("a".into()), 0);
    }
    let held = queue.take(now).unwrap();
    assert_eq!(queue.drop_until(at(2)), 2);
    assert_eq!(queue.len(), 2, "the one that somebody holds stays until he is done");
    assert!(queue.release(held));
    assert_eq!(queue.take(now).unwrap().at, at(3));
    assert_eq!(queue.counts(), Counts { fresh: 0, in_flight: 1, redelivered: 0 });
}
