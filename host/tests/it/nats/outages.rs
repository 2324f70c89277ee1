//! What if the server is killed or paused, or the network is bad: nothing is lost, what comes twice is found, and
//! everything catches up.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use holm::events::bus::{Bus, Subscription};
use holm::events::nats::NatsBus;
use holm_registry::store::{CommitError, Effects, Store};
use tokio::task::JoinSet;

use super::proxy::{Fault, Proxy};
use super::rig::{Rig, content, number, subscription, until};
use super::server::{NatsServer, Release};

const KEYS: u32 = 5;

/// What handlers have done: the numbers of each key, as their effects were committed.
type Done = Arc<Mutex<BTreeMap<String, Vec<u32>>>>;

/// Handles events as a host does: effects and a mark in one commit, then the acknowledgement; again after errors.
async fn handle(bus: NatsBus, store: Store, subscription: Subscription, done: Done) {
    loop {
        let Ok(mut consumer) = bus.subscribe(&subscription).await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let mut under_way = JoinSet::new();
        while let Ok(delivery) = consumer.next().await {
            let (store, mark, done) = (store.clone(), subscription.mark(&delivery.event.id), Arc::clone(&done));
            under_way.spawn(async move {
                let mut effects = Effects::default();
                effects.mark(mark, 1);
                match store.commit(effects).await {
                    Ok(_) => {
                        let key = delivery.event.content.key.clone().unwrap();
                        done.lock().unwrap().entry(key).or_default().push(number(&delivery));
                    }
                    Err(CommitError::Conflict(_)) => {}
                    Err(error) => panic!("{error}"),
                }
                // an acknowledgement that fails is an event that comes again
                let _known = delivery.ack().await;
            });
            while under_way.len() >= 16 {
                under_way.join_next().await;
            }
            while under_way.try_join_next().is_some() {}
        }
    }
}

/// A host that publishes and handles, and remembers both.
pub(super) struct Load {
    rig: Rig,
    done: Done,
    published: u32,
    _handling: JoinSet<()>,
}

impl Load {
    /// On these servers.
    pub(super) async fn on(url: &str) -> Self {
        let rig = Rig::ready(url).await;
        let done = Done::default();
        let mut handling = JoinSet::new();
        handling.spawn(handle(rig.bus.clone(), rig.store.clone(), subscription("orders.*"), Arc::clone(&done)));
        Self { rig, done, published: 0, _handling: handling }
    }

    /// Some more, one commit each.
    pub(super) async fn publish(&mut self, count: u32) {
        for _ in 0..count {
            self.published += 1;
            let key = format!("k{}", self.published % KEYS);
            self.rig.publish(&[content("orders.created", Some(&key), self.published)]).await;
        }
    }

    fn handled(&self) -> usize {
        self.done.lock().unwrap().values().map(Vec::len).sum()
    }

    /// Every event once, those of a key in order.
    pub(super) async fn is_complete(&self, what: &str) {
        until(&format!("{what}: everything is handled"), || async { self.handled() >= self.published as usize }).await;
        let done = self.done.lock().unwrap();
        assert_eq!(done.values().map(Vec::len).sum::<usize>(), self.published as usize, "{what}: an effect twice");
        for (key, numbers) in done.iter() {
            assert!(numbers.is_sorted(), "{what}: {key} is out of order: {numbers:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_lost_or_handled_twice_when_the_server_is_killed() {
    for release in Release::BOTH {
        let mut server = NatsServer::start(release);
        let mut load = Load::on(&server.url()).await;
        for round in 0..8 {
            load.publish(40).await;
            tokio::time::sleep(Duration::from_millis(30 * (round % 4))).await;
            server.kill();
            load.publish(40).await;
            assert!(matches!(load.rig.bus.state(), holm::events::bus::BusState::Degraded(_)) || load.rig.waiting() > 0);
            server.start_again();
        }
        let since = Instant::now();
        load.is_complete("killed").await;
        // what a connection has lost comes again when the server has missed signs of life of it, twice at most
        assert!(since.elapsed() < Duration::from_secs(40), "caught up after {:?}", since.elapsed());
        until("the outbox is empty", || async { load.rig.waiting() == 0 }).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_lost_or_handled_twice_when_the_server_is_paused() {
    for release in Release::BOTH {
        let server = NatsServer::start(release);
        let mut load = Load::on(&server.url()).await;
        for seconds in [1, 8] {
            load.publish(100).await;
            server.pause();
            load.publish(100).await;
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            server.go_on();
        }
        load.is_complete("paused").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_lost_or_handled_twice_on_a_bad_network() {
    for release in Release::BOTH {
        let server = NatsServer::start(release);
        let proxy = Proxy::before(&server.address()).await;
        let mut load = Load::on(&proxy.url()).await;
        for fault in [Fault::Blackhole, Fault::HalfOpen, Fault::Slow, Fault::Reset] {
            load.publish(50).await;
            proxy.set(fault);
            load.publish(50).await;
            tokio::time::sleep(Duration::from_secs(3)).await;
            proxy.set(Fault::None);
            load.publish(50).await;
            load.is_complete(&format!("{release:?} {fault:?}")).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_hears_that_the_network_swallows_everything() {
    let server = NatsServer::start(Release::Current);
    let proxy = Proxy::before(&server.address()).await;
    let mut load = Load::on(&proxy.url()).await;
    load.publish(10).await;
    proxy.set(Fault::Blackhole);
    load.publish(10).await;
    let why = load.rig.until_degraded("NATS cannot be reached").await;
    assert!(why.contains(&proxy.url()), "{why}");
    let since = Instant::now();
    let refused = load.rig.bus.subscribe(&subscription("x.*")).await;
    assert!(refused.is_err() && since.elapsed() < Duration::from_secs(1), "a caller waits for the network");
    proxy.set(Fault::None);
    load.rig.until_ready().await;
    load.is_complete("swallowed").await;
}
