//! The bus against a disk that crashes: random operations, and what must hold after each.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use holm_registry::settings::{Order, Subscribe};
use holm_registry::store::memory::MemoryEngine;
use holm_registry::store::{Effects, Key};
use proptest::prelude::*;
use tokio::time::Instant;

use super::durable::Next;
use super::*;
use crate::events::queue::Taken;
use crate::events::testing::{keyed, on, publish};

const ACK_WAIT: Duration = Duration::from_secs(30);

/// A bus without its background work, and a clock that only moves when it is told.
struct World {
    engine: MemoryEngine,
    store: Store,
    bus: EmbeddedBus,
    subscription: Subscription,
    now: Instant,
    /// What was published durably, in order, with its key.
    published: Vec<(String, u8)>,
    /// What is under way.
    held: Vec<(Taken, String)>,
    /// Whose effects are there. A crash takes back those that were not durable.
    handled: BTreeSet<String>,
    /// How often each went out since its attempts were written down last, at least.
    saved: BTreeMap<String, u32>,
    attempts: BTreeMap<String, u32>,
}

#[derive(Clone, Debug)]
enum Step {
    Publish(u8),
    Take,
    /// Effects are visible, and the bus is told at once.
    Handle(usize),
    /// Effects are visible, and the bus is not told.
    HandleUnseen(usize),
    Sync,
    Retry(usize),
    Drop(usize),
    Save,
    Wait,
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0u8..3).prop_map(Step::Publish),
        6 => Just(Step::Take),
        4 => (0usize..4).prop_map(Step::Handle),
        1 => (0usize..4).prop_map(Step::HandleUnseen),
        2 => (0usize..4).prop_map(Step::Retry),
        1 => (0usize..4).prop_map(Step::Drop),
        2 => Just(Step::Save),
        1 => Just(Step::Sync),
        1 => Just(Step::Wait),
        1 => Just(Step::Crash),
    ]
}

impl World {
    async fn new() -> Self {
        let settings =
            Subscribe { order: Order::Key, ack_wait: ACK_WAIT, ..Subscribe::new("orders.>".parse().unwrap()) };
        let subscription = Subscription { service: "stock".parse().unwrap(), settings };
        let engine = MemoryEngine::new();
        let store = on(engine.clone());
        let bus = EmbeddedBus::open(store.clone(), Retention::default()).unwrap();
        bus.subscribe(&subscription).await.unwrap();
        let (published, held, handled, saved, attempts) = Default::default();
        let now = Instant::now();
        Self { engine, store, bus, subscription, now, published, held, handled, saved, attempts }
    }

    fn durable(&self) -> Arc<Durable> {
        self.bus.0.find(&self.subscription.service, &self.subscription.settings.subject).unwrap()
    }

    async fn step(&mut self, step: Step) {
        match step {
            Step::Publish(key) => self.publish(key).await,
            Step::Take => self.take(),
            Step::Wait => self.now += ACK_WAIT / 2,
            Step::Crash => self.crash().await,
            Step::Sync => self.sync().await,
            Step::Save => {
                self.bus.close().await.unwrap();
                self.sync().await;
                self.saved = self.attempts.clone();
            }
            _ if self.held.is_empty() => {}
            Step::Handle(which) => {
                let (taken, id) = self.held.remove(which % self.held.len());
                self.mark(&id).await;
                self.durable().settle(taken);
                self.durable().release(taken);
            }
            Step::HandleUnseen(which) => {
                let (_, id) = self.held[which % self.held.len()].clone();
                self.mark(&id).await;
            }
            Step::Retry(which) => {
                let (taken, _) = self.held.remove(which % self.held.len());
                self.durable().retry(taken, self.now + Duration::from_secs(5));
                self.durable().release(taken);
            }
            Step::Drop(which) => {
                let (taken, _) = self.held.remove(which % self.held.len());
                self.durable().release(taken);
            }
        }
    }

    async fn publish(&mut self, key: u8) {
        let sequence = publish(&self.store, &[keyed("orders.created", &key.to_string())]).await;
        self.store.durable(sequence).await.unwrap();
        self.published.push((self.store.event_id(Position { sequence, index: 0 }), key));
    }

