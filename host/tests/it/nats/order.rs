//! What if a connection is lost while events of a key are on their way, or their acknowledgements are.

use std::time::Duration;

use holm::events::bus::{Delivery, Subscription};
use serde_json::json;
use tokio::sync::mpsc::{Receiver, channel};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::proxy::{Fault, Proxy};
use super::rig::{Rig, Stranger, number, subscription, until};
use super::server::{NatsServer, Release};
use crate::door::PATIENCE;

/// A server, who looks at it, and a host behind a network with an ordered subscription.
struct Ordered {
    stranger: Stranger,
    proxy: Proxy,
    rig: Rig,
    deliveries: Receiver<Delivery>,
    _tasks: JoinSet<()>,
    _server: NatsServer,
}

impl Ordered {
    async fn on(release: Release) -> Self {
        let server = NatsServer::start(release);
        let stranger = Stranger::at(&server.url()).await;
        let proxy = Proxy::before(&server.address()).await;
        let rig = Rig::ready(&proxy.url()).await;
        let mut hurried = subscription("orders.*");
        hurried.settings.ack_wait = Duration::from_secs(1);
        let (deliveries, tasks) = take_all(&rig, &hurried).await;
        Self { stranger, proxy, rig, deliveries, _tasks: tasks, _server: server }
    }

    /// An event of the one key, which is stored when this returns.
    async fn publish(&self, number: &'static str) {
        self.stranger.publish("orders.created", &[("key", "k")], number.as_bytes()).await;
    }

    /// What the server says of the consumer.
    async fn said(&self, field: &str) -> u64 {
        let list = self.stranger.ask("CONSUMER.LIST.HOLM_EVENTS", json!({})).await;
        list["consumers"][0][field].as_u64().unwrap()
    }

    async fn until_said(&self, field: &str, value: u64) {
        until(&format!("{field} is {value}"), || async { self.said(field).await == value }).await;
    }

    /// The connection is lost by this fault, and there is another one under the next.
    async fn reconnected(&self, lost: Fault, next: Fault) {
        self.proxy.set(lost);
        self.rig.until_degraded("NATS cannot be reached").await;
        self.proxy.set(next);
        self.rig.until_ready().await;
    }

    async fn next(&mut self) -> Delivery {
        timeout(PATIENCE, self.deliveries.recv()).await.expect("nothing is delivered").unwrap()
    }
}

/// Asks for events all the time.
async fn take_all(rig: &Rig, subscription: &Subscription) -> (Receiver<Delivery>, JoinSet<()>) {
    let mut consumer = rig.subscribe(subscription).await;
    let (to, deliveries) = channel(16);
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        while let Ok(delivery) = consumer.next().await {
            to.send(delivery).await.unwrap();
        }
    });
    (deliveries, tasks)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledgement_that_is_under_way_hides_an_event_that_is_missing() {
    for release in Release::BOTH {
        let mut under = Ordered::on(release).await;
        // somebody has to hear what the server does not, or it would say that nobody does
        let _listens = under.stranger.client.subscribe("_JS.>").await.unwrap();
        under.stranger.client.flush().await.unwrap();
        under.publish("1").await;
        let first = under.next().await;
        // the server takes the acknowledgement and sends the next event, and nobody hears of either
        under.proxy.set(Fault::HalfOpen);
        let mut acknowledging = JoinSet::new();
        acknowledging.spawn(first.ack());
        under.until_said("num_ack_pending", 0).await;
        under.publish("2").await;
        under.until_said("num_ack_pending", 1).await;
        under.reconnected(Fault::Reset, Fault::DeafToAcks).await;
        under.publish("3").await;
        if let Ok(early) = timeout(Duration::from_millis(1500), under.deliveries.recv()).await {
            panic!("{release:?}: {:?} while it is not known what is missing", early.map(|early| number(&early)));
        }
        under.proxy.set(Fault::None);
        for expected in [2, 3] {
            let delivery = under.next().await;
            assert_eq!(number(&delivery), expected, "{release:?}");
            delivery.ack().await.unwrap();
        }
        acknowledging.join_next().await.unwrap().unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_a_dead_connection_has_left_takes_an_earlier_event() {
    for release in Release::BOTH {
        let mut under = Ordered::on(release).await;
        under.until_said("num_waiting", 1).await;
        under.reconnected(Fault::Cut, Fault::None).await;
        // time to ask on the new connection
        tokio::time::sleep(Duration::from_millis(300)).await;
        under.publish("1").await;
        under.publish("2").await;
        for expected in [1, 2] {
            let delivery = under.next().await;
            assert_eq!(number(&delivery), expected, "{release:?}");
            delivery.ack().await.unwrap();
        }
    }
}
