//! One delivery, from the bus into a guest and back.
//!
//! Effects of a handler happen once, however often its event is delivered: its commit holds a mark, and holds
//! only if that mark was not there. What a broker is told, it is told when that commit is durable. A dead letter is
//! committed with the same mark, so an event is handled or dead, and never both.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use holm_registry::ServiceName;
use holm_registry::event::Event;
use holm_registry::store::{CommitError, Effects, Log, Sequence, Store};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, interval_at, sleep};
use tokio_util::sync::CancellationToken;

use super::bus::{BusError, Delivery, Subscription};
use super::dead::DeadLetter;
use super::outcome::{Verdict, Wait, beyond, decide};
use crate::fault::Fault;
use crate::services::{EventEntry, Handled, Lineage};
use crate::telemetry::metrics::{EventMetrics, EventOutcome};
use crate::telemetry::now_ms;
use crate::telemetry::trace::TraceContext;

/// Between two tries to write a dead letter.
const PAUSE: Duration = Duration::from_secs(1);
/// Signs of life within one ack wait: two may be lost.
const SIGNS: u32 = 3;

/// Enters the live revision of a service with an event; a fault of kind `NoService` if there is none.
pub type Enter = Arc<dyn Fn(ServiceName, EventEntry, Arc<Event>) -> Entered + Send + Sync>;

/// What comes of it.
pub type Entered = BoxFuture<'static, Result<Handled, Fault>>;

/// Delivers the events of one subscription.
pub struct Deliverer {
    /// Where dead letters go.
    pub store: Store,
    /// Enters the guest.
    pub enter: Enter,
    /// What is delivered.
    pub subscription: Arc<Subscription>,
    /// What became of it.
    pub metrics: Arc<EventMetrics>,
    /// Whether the bus may only be told of what is durable, see
    /// [`Bus::outlives_the_store`](super::bus::Bus::outlives_the_store).
    pub durable_first: bool,
    /// What only waits goes back to the bus then.
    pub stop: CancellationToken,
}

impl Deliverer {
    /// Delivers once, and tells the bus what became of it. `permit` is given back as soon as the guest has ended.
    /// Dropped before its end, the event comes again.
    pub async fn deliver(&self, delivery: Delivery, permit: OwnedSemaphorePermit) {
        self.metrics.started(delivery.attempt);
        let (event, attempt) = (Arc::clone(&delivery.event), delivery.attempt);
        let settled = alive(&delivery, self.ack_wait(), self.settled(&event, attempt, permit)).await;
        let (outcome, told) = match settled {
            Settled::Acked => (EventOutcome::Acked, delivery.ack().await),
            Settled::Duplicate => (EventOutcome::Duplicate, delivery.ack().await),
            Settled::Dead => (EventOutcome::Dead, delivery.terminate().await),
            Settled::Retry(after) => (EventOutcome::Retried, delivery.retry(after).await),
            Settled::NotTried => (EventOutcome::Retried, delivery.give_back().await),
            Settled::Unknown => (EventOutcome::Retried, Ok(())),
        };
        let since = Duration::from_millis(now_ms().saturating_sub(event.content.time));
        self.metrics.finished(outcome, since);
        if let Err(error) = told {
            self.warn(&event, attempt, "the bus may not know what became of it", &error.to_string());
        }
    }

    /// Runs it until it is clear what becomes of it.
    async fn settled(&self, event: &Arc<Event>, attempt: u32, permit: OwnedSemaphorePermit) -> Settled {
        let Some(verdict) = self.verdict(event, attempt).await else { return Settled::NotTried };
        drop(permit);
        match verdict {
            Verdict::Ack(sequence) => self.acked(event, attempt, sequence).await,
            Verdict::Duplicate => Settled::Duplicate,
            Verdict::Retry(after, why) => {
                self.warn(event, attempt, "it comes again", &why);
                Settled::Retry(after)
            }
            Verdict::Dead(why) => {
                self.warn(event, attempt, "it becomes a dead letter", &why);
                self.bury(event, attempt, &why).await
            }
        }
    }

    async fn acked(&self, event: &Event, attempt: u32, sequence: Sequence) -> Settled {
        if !self.durable_first {
            return Settled::Acked;
        }
        match self.store.durable(sequence).await {
            Ok(()) => Settled::Acked,
            Err(error) => {
                self.warn(event, attempt, "its effects are not durable", &error.to_string());
                Settled::Unknown
            }
        }
    }

