//! The bus on NATS under the suite: on an old server and on a current one, each case with a server of its own.

use std::sync::Arc;

use holm::events::bus::{Bus, BusState};
use holm::events::nats::{NatsBus, NatsParts};
use holm_registry::store::Store;
use holm_registry::store::memory::MemoryEngine;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::under_test::{BusUnderTest, PATIENCE};
use crate::nats::server::{NatsServer, Release};

/// A host on a disk that can crash, and a server that goes on.
pub(crate) struct OnNats {
    server: NatsServer,
    engine: MemoryEngine,
    store: Store,
    bus: NatsBus,
    background: JoinSet<()>,
}

impl OnNats {
    async fn with(release: Release) -> Self {
        let (server, engine) = (NatsServer::start(release), MemoryEngine::new());
        let (store, bus, background) = open(&server, &engine).await;
        Self { server, engine, store, bus, background }
    }

    async fn again(&mut self) {
        (self.store, self.bus, self.background) = open(&self.server, &self.engine).await;
    }
}

async fn open(server: &NatsServer, engine: &MemoryEngine) -> (Store, NatsBus, JoinSet<()>) {
    let store = Store::with_engine(Box::new(engine.clone())).unwrap();
    let publishes = Box::new(Vec::new);
    let (retention, metrics) = Default::default();
    let parts = NatsParts { store: store.clone(), retention, publishes, metrics };
    let bus = NatsBus::open(&server.url().parse().unwrap(), parts).await.unwrap();
    let (own, mut background) = (bus.clone(), JoinSet::new());
    background.spawn(async move { own.run().await });
    let end = Instant::now() + PATIENCE;
    while bus.state() != BusState::Ready {
        assert!(Instant::now() < end, "{:?}\n{}", bus.state(), server.log());
        sleep(std::time::Duration::from_millis(5)).await;
    }
    (store, bus, background)
}

macro_rules! on {
    ($name:ident, $release:expr) => {
        /// See [`Release`].
        pub(crate) struct $name(OnNats);

        impl BusUnderTest for $name {
            async fn start() -> Self {
                Self(OnNats::with($release).await)
            }

            fn bus(&self) -> Arc<dyn Bus> {
                Arc::new(self.0.bus.clone())
            }

            fn store(&self) -> &Store {
                &self.0.store
            }

            async fn restart(&mut self) {
                self.0.background.shutdown().await;
                self.0.bus.close().await.unwrap();
                self.0.store.durable(self.0.store.applied()).await.unwrap();
                self.0.again().await;
            }

            async fn kill(&mut self) {
                self.0.background.shutdown().await;
                self.0.engine = self.0.engine.crash();
                self.0.again().await;
            }
        }
    };
}

on!(Old, Release::Old);
on!(Current, Release::Current);

macro_rules! run {
    ($suite:ident: $($case:ident,)*) => {
        mod $suite {
            $(
                mod $case {
                    use super::super::super::{$suite, under_test::BusUnderTest};
                    use super::super::{Current, Old};

                    #[tokio::test]
                    async fn on_an_old_server() {
                        $suite::$case(&mut Old::start().await).await;
                    }

                    #[tokio::test]
                    async fn on_a_current_server() {
                        $suite::$case(&mut Current::start().await).await;
                    }
                }
            )*
        }
    };
}

for_each_bus_case!(run);
for_each_order_case!(run);
for_each_host_case!(run);
