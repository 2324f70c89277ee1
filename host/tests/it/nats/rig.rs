//! A host's side of the bus, without services: a store, the bus, and what it does in the background.

use std::future::Future;
use std::time::{Duration, Instant};

use bytes::Bytes;
use holm::events::bus::{Bus, BusState, Consumer, Delivery, Subscription};
use holm::events::embedded::Retention;
use holm::events::nats::{NatsBus, NatsParts};
use holm::telemetry::metrics::NatsMetrics;
use holm_registry::event::Content;
use holm_registry::event::nats::NatsSettings;
use holm_registry::settings::{Order, Start, Subscribe};
use holm_registry::store::memory::MemoryEngine;
use holm_registry::store::{Effects, Log, Store};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::door::PATIENCE;

/// A store with a bus.
pub(crate) struct Rig {
    pub(crate) store: Store,
    pub(crate) bus: NatsBus,
    pub(crate) metrics: NatsMetrics,
    engine: MemoryEngine,
    running: JoinSet<()>,
}

impl Rig {
    /// A new one.
    pub(crate) async fn new(url: &str) -> Self {
        Self::on(MemoryEngine::new(), url).await
    }

    /// One that logs in.
    pub(crate) async fn with(settings: NatsSettings) -> Self {
        Self::open(MemoryEngine::new(), settings).await
    }

    /// One with what an earlier one has stored.
    pub(crate) async fn on(engine: MemoryEngine, url: &str) -> Self {
        Self::open(engine, url.parse().unwrap()).await
    }

    async fn open(engine: MemoryEngine, settings: NatsSettings) -> Self {
        let store = Store::with_engine(Box::new(engine.clone())).unwrap();
        let metrics = NatsMetrics::default();
        let parts = NatsParts {
            store: store.clone(),
            retention: Retention::default(),
            publishes: Box::new(|| vec!["granted.*".parse().unwrap(), ">".parse().unwrap()]),
            metrics: metrics.clone(),
        };
        let bus = NatsBus::open(&settings, parts).await.unwrap();
        let mut running = JoinSet::new();
        let own = bus.clone();
        running.spawn(async move { own.run().await });
        Self { store, bus, metrics, engine, running }
    }

    /// One that has been looked at its server.
    pub(crate) async fn ready(url: &str) -> Self {
        let rig = Self::new(url).await;
        rig.until_ready().await;
        rig
    }

    /// Ends without a word, like a process that was killed. What was stored is still there.
    pub(crate) fn die(self) -> MemoryEngine {
        self.engine.clone()
    }

    /// Ends as a host that stops.
    pub(crate) async fn stop(mut self) -> MemoryEngine {
        self.running.shutdown().await;
        self.bus.close().await.unwrap();
        self.engine.clone()
    }

    pub(crate) async fn until_ready(&self) {
        until("the bus is ready", || async { self.bus.state() == BusState::Ready }).await;
    }

    /// Why it is degraded, once that has these words.
    pub(crate) async fn until_degraded(&self, words: &str) -> String {
        let why = || match self.bus.state() {
            BusState::Degraded(why) => why,
            BusState::Ready => "ready".to_owned(),
        };
        until(&format!("the bus is degraded for \"{words}\""), || async { why().contains(words) }).await;
        why()
    }

    /// Publishes with one commit.
    pub(crate) async fn publish(&self, contents: &[Content]) {
        let events = contents.iter().map(|content| (Log::Events, content.encode())).collect();
        self.store.commit(Effects { events, ..Effects::default() }).await.unwrap();
    }

    /// Events that are not sent yet.
    pub(crate) fn waiting(&self) -> u64 {
        self.store.log_usage(Log::Events).keys
    }

    pub(crate) async fn until_sent(&self) {
        until("all events are sent", || async { self.waiting() == 0 }).await;
    }

