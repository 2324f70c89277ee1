//! One delivery, from the bus into a guest and back.
//!
//! Effects of a handler happen once, however often its event is delivered: its commit holds a mark, and holds
//! only if that mark was not there. What a delivery says to the bus, it says when that commit is durable. A dead
//! letter is committed with the same mark, so an event is handled or dead, and never both.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use holm_registry::ServiceName;
use holm_registry::event::Event;
use holm_registry::store::{CommitError, Effects, Log, Store};
use tokio::time::{Instant, interval_at, sleep};

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
}

impl Deliverer {
    /// Delivers once, and tells the bus what became of it. Dropped before its end, the event comes again.
    pub async fn deliver(&self, delivery: Delivery) {
        self.metrics.started(delivery.attempt);
        let (event, attempt) = (Arc::clone(&delivery.event), delivery.attempt);
        let verdict = alive(&delivery, self.ack_wait(), self.settled(&event, attempt)).await;
        let (outcome, told) = match verdict {
            Settled::Acked => (EventOutcome::Acked, delivery.ack().await),
            Settled::Duplicate => (EventOutcome::Duplicate, delivery.ack().await),
            Settled::Dead => (EventOutcome::Dead, delivery.terminate().await),
            Settled::Retry(after) => (EventOutcome::Retried, delivery.retry(after).await),
            Settled::Unknown => (EventOutcome::Retried, Ok(())),
        };
        let since = Duration::from_millis(now_ms().saturating_sub(event.content.time));
        self.metrics.finished(outcome, since);
        if let Err(error) = told {
            self.warn(&event, attempt, "the bus may not know what became of it", &error.to_string());
        }
    }

    /// Runs it until it is clear what becomes of it, and that is durable.
    async fn settled(&self, event: &Arc<Event>, attempt: u32) -> Settled {
        match self.verdict(event, attempt).await {
            Verdict::Ack(sequence) => match self.store.durable(sequence).await {
                Ok(()) => Settled::Acked,
                Err(error) => {
                    self.warn(event, attempt, "its effects are not durable", &error.to_string());
                    Settled::Unknown
                }
            },
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

    /// Enters the guest, again and again as long as that says nothing about the event.
    async fn verdict(&self, event: &Arc<Event>, attempt: u32) -> Verdict {
        let settings = &self.subscription.settings;
        if let Some(verdict) = beyond(attempt, settings) {
            return verdict;
        }
        loop {
            let entry = self.entry(event, attempt);
            let entered = (self.enter)(self.subscription.service.clone(), entry, Arc::clone(event)).await;
            match decide(entered, attempt, settings) {
                Ok(verdict) => return verdict,
                Err(Wait { after, why }) => {
                    tracing::debug!(service = %self.subscription.service, event = event.id, why, "an event waits");
                    self.metrics.waited();
                    sleep(after).await;
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
                    sleep(PAUSE).await;
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

    fn warn(&self, event: &Event, attempt: u32, what: &str, why: &str) {
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