    /// Enters the guest, again and again as long as that says nothing about the event. `None`: nothing was said
    /// until everything stopped.
    async fn verdict(&self, event: &Arc<Event>, attempt: u32) -> Option<Verdict> {
        let settings = &self.subscription.settings;
        if let Some(verdict) = beyond(attempt, settings) {
            return Some(verdict);
        }
        loop {
            let entry = self.entry(event, attempt);
            let entered = (self.enter)(self.subscription.service.clone(), entry, Arc::clone(event)).await;
            match decide(entered, attempt, settings) {
                Ok(verdict) => return Some(verdict),
                Err(Wait { after, why }) => {
                    tracing::debug!(service = %self.subscription.service, event = event.id, why, "an event waits");
                    self.metrics.waited();
                    self.stop.run_until_cancelled(sleep(after)).await?;
                }
            }
        }
    }

    fn entry(&self, event: &Event, attempt: u32) -> EventEntry {
        let parent = event.content.traceparent.as_deref().and_then(|text| TraceContext::parse(text.as_bytes()));
        EventEntry {
            deadline: std::time::Instant::now() + self.ack_wait(),
            request_id: event.id.clone(),
            trace: parent.map_or_else(TraceContext::generate, TraceContext::child),
            lineage: Lineage::default(),
            attempt,
            mark: self.subscription.mark(&event.id),
        }
    }

    /// Writes a dead letter together with the mark. A full disk is waited for.
    async fn bury(&self, event: &Event, attempt: u32, reason: &str) -> Settled {
        let mark = self.subscription.mark(&event.id);
        let letter = DeadLetter {
            id: event.id.clone(),
            service: self.subscription.service.clone(),
            subject: self.subscription.settings.subject.clone(),
            reason: reason.to_owned(),
            attempts: attempt.min(self.subscription.settings.max_deliver),
            time: now_ms(),
            event: event.content.clone(),
        };
        let mut effects = Effects::default();
        effects.mark(mark, letter.time);
        effects.events.push((Log::DeadLetters, letter.to_content().encode()));
        loop {
            match self.commit(effects.clone()).await {
                Ok(settled) => return settled,
                Err(BusError::Commit(error @ CommitError::DiskFull { .. })) => {
                    self.warn(event, attempt, "its dead letter waits for room", &error.to_string());
                    if self.stop.run_until_cancelled(sleep(PAUSE)).await.is_none() {
                        return Settled::Unknown;
                    }
                }
                Err(error) => {
                    self.warn(event, attempt, "its dead letter is not written", &error.to_string());
                    return Settled::Unknown;
                }
            }
        }
    }

    /// Commits a dead letter, unless the event was handled meanwhile; either way that is durable then.
    async fn commit(&self, effects: Effects) -> Result<Settled, BusError> {
        let (settled, sequence) = match self.store.commit(effects).await {
            Ok(sequence) => (Settled::Dead, sequence),
            // the mark is all that it has read
            Err(CommitError::Conflict(_)) => (Settled::Duplicate, self.store.applied()),
            Err(error) => return Err(error.into()),
        };
        self.store.durable(sequence).await?;
        Ok(settled)
    }

    fn ack_wait(&self) -> Duration {
        self.subscription.settings.ack_wait
    }

    /// One line, whatever the reason brings along: all of that is in the service's own log.
    fn warn(&self, event: &Event, attempt: u32, what: &str, why: &str) {
        let why = why.lines().next().unwrap_or_default();
        let Subscription { service, settings } = &*self.subscription;
        let (subscription, subject) = (settings.subject.as_str(), event.content.subject.as_str());
        tracing::warn!(%service, subscription, subject, event = event.id, attempt, why, "an event was not handled: {what}");
    }
}

/// What the bus is told.
enum Settled {
    Acked,
    Duplicate,
    Dead,
    Retry(Duration),
    /// The event goes back, and this was no attempt.
    NotTried,
    /// Nothing: the event comes again.
    Unknown,
}

/// Runs `work` and tells the bus meanwhile that it is under way.
async fn alive<T>(delivery: &Delivery, ack_wait: Duration, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    let every = (ack_wait / SIGNS).max(Duration::from_millis(1));
    let mut signs = interval_at(Instant::now() + every, every);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            _ = signs.tick() => {
                if let Err(error) = delivery.progress().await {
                    tracing::debug!(event = delivery.event.id, %error, "a sign of life was not taken");
                }
            }
        }
    }
}