    pub(crate) async fn subscribe(&self, subscription: &Subscription) -> Box<dyn Consumer> {
        self.bus.subscribe(subscription).await.unwrap()
    }
}

/// A subscription of the service `stock`, with everything from the begin.
pub(crate) fn subscription(subject: &str) -> Subscription {
    let mut settings = Subscribe::new(subject.parse().unwrap());
    (settings.start, settings.order) = (Start::All, Order::Key);
    Subscription { service: "stock".parse().unwrap(), settings }
}

/// An event, its payload its number.
pub(crate) fn content(subject: &str, key: Option<&str>, number: u32) -> Content {
    Content {
        subject: subject.parse().unwrap(),
        source: "orders".to_owned(),
        kind: subject.to_owned(),
        time: 1_795_339_800_000,
        content_type: None,
        key: key.map(str::to_owned),
        correlation_id: "c".to_owned(),
        traceparent: None,
        headers: Vec::new(),
        payload: Bytes::from(number.to_string()),
    }
}

/// The number in an event's payload.
pub(crate) fn number(delivery: &Delivery) -> u32 {
    std::str::from_utf8(&delivery.event.content.payload).unwrap().parse().unwrap()
}

/// The next delivery, which has to come.
pub(crate) async fn next(consumer: &mut Box<dyn Consumer>) -> Delivery {
    timeout(PATIENCE, consumer.next()).await.expect("nothing is delivered").unwrap()
}

/// Nothing comes for a while.
pub(crate) async fn nothing(consumer: &mut Box<dyn Consumer>, within: Duration) {
    if let Ok(delivery) = timeout(within, consumer.next()).await {
        panic!("{:?} was delivered", delivery.map(|delivery| (number(&delivery), delivery.attempt)));
    }
}

/// Waits for something to be so.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, so: impl Fn() -> F) {
    let since = Instant::now();
    while !so().await {
        assert!(since.elapsed() < 3 * PATIENCE, "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A client of the server that knows nothing of Holm.
pub(crate) struct Stranger {
    pub(crate) client: async_nats::Client,
}

impl Stranger {
    pub(crate) async fn at(url: &str) -> Self {
        Self { client: async_nats::connect(url).await.unwrap() }
    }

    /// Asks `$JS.API.QUESTION`.
    pub(crate) async fn ask(&self, question: &str, body: serde_json::Value) -> serde_json::Value {
        let body = if body.is_null() { Bytes::new() } else { body.to_string().into() };
        let answer = self.client.request(format!("$JS.API.{question}"), body).await.unwrap();
        serde_json::from_slice(&answer.payload).unwrap()
    }

    /// The configuration of a stream.
    pub(crate) async fn stream(&self, name: &str) -> serde_json::Value {
        self.ask(&format!("STREAM.INFO.{name}"), serde_json::Value::Null).await["config"].clone()
    }

    /// How many messages a stream has.
    pub(crate) async fn messages(&self, stream: &str) -> u64 {
        let info = self.ask(&format!("STREAM.INFO.{stream}"), serde_json::Value::Null).await;
        info["state"]["messages"].as_u64().unwrap_or_default()
    }

    /// Makes a stream.
    pub(crate) async fn make(&self, name: &str, mut config: serde_json::Value) {
        config["name"] = name.into();
        let answer = self.ask(&format!("STREAM.CREATE.{name}"), config).await;
        assert_eq!(answer["error"], serde_json::Value::Null, "{answer}");
    }

    /// Publishes, and waits until it is in a stream.
    pub(crate) async fn publish(&self, subject: &str, headers: &[(&str, &str)], payload: &'static [u8]) {
        let mut map = async_nats::HeaderMap::new();
        headers.iter().for_each(|(name, value)| map.append(*name, *value));
        let answer = self.client.request_with_headers(subject.to_owned(), map, payload.into()).await.unwrap();
        assert!(!answer.payload.starts_with(b"{\"error"), "{:?}", answer.payload);
    }
}
