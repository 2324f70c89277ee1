//! Events: what services tell each other without waiting for an answer.
//!
//! | file | question it answers |
//! | --- | --- |
//! | [`bus`] | what does Holm ask of an event bus? |
//! | [`embedded`] | the bus without a broker |
//! | [`nats`] | the bus on a broker |
//! | `queue` | which event goes out next (pure)? |
//! | `subscriptions` | which subscriptions run? |
//! | `consume` | when is the next event of a subscription asked for? |
//! | [`deliver`] | how does one event go into a guest, once? |
//! | `outcome` | what is done with an event after an attempt (pure)? |
//! | [`dead`], `letters` | what becomes of events that nobody can handle? |
//! | `lag` | which subscriptions fall behind (pure)? |
//! | `publish` | how is an event published from outside? |
//! | `reserved` | which headers are Holm's (pure)? |
//! | this one | the handle that everybody else holds |
//!
//! ```text
//! a guest's commit ──▶ log ──▶ bus ──▶ consume ──▶ deliver ──▶ a guest's commit, with a mark
//!                                         ▲            │ given up
//!                         replay ◀── dead letters ◀────┘
//! ```

pub mod bus;
mod consume;
pub mod dead;
pub mod deliver;
pub mod embedded;
mod lag;
mod letters;
pub mod nats;
mod outcome;
mod publish;
mod queue;
mod reserved;
mod subscriptions;
#[cfg(test)]
mod testing;

pub use self::letters::{LetterError, Letters};
pub use self::publish::{Draft, PublishError};

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use holm_registry::ServiceName;
use holm_registry::settings::{Settings, Subscribe};
use holm_registry::store::{CommitError, Expiring, Store};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use self::bus::{Bus, ConsumerInfo, Subscription};
use self::deliver::Enter;
use self::lag::{Change, Lag};
use self::subscriptions::{Manager, PATIENCE, Wanted};
use crate::services::Table;
use crate::shutdown::{TaskGroup, Tasks};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::now_ms;

/// How often lags are counted: as often as they are looked at.
const COUNT: Duration = Duration::from_secs(5);
/// How often dead letters and marks are looked at for what can go.
const SWEEP: Duration = Duration::from_secs(60);
/// The name of all its tasks.
const TASKS: &str = "events";

/// What events are made of.
pub struct Parts {
    /// Carries them.
    pub bus: Arc<dyn Bus>,
    /// Where they are published, and where marks and dead letters are.
    pub store: Store,
    /// Enters the live revision of a service.
    pub enter: Enter,
    /// Numbers.
    pub metrics: Arc<Metrics>,
    /// Background work.
    pub tasks: Tasks,
}

/// The handle. Cheap to clone.
#[derive(Clone)]
pub struct Events(Arc<Shared>);

struct Shared {
    bus: Arc<dyn Bus>,
    store: Store,
    enter: Enter,
    metrics: Arc<Metrics>,
    tasks: Tasks,
    wanted: watch::Sender<Wanted>,
    /// The generation whose subscriptions are confirmed.
    applied: watch::Sender<u64>,
    stop: CancellationToken,
}

impl Events {
    /// Nothing is delivered yet.
    pub fn new(parts: Parts) -> Self {
        let Parts { bus, store, enter, metrics, tasks } = parts;
        let (wanted, applied, stop) = Default::default();
        Self(Arc::new(Shared { bus, store, enter, metrics, tasks, wanted, applied, stop }))
    }

    /// Takes on the subscriptions of a new table. Does not wait.
    pub fn follow(&self, table: &Table) {
        let of = |(service, settings): (&ServiceName, &Settings)| {
            let one = |settings: &Subscribe| Subscription { service: service.clone(), settings: settings.clone() };
            settings.subscribe.iter().map(one).collect::<Vec<_>>()
        };
        let services = table.services.iter().map(|(service, revision)| (service, revision.settings()));
        self.want(table.services.keys().cloned().collect(), services.flat_map(of));
    }

    /// Takes on these subscriptions of these live services, and no others. Does not wait.
    pub fn want(&self, live: BTreeSet<ServiceName>, subscriptions: impl IntoIterator<Item = Subscription>) {
        let name = |one: &Subscription| (one.service.clone(), one.settings.subject.clone());
        let subscriptions = subscriptions.into_iter().map(|one| (name(&one), one.settings)).collect();
        self.0.wanted.send_modify(|wanted| {
            *wanted = Wanted { generation: wanted.generation + 1, subscriptions, live };
        });
    }

