//! All durable consumers that this host works with.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use holm_registry::ServiceName;
use holm_registry::store::Store;
use holm_registry::subject::SubjectPattern;
use serde_json::Value;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::api::{self, number};
use super::attempts::{self, Attempts};
use super::config::described;
use super::consumer::Confirmed;
use super::durable::{Durable, Ended};
use super::link::Link;
use super::window::Window;
use super::{pump, record};
use crate::events::bus::{BusError, ConsumerInfo, Subscription};
use crate::telemetry::metrics::NatsMetrics;

/// The consumers, and what works for them.
pub struct Working {
    link: Link,
    store: Store,
    metrics: NatsMetrics,
    durables: Mutex<Durables>,
    /// Those that nobody works for yet.
    new: Mutex<Vec<Arc<Durable>>>,
    added: Notify,
}

type Durables = BTreeMap<(ServiceName, SubjectPattern), Arc<Durable>>;

impl Working {
    /// With none yet.
    pub fn new(link: Link, store: Store, metrics: NatsMetrics) -> Self {
        let (durables, new, added) = Default::default();
        Self { link, store, metrics, durables, new, added }
    }

    /// The one of a subscription, if there is one.
    pub fn find(&self, service: &ServiceName, subject: &SubjectPattern) -> Option<Arc<Durable>> {
        let found = lock(&self.durables).get(&(service.clone(), subject.clone())).cloned();
        found.filter(|durable| durable.ended().is_none())
    }

    /// The one that is known already, if it is that of the same stream; else a new one. On return it is written
    /// down that it is this host's, too.
    ///
    /// # Errors
    /// When the store does not take that.
    pub async fn add(&self, subscription: &Subscription, confirmed: Confirmed) -> Result<Arc<Durable>, BusError> {
        let Confirmed { stream, name, settled } = confirmed;
        let (service, subject) = (&subscription.service, &subscription.settings.subject);
        record::keep(&self.store, service, subject).await?;
        if let Some(known) = self.find(service, subject).filter(|known| known.stream == stream) {
            known.change(|window| window.attach(subscription));
            return Ok(known);
        }
        let (attempts, stale) = Attempts::load(&self.store, service, subject, settled);
        let window = Window::new(subscription, attempts, Instant::now());
        let durable = Arc::new(Durable::new(subscription, (stream, name), window, self.store.clone()));
        durable.note(stale).await;
        if let Some(old) = lock(&self.durables).insert((service.clone(), subject.clone()), Arc::clone(&durable)) {
            old.end(Ended::Lost);
        }
        lock(&self.new).push(Arc::clone(&durable));
        self.added.notify_one();
        Ok(durable)
    }

    /// Nothing is delivered any more. How many events were held.
    pub fn end(&self, service: &ServiceName, subject: &SubjectPattern) -> usize {
        let Some(durable) = lock(&self.durables).remove(&(service.clone(), subject.clone())) else { return 0 };
        durable.end(Ended::Unsubscribed);
        durable.with(|window| window.len())
    }

    /// Forgets that it was this host's.
    ///
    /// # Errors
    /// When the store does not take that.
    pub async fn forget(&self, service: &ServiceName, subject: &SubjectPattern) -> Result<(), BusError> {
        let (_, all) = Attempts::load(&self.store, service, subject, u64::MAX);
        attempts::write(&self.store, service, subject, all).await?;
        record::forget(&self.store, service, subject).await
    }

    /// Those that are this host's, also from before it was started.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn kept(&self) -> Result<Vec<(ServiceName, SubjectPattern)>, BusError> {
        record::all(&self.store)
    }

    /// Works for all of them.
    pub async fn run(&self) {
        let mut pumps = FuturesUnordered::new();
        loop {
            let new = std::mem::take(&mut *lock(&self.new));
            let start = |durable| pump::run(durable, self.link.clone(), self.metrics.clone()).boxed();
            pumps.extend(new.into_iter().map(start));
            tokio::select! {
                () = self.added.notified() => {}
                Some(()) = pumps.next() => {}
            }
        }
    }

    /// Gives everything back that nobody handles, so that it need not be waited for.
    ///
    /// # Errors
    /// When it cannot be said; it is delivered again all the same, later.
    pub async fn hand_back(&self) -> Result<(), BusError> {
        let all = self.all();
        // what the server has sent before it answers this has come
        api::catch_up(&self.link).await?;
        for durable in &all {
            pump::take_rest(durable).await;
        }
        for durable in &all {
            let replies = durable.with(Window::clear);
            if replies.is_empty() {
                continue;
            }
            // an old server finds out when it is asked that a request is of an inbox that is gone; before that it
            // would count what it is given back as delivered there
            api::ask(&self.link, &format!("CONSUMER.INFO.{}.{}", durable.stream, durable.name), &Value::Null).await?;
            for reply in replies {
                self.link.send(&reply, None, "-NAK".into()).await?;
            }
        }
        Ok(())
    }

    /// What a server says of a consumer, if it is one of Holm's. What waits here for its first attempt has not been
    /// delivered to anybody, whatever the server thinks.
    pub fn info(&self, info: &Value) -> Option<ConsumerInfo> {
        let (service, subject) = described(info.get("config")?)?;
        let durable = self.find(&service, &subject);
        let (untried, again) = durable.map_or((0, 0), |durable| durable.with(|window| window.untried()));
        Some(ConsumerInfo {
            service,
            subject,
            lag: api::pending(info).saturating_add(untried),
            in_flight: number(info, "num_ack_pending").saturating_sub(untried),
            redelivered: number(info, "num_redelivered").saturating_sub(again),
        })
    }

    fn all(&self) -> Vec<Arc<Durable>> {
        lock(&self.durables).values().cloned().collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
