//! From the log to the server: what was committed is sent, confirmed, and then removed.
//!
//! An event is sent under its own id until the server has confirmed it, over whatever connections and restarts.
//! Removing it comes last: a crash in between sends it again, which the server finds by the id for as long as it
//! remembers, and the mark of whoever handles it for ever. Sending it comes after it is durable: the number of a
//! commit that a crash has undone is given to another one, whose events would look like repeats.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use holm_registry::event::Content;
use holm_registry::store::{CommitError, Effects, Key, Log, Page, Position, Sequence, Store, StoreError};
use serde_json::Value;
use tokio::time::{Instant, sleep, sleep_until};

use super::api::{ApiError, code, read};
use super::link::{Link, LinkError};
use super::message::{EXPECTED_STREAM, headers};
use super::outbox::Outbox;
use super::state::{Conditions, Part};
use super::streams::Streams;
use crate::events::bus::BusError;
use crate::events::queue::Taken;
use crate::telemetry::metrics::NatsMetrics;

/// Events on their way at once. A server confirms thousands in a second; so many are a few milliseconds.
const WINDOW: usize = 256;
/// How long the server has to confirm one. A cluster that elects a leader takes a second or two.
const WITHIN: Duration = Duration::from_secs(5);
/// After one that got lost.
const SOON: Duration = Duration::from_millis(100);
/// After one that the server does not take, for a reason that somebody has to remove.
const LATER: Duration = Duration::from_secs(5);
/// Events removed from the log in one commit.
const REMOVED: usize = 1024;

/// What a relay works with.
pub struct Relay {
    /// Whose log it is.
    pub store: Store,
    /// Behind which place of it.
    pub begin: Position,
    /// Where it goes.
    pub link: Link,
    /// Into which stream.
    pub streams: Arc<Streams>,
    /// Who is told when it does not go.
    pub conditions: Arc<Conditions>,
    /// How it goes.
    pub metrics: NatsMetrics,
}

type Sent = (Taken, Result<bool, Failed>);

/// Why the server does not have an event.
enum Failed {
    /// It got lost, or the answer did.
    Lost(String),
    /// The server, or Holm, cannot take it as things are.
    Refused(String),
}

impl Relay {
    /// Sends for as long as it is polled.
    pub async fn run(&self) {
        self.work(None).await;
    }

    /// Sends what is in the log, until nothing is left.
    pub async fn flush(&self) {
        self.work(Some(self.store.applied())).await;
    }

    /// `until`: ends when everything up to this is sent and removed.
    async fn work(&self, until: Option<Sequence>) {
        let mut visible = self.store.follow();
        let mut outbox = Outbox::new(self.begin);
        let mut reading: FuturesUnordered<BoxFuture<'_, Result<Page, StoreError>>> = FuturesUnordered::new();
        let mut sending: FuturesUnordered<BoxFuture<'_, Sent>> = FuturesUnordered::new();
        let mut removing: FuturesUnordered<BoxFuture<'_, Removed>> = FuturesUnordered::new();
        let mut more = true;
        loop {
            if more
                && reading.is_empty()
                && let Some((after, events, bytes)) = outbox.wants()
            {
                more = false;
                reading.push(self.read(after, events, bytes).boxed());
            }
            while self.link.is_up()
                && sending.len() < WINDOW
                && let Some((taken, content)) = outbox.take(Instant::now())
            {
                // found out before the next one is looked at: what goes to a known stream would overtake it
                match self.stream_of(&content).await {
                    Ok(stream) => sending.push(self.send(taken, content, stream).boxed()),
                    Err(failed) => self.note(&mut outbox, taken, Err(failed)),
                }
            }
            if removing.is_empty() {
                let done = outbox.done(REMOVED);
                removing.extend((!done.is_empty()).then(|| self.remove(done).boxed()));
            }
            if until.is_some_and(|until| outbox.has_read(until)) && outbox.is_empty() && removing.is_empty() {
                return;
            }
            tokio::select! {
                Some(page) = reading.next() => more |= self.take_in(&mut outbox, page).await,
                Some((taken, sent)) = sending.next() => self.note(&mut outbox, taken, sent),
                Some((positions, removed)) = removing.next() => self.note_removed(&mut outbox, positions, removed).await,
                _ = visible.changed() => more = true,
                () = at(outbox.next_change()) => {}
                _ = self.link.up(), if !self.link.is_up() => {}
            }
        }
    }