    /// Begins to deliver. `known`: every service that there is, also one that could not be brought back.
    pub fn start(&self, known: BTreeSet<ServiceName>) {
        let group = self.0.tasks.group(TASKS);
        group.spawn(Manager::new(Arc::clone(&self.0), known).run());
        let shared = Arc::clone(&self.0);
        group.spawn(async move {
            let work = async { tokio::join!(shared.bus.run(), shared.count_forever(), shared.sweep_forever()) };
            let _stopped = shared.stop.run_until_cancelled(work).await;
        });
    }

    /// Ends when the subscriptions of the latest table are confirmed, or that takes too long.
    pub async fn confirmed(&self) {
        let generation = self.0.wanted.borrow().generation;
        let mut applied = self.0.applied.subscribe();
        let reached = timeout(PATIENCE, applied.wait_for(|applied| *applied >= generation));
        if let Some(Err(_late)) = self.0.stop.run_until_cancelled(reached).await {
            tracing::debug!(generation, "went on without a confirmation of the event bus");
        }
    }

    /// Delivers nothing more; what is under way goes on.
    pub fn stop(&self) {
        self.0.stop.cancel();
    }

    /// Ends when nothing is under way any more, at the deadline at the latest, and what the bus remembers is
    /// written down. Call [`Events::stop`] before.
    pub async fn drained(&self, deadline: Instant) {
        let group: TaskGroup = self.0.tasks.group(TASKS);
        if tokio::time::timeout_at(deadline, group.wait()).await.is_err() {
            tracing::warn!(left = group.len(), "the drain's deadline passed; these deliveries come again");
        }
        if let Err(error) = self.0.bus.close().await {
            tracing::warn!(%error, "where subscriptions stand was not saved; what is handled stays handled");
        }
    }

    /// The bus, to be asked.
    pub fn bus(&self) -> &dyn Bus {
        &*self.0.bus
    }

    /// The dead letters.
    pub fn letters(&self) -> Letters {
        Letters::new(self.0.store.clone())
    }

    /// Publishes an event for somebody outside; on return it is durable. Answers with its id.
    ///
    /// # Errors
    /// Why it was not published.
    pub async fn publish(&self, draft: Draft) -> Result<String, PublishError> {
        publish::publish(&self.0.store, draft).await
    }
}

impl Shared {
    async fn count_forever(&self) {
        let mut lag = Lag::default();
        loop {
            sleep(COUNT).await;
            if self.wanted.borrow().subscriptions.is_empty() {
                continue;
            }
            match self.bus.consumers().await {
                Ok(consumers) => consumers.iter().for_each(|one| self.note(&mut lag, one)),
                Err(error) => tracing::debug!(%error, "how many events wait is not known"),
            }
        }
    }

    fn note(&self, lag: &mut Lag, consumer: &ConsumerInfo) {
        let name = (consumer.service.clone(), consumer.subject.clone());
        if !self.wanted.borrow().subscriptions.contains_key(&name) {
            return;
        }
        let (service, subscription, events) = (&consumer.service, consumer.subject.as_str(), consumer.lag);
        self.metrics.events(service, subscription).lag(events);
        match lag.note(&name, events) {
            Some(Change::Behind) => {
                tracing::warn!(%service, subscription, events, "a subscription falls behind: more events come than it handles");
            }
            Some(Change::CaughtUp) => tracing::info!(%service, subscription, "a subscription has caught up"),
            None => {}
        }
    }

    async fn sweep_forever(&self) {
        let letters = Letters::new(self.store.clone());
        loop {
            match letters.trim(now_ms()).await {
                Ok(0) => {}
                Ok(gone) => tracing::warn!(gone, "there are too many dead letters, or too old ones: the oldest went"),
                Err(error) => tracing::warn!(%error, "old dead letters were not removed"),
            }
            if let Err(error) = self.sweep_marks().await {
                tracing::warn!(%error, "old marks of events were not removed");
            }
            sleep(SWEEP).await;
        }
    }

    /// Marks of events that cannot come again, where the bus does not remove them itself.
    async fn sweep_marks(&self) -> Result<(), CommitError> {
        let Some(age) = self.bus.repeats_within() else { return Ok(()) };
        let before = now_ms().saturating_sub(u64::try_from(age.as_millis()).unwrap_or(u64::MAX));
        self.store.expire(Expiring::Marks, before).await.map(|_| ())
    }
}