    fn take(&mut self) {
        let Next::Deliver(taken, content) = self.durable().next(&self.bus.0.head, self.now).unwrap() else { return };
        let id = self.store.event_id(taken.at);
        let attempts = self.attempts.entry(id.clone()).or_default();
        assert!(taken.attempt > *self.saved.get(&id).unwrap_or(&0), "an attempt was forgotten");
        *attempts = taken.attempt;
        let earlier = self.published.iter().take_while(|(other, _)| *other != id);
        let key = content.key.unwrap();
        let open = |(other, of): &&(String, u8)| of.to_string() == key && !self.handled.contains(other);
        assert!(earlier.clone().find(open).is_none(), "{id} overtook an earlier one of its key");
        self.held.push((taken, id));
    }

    fn effect(&self, id: &str) -> Key {
        Key::state(&self.subscription.service, "", id)
    }

    /// What a handler's commit does, once. Nobody waits until it is durable.
    async fn mark(&mut self, id: &str) {
        let mut effects = Effects::default();
        effects.writes.insert(self.effect(id), Some("done".into()));
        effects.mark(self.subscription.mark(id), 1);
        match self.store.commit(effects).await {
            Ok(_) => assert!(self.handled.insert(id.to_owned()), "{id} was handled twice"),
            Err(_) => assert!(self.handled.contains(id), "{id} was never handled"),
        }
    }

    async fn sync(&self) {
        self.store.durable(self.store.applied()).await.unwrap();
    }

    async fn crash(&mut self) {
        self.held.clear();
        self.engine = self.engine.crash();
        self.store = on(self.engine.clone());
        self.bus = EmbeddedBus::open(self.store.clone(), Retention::default()).unwrap();
        self.bus.subscribe(&self.subscription).await.unwrap();
        self.attempts = self.saved.clone();
        let left = self.store.scan(&Key::states(&self.subscription.service)).unwrap();
        self.handled = left.iter().map(|(key, _)| key.state_parts().unwrap().2).collect();
    }

    /// Handles everything that is left, after a last crash; nothing may be missing then.
    async fn finish(mut self) {
        self.crash().await;
        loop {
            let before = self.held.len();
            self.now += ACK_WAIT * 2;
            self.take();
            if self.held.len() == before {
                break;
            }
            let (taken, id) = self.held.pop().unwrap();
            self.mark(&id).await;
            self.durable().settle(taken);
            self.durable().release(taken);
        }
        let all: BTreeSet<String> = self.published.iter().map(|(id, _)| id.clone()).collect();
        assert_eq!(self.handled, all);
        self.bus.close().await.unwrap();
        let left = self.store.marks(&self.subscription.service, self.subscription.name()).unwrap();
        assert!(left.is_empty(), "{left:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_crash_loses_an_event_or_lets_it_be_handled_twice(steps in prop::collection::vec(step(), 0..80)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut world = World::new().await;
            for step in steps {
                world.step(step).await;
            }
            world.finish().await;
        });
    }
}

#[tokio::test]
async fn a_consumer_that_is_far_behind_misses_what_is_not_in_memory() {
    let store = on(MemoryEngine::new());
    let bus = EmbeddedBus::open(store.clone(), Retention::default()).unwrap();
    for _ in 0..40 {
        publish(&store, &vec![keyed("orders.created", "k"); 200]).await;
    }
    let settings = Subscribe { start: Start::All, order: Order::None, ..Subscribe::new(">".parse().unwrap()) };
    let wanted = Subscription { service: "stock".parse().unwrap(), settings };
    let mut consumer = bus.subscribe(&wanted).await.unwrap();
    for count in 0..8000u64 {
        if count == 10 {
            let [info] = <[ConsumerInfo; 1]>::try_from(bus.consumers().await.unwrap()).unwrap();
            assert_eq!((info.lag, info.in_flight), (8000 - 10, 0));
        }
        consumer.next().await.unwrap().ack().await.unwrap();
    }
}