    /// Reads on, and answers when that is durable.
    async fn read(&self, after: Position, events: usize, bytes: usize) -> Result<Page, StoreError> {
        let page = self.store.page(Log::Events, Some(after), events, bytes)?;
        self.store.durable(page.until.sequence).await?;
        Ok(page)
    }

    /// Whether there is more.
    async fn take_in(&self, outbox: &mut Outbox, page: Result<Page, StoreError>) -> bool {
        match page {
            Ok(page) => {
                let damaged = outbox.add(page.events, page.until);
                self.put_aside(damaged).await;
                self.count();
                page.more
            }
            Err(error) => {
                self.conditions.set(Part::Relay, format!("events cannot be read from the store: {error}"));
                false
            }
        }
    }

    async fn put_aside(&self, damaged: Vec<Position>) {
        for at in damaged {
            if let Err(error) = self.store.quarantine(&Key::event(Log::Events, at)).await {
                tracing::warn!(%error, "a damaged event is still in the log");
            }
        }
    }

    fn count(&self) {
        let kept = self.store.log_usage(Log::Events);
        self.metrics.waiting(kept.keys, kept.bytes);
    }

    async fn stream_of(&self, content: &Content) -> Result<String, Failed> {
        match self.streams.known_for(&content.subject) {
            Some(known) => Ok(known),
            None => Ok(self.streams.of_subject(&content.subject).await?),
        }
    }

    async fn send(&self, taken: Taken, content: Arc<Content>, stream: String) -> Sent {
        let mut headers = headers(&self.store.event_id(taken.at), &content);
        headers.push((EXPECTED_STREAM.to_owned(), stream));
        let answer = self.link.request(content.subject.as_str(), &headers, content.payload.clone(), WITHIN).await;
        let answer = answer.map_err(ApiError::from).and_then(|answer| read(&answer.payload));
        let duplicate = |answer: Value| answer.get("duplicate").and_then(Value::as_bool).unwrap_or_default();
        (taken, answer.map(duplicate).map_err(|error| self.failed(error)))
    }

    fn failed(&self, error: ApiError) -> Failed {
        match error {
            ApiError::Link(LinkError::Nobody) => {
                self.streams.forget();
                Failed::Lost("no stream takes it any more".to_owned())
            }
            error if error.is(code::OTHER_STREAM) => {
                self.streams.forget();
                Failed::Lost(error.to_string())
            }
            ApiError::Link(LinkError::Unfit(why)) => Failed::Refused(why),
            ApiError::Link(error) => Failed::Lost(error.to_string()),
            error @ ApiError::Refused { .. } => Failed::Refused(error.to_string()),
        }
    }

    fn note(&self, outbox: &mut Outbox, taken: Taken, sent: Result<bool, Failed>) {
        let now = Instant::now();
        match sent {
            Ok(duplicate) => {
                outbox.sent(taken);
                self.metrics.sent(duplicate);
                if !outbox.is_stuck() {
                    self.conditions.clear(Part::Relay);
                }
            }
            Err(Failed::Lost(why)) => {
                tracing::debug!(event = self.store.event_id(taken.at), why, "sending it again");
                self.metrics.resent();
                outbox.failed(taken, now + SOON);
            }
            Err(Failed::Refused(why)) => {
                let event = self.store.event_id(taken.at);
                self.conditions.set(Part::Relay, format!("NATS does not take the event {event}, which waits: {why}"));
                outbox.refused(taken, now + LATER);
            }
        }
    }

    async fn remove(&self, positions: Vec<Position>) -> Removed {
        let writes = positions.iter().map(|at| (Key::event(Log::Events, *at), None)).collect();
        let removed = self.store.commit(Effects { writes, ..Effects::default() }).await.map(|_| ());
        (positions, removed)
    }

    async fn note_removed(&self, outbox: &mut Outbox, positions: Vec<Position>, removed: Result<(), CommitError>) {
        self.count();
        let Err(error) = removed else { return };
        tracing::warn!(%error, "events that were sent are still in the log; they will be sent again after a restart");
        outbox.not_removed(positions);
        sleep(SOON).await;
    }
}

type Removed = (Vec<Position>, Result<(), CommitError>);

impl From<BusError> for Failed {
    fn from(error: BusError) -> Self {
        match error {
            BusError::Away(why) => Self::Lost(why),
            other => Self::Refused(other.to_string()),
        }
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
