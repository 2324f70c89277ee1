//! A host whose handlers are no guests: they do what a case says, and commit as guests do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use holm::events::bus::Subscription;
use holm::events::deliver::Enter;
use holm::events::{Events, Parts};
use holm::fault::{Fault, FaultKind};
use holm::services::Handled;
use holm::shutdown::Tasks;
use holm::telemetry::metrics::{EventOutcome, Metrics};
use holm::telemetry::now_ms;
use holm_registry::event::Event;
use holm_registry::store::{CommitError, Effects, Key, Record, Store};
use tokio::time::{Instant, sleep};

use super::under_test::{BusUnderTest, PATIENCE, number};

/// What a handler makes of an event.
pub(crate) enum Does {
    Ack,
    Retry(Option<Duration>),
    Reject,
    Fail(FaultKind),
    /// Works for so long, then acknowledges.
    Work(Duration),
    /// Commits its effects, and its host dies before anybody is told.
    AckUnseen,
}

/// What has happened in a handler.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Seen {
    pub(crate) service: String,
    pub(crate) number: u32,
    pub(crate) attempt: u32,
    pub(crate) at: Instant,
}

/// A host with handlers that are no guests.
pub(crate) struct Host {
    pub(crate) events: Events,
    store: Store,
    tasks: Tasks,
    metrics: Arc<Metrics>,
    pub(crate) seen: Arc<Mutex<Vec<Seen>>>,
}

impl Host {
    /// Every event of these subscriptions goes to `does`.
    pub(crate) async fn start(
        under: &impl BusUnderTest,
        subscriptions: &[Subscription],
        does: impl Fn(&Event, u32) -> Does + Send + Sync + 'static,
    ) -> Self {
        let (store, tasks, metrics) = (under.store().clone(), Tasks::new(), Arc::new(Metrics::new()));
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let enter = handler(store.clone(), Arc::clone(&seen), does);
        let (bus, own_tasks) = (under.bus(), tasks.clone());
        let parts = Parts { bus, store: store.clone(), enter, metrics: Arc::clone(&metrics), tasks: own_tasks };
        let host = Self { events: Events::new(parts), store, tasks, metrics, seen };
        host.want(subscriptions);
        host.events.start(BTreeSet::new());
        host.events.confirmed().await;
        host
    }

    pub(crate) fn want(&self, subscriptions: &[Subscription]) {
        let live = subscriptions.iter().map(|one| one.service.clone()).collect();
        self.events.want(live, subscriptions.iter().cloned());
    }

    /// Polls until something holds of what the handlers have seen.
    pub(crate) async fn until(&self, what: &str, holds: impl Fn(&[Seen]) -> bool) -> Vec<Seen> {
        let end = Instant::now() + PATIENCE;
        loop {
            let seen = self.seen.lock().unwrap().clone();
            if holds(&seen) {
                return seen;
            }
            assert!(Instant::now() < end, "{what} never happened: {seen:?}");
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Polls until so many dead letters are there.
    pub(crate) async fn until_dead(&self, count: usize) {
        self.until("its death", |_| self.events.letters().list(None, 100).unwrap().len() == count).await;
    }

    pub(crate) fn delivered(&self, subscription: &Subscription, outcome: EventOutcome) -> u64 {
        self.metrics.events(&subscription.service, subscription.name()).delivered(outcome)
    }

    pub(crate) async fn stop(&self) {
        self.events.stop();
        self.events.drained(Instant::now() + PATIENCE).await;
        self.tasks.wait(Instant::now() + PATIENCE).await.unwrap();
    }

    /// How often the effects of each event of a service were committed.
    pub(crate) fn effects(&self, service: &str) -> BTreeMap<u32, u32> {
        effects(&self.store, service)
    }
}

fn key(service: &str, number: u32) -> Key {
    Key::state(&service.parse().unwrap(), "", &format!("{number:06}"))
}

fn effects(store: &Store, service: &str) -> BTreeMap<u32, u32> {
    let all = Key::state(&service.parse().unwrap(), "", "");
    store.scan(&all).unwrap().into_iter().map(|(key, record)| (named(&key), count(&record.value))).collect()
}

fn named(key: &Key) -> u32 {
    key.state_parts().unwrap().2.parse().unwrap()
}

fn count(value: &[u8]) -> u32 {
    std::str::from_utf8(value).unwrap().parse().unwrap()
}

fn handler(
    store: Store,
    seen: Arc<Mutex<Vec<Seen>>>,
    does: impl Fn(&Event, u32) -> Does + Send + Sync + 'static,
) -> Enter {
    Arc::new(move |service, entry, event| {
        let number = number(&event);
        let at = Instant::now();
        seen.lock().unwrap().push(Seen { service: service.to_string(), number, attempt: entry.attempt, at });
        let (store, does) = (store.clone(), does(&event, entry.attempt));
        async move {
            let pause = if let Does::Work(pause) = does { pause } else { Duration::ZERO };
            sleep(pause).await;
            match does {
                Does::Retry(after) => Ok(Handled::Retry(after, None)),
                Does::Reject => Ok(Handled::Reject(format!("{number} is odd"))),
                Does::Fail(kind) => Err(Fault { retry_after: Some(pause), ..Fault::new(kind, "on purpose") }),
                Does::Ack | Does::Work(_) | Does::AckUnseen => {
                    let handled = count_once(&store, key(service.as_str(), number), entry.mark).await;
                    if matches!(does, Does::AckUnseen) {
                        Err(Fault::new(FaultKind::Host, "unseen"))
                    } else {
                        Ok(handled)
                    }
                }
            }
        }
        .boxed()
    })
}

/// What a unit of work does that counts up one key.
async fn count_once(store: &Store, key: Key, mark: Key) -> Handled {
    loop {
        let old = store.get(&key).unwrap();
        let mut effects = Effects::default();
        effects.reads.insert(key.clone(), Record::version_of(old.as_ref()));
        let new = old.map_or(0, |old| count(&old.value)) + 1;
        effects.writes.insert(key.clone(), Some(new.to_string().into()));
        effects.mark(mark.clone(), now_ms());
        match store.commit(effects).await {
            Ok(sequence) => return Handled::Acked(sequence),
            Err(CommitError::Conflict(_)) if store.get(&mark).unwrap().is_some() => return Handled::Duplicate,
            Err(CommitError::Conflict(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
}
