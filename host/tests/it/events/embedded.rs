//! The embedded bus under the suite, and what is its own: retention, and damage.

use std::sync::Arc;

use holm::events::bus::Bus;
use holm::events::embedded::{EmbeddedBus, Retention, Size};
use holm_registry::store::Store;
use holm_registry::store::memory::MemoryEngine;
use tokio::task::JoinSet;

use super::under_test::{
    BusUnderTest, attach, content, handle_all, next, nothing, number, publish, publish_numbers, subscription,
};

/// On a disk that can crash.
pub(crate) struct Embedded {
    engine: MemoryEngine,
    store: Store,
    bus: EmbeddedBus,
    retention: Retention,
    background: JoinSet<()>,
}

impl Embedded {
    fn with(retention: Retention) -> Self {
        let engine = MemoryEngine::new();
        let (store, bus) = open(&engine, retention);
        let mut under = Self { engine, store, bus, retention, background: JoinSet::new() };
        under.run();
        under
    }

    fn run(&mut self) {
        let bus = self.bus.clone();
        self.background.spawn(async move { bus.run().await });
    }
}

fn open(engine: &MemoryEngine, retention: Retention) -> (Store, EmbeddedBus) {
    let store = Store::with_engine(Box::new(engine.clone())).unwrap();
    let bus = EmbeddedBus::open(store.clone(), retention).unwrap();
    (store, bus)
}

impl BusUnderTest for Embedded {
    async fn start() -> Self {
        Self::with(Retention::default())
    }

    fn bus(&self) -> Arc<dyn Bus> {
        Arc::new(self.bus.clone())
    }

    fn store(&self) -> &Store {
        &self.store
    }

    async fn restart(&mut self) {
        self.bus.close().await.unwrap();
        self.store.durable(self.store.applied()).await.unwrap();
        self.kill().await;
    }

    async fn kill(&mut self) {
        self.background.shutdown().await;
        self.engine = self.engine.crash();
        (self.store, self.bus) = open(&self.engine, self.retention);
        self.run();
    }
}

macro_rules! run {
    ($suite:ident: $($case:ident,)*) => {
        mod $suite {
            $(
                #[tokio::test]
                async fn $case() {
                    use super::super::{$suite, under_test::BusUnderTest};
                    $suite::$case(&mut super::Embedded::start().await).await;
                }
            )*
        }
    };
}

for_each_bus_case!(run);
for_each_order_case!(run);
for_each_host_case!(run);

fn small() -> Retention {
    Retention {
        settled: Size { events: 5, bytes: 1 << 20 },
        all: Size { events: 20, bytes: 1 << 20 },
        ..Retention::default()
    }
}

async fn kept(under: &Embedded) -> u64 {
    under.bus.streams().await.unwrap()[0].events
}

#[tokio::test]
async fn an_event_that_somebody_waits_for_is_removed_although_there_is_room() {
    let under = Embedded::with(small());
    let wanted = subscription("stock", "orders.*");
    let mut consumer = attach(&under.bus(), &wanted).await;
    publish_numbers(under.store(), "orders.created", None, 0..15).await;
    under.bus.trim().await.unwrap();
    assert_eq!(kept(&under).await, 15, "nobody has handled them");
    handle_all(under.store(), &wanted, &mut *consumer, 12).await;
    under.bus.trim().await.unwrap();
    assert_eq!(kept(&under).await, 5);
    publish_numbers(under.store(), "orders.created", None, 15..40).await;
    under.bus.trim().await.unwrap();
    let streams = under.bus.streams().await.unwrap();
    assert_eq!((streams[0].events, streams[0].lost), (20, 8), "12 to 19 were never handled");
    assert_eq!(number(&next(&mut *consumer).await.event), 20);
}

#[tokio::test]
async fn old_events_stay_for_ever() {
    let under = Embedded::with(Retention::default());
    let mut old = content("orders.created");
    old.time -= Retention::default().age.as_millis() as u64 + 1000;
    publish(under.store(), &[old, content("orders.created")]).await;
    under.bus.trim().await.unwrap();
    assert_eq!(kept(&under).await, 1);
}

#[tokio::test]
async fn marks_of_handled_events_fill_the_store() {
    let mut under = Embedded::with(Retention::default());
    let wanted = subscription("stock", "orders.*");
    publish_numbers(under.store(), "orders.created", None, 0..30).await;
    let mut consumer = attach(&under.bus(), &wanted).await;
    let stuck = next(&mut *consumer).await;
    handle_all(under.store(), &wanted, &mut *consumer, 29).await;
    let marks = |under: &Embedded| under.store.marks(&wanted.service, wanted.name()).unwrap().len();
    assert_eq!(marks(&under), 29);
    under.bus.close().await.unwrap();
    assert_eq!(marks(&under), 0, "also those behind the one that is not settled");
    drop((stuck, consumer));
    under.kill().await;
    let mut consumer = attach(&under.bus(), &wanted).await;
    assert_eq!(handle_all(under.store(), &wanted, &mut *consumer, 1).await, [0]);
    nothing(&mut *consumer).await;
}

#[tokio::test]
async fn a_damaged_event_stops_all_that_come_after_it() {
    use holm_registry::store::{Effects, Key, Log};
    let under = Embedded::with(Retention::default());
    let wanted = subscription("stock", "orders.*");
    publish_numbers(under.store(), "orders.created", None, 0..1).await;
    let events = vec![(Log::Events, bytes::Bytes::from_static(b"no event"))];
    under.store.commit(Effects { events, ..Effects::default() }).await.unwrap();
    publish_numbers(under.store(), "orders.created", None, 1..2).await;
    let mut consumer = attach(&under.bus(), &wanted).await;
    assert_eq!(handle_all(under.store(), &wanted, &mut *consumer, 2).await, [0, 1]);
    under.bus.close().await.unwrap();
    assert_eq!(kept(&under).await, 2);
    assert_eq!(under.store.scan(&Key::quarantine()).unwrap().len(), 1, "its bytes are set aside");
}
