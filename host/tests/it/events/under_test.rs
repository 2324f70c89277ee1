//! What the suite needs of a bus, and the steps that its cases are made of.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use holm::events::bus::{Bus, BusError, Consumer, Delivery, Subscription};
use holm::telemetry::now_ms;
use holm_registry::event::{Content, Event};
use holm_registry::settings::{Order, Start, Subscribe};
use holm_registry::store::{Effects, Log, Store};
use tokio::time::timeout;

/// Long enough for a slow machine, since nobody waits for it when all is well.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// How long nothing must happen for it to count as nothing: several round trips to a server.
const QUIET: Duration = Duration::from_millis(250);

/// A bus, with the store that its host has. Dropped, everything of it is gone.
pub(crate) trait BusUnderTest {
    /// An empty one. It works in the background.
    async fn start() -> Self;

    /// The bus.
    fn bus(&self) -> Arc<dyn Bus>;

    /// Where events are published.
    fn store(&self) -> &Store;

    /// The host ends as it should, and is started again.
    async fn restart(&mut self);

    /// The host is gone at once, with all that was not durable, and is started again.
    async fn kill(&mut self);
}

/// An event without anything special.
pub(crate) fn content(subject: &str) -> Content {
    Content {
        subject: subject.parse().unwrap(),
        source: "test".to_owned(),
        kind: subject.to_owned(),
        time: now_ms(),
        content_type: None,
        key: None,
        correlation_id: "c".to_owned(),
        traceparent: None,
        headers: Vec::new(),
        payload: Bytes::new(),
    }
}

/// An event whose payload is a number, of a key if there is one.
pub(crate) fn numbered(subject: &str, key: Option<&str>, number: u32) -> Content {
    let payload = number.to_string().into();
    Content { key: key.map(str::to_owned), payload, ..content(subject) }
}

/// The number in its payload.
pub(crate) fn number(event: &Event) -> u32 {
    std::str::from_utf8(&event.content.payload).unwrap().parse().unwrap()
}

/// A subscription to everything that is published before it, with a short ack wait.
pub(crate) fn subscription(service: &str, subject: &str) -> Subscription {
    let settings = Subscribe {
        start: Start::All,
        ack_wait: Duration::from_secs(2),
        backoff: vec![Duration::from_millis(50), Duration::from_millis(100)],
        ..Subscribe::new(subject.parse().unwrap())
    };
    Subscription { service: service.parse().unwrap(), settings }
}

/// The same without any order.
pub(crate) fn unordered(service: &str, subject: &str) -> Subscription {
    let mut subscription = subscription(service, subject);
    subscription.settings.order = Order::None;
    subscription
}

/// Publishes as guests do: with one commit, which is durable then. Their ids.
pub(crate) async fn publish(store: &Store, contents: &[Content]) -> Vec<String> {
    let events = contents.iter().map(|content| (Log::Events, content.encode())).collect();
    let sequence = store.commit(Effects { events, ..Effects::default() }).await.unwrap();
    store.durable(sequence).await.unwrap();
    let at = |index| holm_registry::store::Position { sequence, index };
    (0..).zip(contents).map(|(index, _)| store.event_id(at(index))).collect()
}

/// Publishes numbered events of one key, from a number up to another.
pub(crate) async fn publish_numbers(
    store: &Store,
    subject: &str,
    key: Option<&str>,
    numbers: std::ops::Range<u32>,
) -> Vec<String> {
    publish(store, &numbers.map(|number| numbered(subject, key, number)).collect::<Vec<_>>()).await
}

/// Attaches, confirmed.
pub(crate) async fn attach(bus: &Arc<dyn Bus>, subscription: &Subscription) -> Box<dyn Consumer> {
    timeout(PATIENCE, bus.subscribe(subscription)).await.unwrap().unwrap()
}

/// The next delivery.
pub(crate) async fn next(consumer: &mut dyn Consumer) -> Delivery {
    timeout(PATIENCE, consumer.next()).await.expect("nothing was delivered").unwrap()
}

/// Nothing is delivered for a while.
pub(crate) async fn nothing(consumer: &mut dyn Consumer) {
    if let Ok(delivered) = timeout(QUIET, consumer.next()).await {
        panic!("{delivered:?} was delivered");
    }
}

/// Handles a delivery as a host does: its mark is durable, then the bus is told.
pub(crate) async fn handle(store: &Store, subscription: &Subscription, delivery: Delivery) {
    mark(store, subscription, &delivery.event).await;
    told(delivery.ack().await);
}

/// Writes the mark of an event, durably.
pub(crate) async fn mark(store: &Store, subscription: &Subscription, event: &Event) {
    let mut effects = Effects::default();
    effects.mark(subscription.mark(&event.id), now_ms());
    let sequence = store.commit(effects).await.unwrap();
    store.durable(sequence).await.unwrap();
}

/// What a bus was told arrived.
pub(crate) fn told(outcome: Result<(), BusError>) {
    outcome.unwrap();
}

/// Takes deliveries, handles each, and answers with their numbers.
pub(crate) async fn handle_all(
    store: &Store,
    subscription: &Subscription,
    consumer: &mut dyn Consumer,
    count: usize,
) -> Vec<u32> {
    let mut numbers = Vec::new();
    for _ in 0..count {
        let delivery = next(consumer).await;
        numbers.push(number(&delivery.event));
        handle(store, subscription, delivery).await;
    }
    numbers
}
