//! The embedded bus: durable, in process, with nothing beside it.
//!
//! | file | question it answers |
//! | --- | --- |
//! | `head` | what is new in the log? |
//! | `durable` | what has a subscription seen, and what of that is not settled? |
//! | `consumer` | how is one delivery handed out and settled? |
//! | `record` | what of that does a restart know? |
//! | `keep` | when is it written down, and when are events and marks removed? |
//! | `retention` | which events are removed (pure)? |
//! | `ahead` | how many wait (pure)? |
//! | this one | the bus |
//!
//! The store's log is the stream: an event is published when its commit is visible, and as durable as the
//! commit. A subscription is a cursor with the list of what is open behind it. Its handler's commit leaves a
//! mark, which is the acknowledgement: after `kill -9` the cursor may be old, and the marks tell what was
//! settled since.

mod ahead;
mod consumer;
mod durable;
mod head;
mod keep;
mod record;
mod retention;
#[cfg(test)]
mod tests;

pub use retention::{Retention, Size};

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::{StreamExt, stream};
use holm_registry::ServiceName;
use holm_registry::event::Event;
use holm_registry::settings::Start;
use holm_registry::store::{Log, Logged, Position, Store, StoreError};
use holm_registry::subject::SubjectPattern;

use self::consumer::Attached;
use self::durable::Durable;
use self::head::Head;
use self::keep::Kept;
use super::bus::{Bus, BusError, BusState, Consumer, ConsumerInfo, StreamInfo, Subscription, Tail};

/// Events that are read at once by who does not look at all of them.
const STEP: usize = 256;

/// The bus of one host. Clones are handles on the same one.
#[derive(Clone)]
pub struct EmbeddedBus(Arc<Kept>);

impl EmbeddedBus {
    /// With the subscriptions that were kept. Blocks while they are read.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn open(store: Store, retention: Retention) -> Result<Self, StoreError> {
        let head = Head::new(store.clone());
        let found = record::load(&store, &head)?;
        Ok(Self(Arc::new(Kept::new(store, head, found, retention))))
    }

    /// Removes what is over the limits of retention now, as it also does in the background.
    ///
    /// # Errors
    /// When the store cannot be read or changed.
    pub async fn trim(&self) -> Result<(), BusError> {
        self.0.trim().await
    }

    /// The host goes over to another bus: removes everything that nobody waits for, and answers with how many events
    /// are left.
    ///
    /// # Errors
    /// When the store cannot be read or changed.
    pub async fn leave(&self) -> Result<u64, BusError> {
        self.0.remove_settled().await
    }

    /// A consumer that begins where the subscription says.
    fn begin(&self, subscription: &Subscription) -> Result<Durable, StoreError> {
        let Subscription { service, settings } = subscription;
        let seen = match settings.start {
            Start::New => self.0.head.end(),
            Start::All => Position::default(),
            Start::Time(time) => self.last_before(time)?,
        };
        Ok(Durable::new(service.clone(), settings.subject.clone(), seen, BTreeSet::new()))
    }

    /// The place behind the last event that was published before a time, among the oldest.
    fn last_before(&self, time: u64) -> Result<Position, StoreError> {
        let mut seen = Position::default();
        loop {
            let page = self.0.store.events(Log::Events, Some(seen), STEP)?;
            let earlier = |logged: &&Logged| logged.content.as_ref().is_none_or(|content| content.time < time);
            let before = page.iter().take_while(earlier);
            let passed = before.clone().count();
            seen = before.last().map_or(seen, |last| last.at);
            if passed < page.len() || page.len() < STEP {
                return Ok(seen);
            }
        }
    }

    fn info(&self, log: Log, name: &str, lost: u64) -> Result<StreamInfo, BusError> {
        let kept = self.0.store.log_usage(log);
        let oldest = self.0.store.events(log, None, 1)?;
        let oldest = oldest.first().and_then(|first| first.content.as_ref()).map(|content| content.time);
        Ok(StreamInfo { name: name.to_owned(), events: kept.keys, bytes: kept.bytes, oldest, lost })
    }
}

#[async_trait]
impl Bus for EmbeddedBus {
    async fn subscribe(&self, subscription: &Subscription) -> Result<Box<dyn Consumer>, BusError> {
        let found = self.0.find(&subscription.service, &subscription.settings.subject);
        let durable = match found {
            Some(durable) => durable,
            None => self.0.add(self.begin(subscription)?).await?,
        };
        durable.attach(subscription);
        Ok(Box::new(Attached::new(Arc::clone(&self.0), durable)))
    }

    async fn unsubscribe(&self, service: &ServiceName, subject: &SubjectPattern) -> Result<(), BusError> {
        match self.0.find(service, subject) {
            Some(durable) => self.0.remove(&durable).await,
            None => Ok(()),
        }
    }

    async fn kept(&self) -> Result<Vec<(ServiceName, SubjectPattern)>, BusError> {
        Ok(self.0.all().iter().map(|durable| (durable.service.clone(), durable.subject.clone())).collect())
    }

    async fn streams(&self) -> Result<Vec<StreamInfo>, BusError> {
        Ok(vec![self.info(Log::Events, "events", self.0.lost())?, self.info(Log::DeadLetters, "dead-letters", 0)?])
    }

    async fn consumers(&self) -> Result<Vec<ConsumerInfo>, BusError> {
        self.0.count().await?;
        Ok(self.0.all().iter().map(|durable| durable.info()).collect())
    }

    async fn tail(&self, subject: &SubjectPattern) -> Result<Tail, BusError> {
        let (kept, subject) = (Arc::clone(&self.0), subject.clone());
        let (seen, follow) = (kept.head.end(), kept.store.follow());
        let pages = stream::unfold((kept, seen, follow), |(kept, seen, mut follow)| async move {
            loop {
                follow.borrow_and_update();
                let page = match kept.head.read(seen, STEP) {
                    Ok(page) => page,
                    Err(error) => return Some((vec![Err(error.into())], (kept, seen, follow))),
                };
                if !page.events.is_empty() {
                    let events = page.events.iter().filter_map(|logged| event(&kept.store, logged));
                    return Some((events.map(Ok).collect::<Vec<_>>(), (kept, page.until, follow)));
                }
                follow.changed().await.ok()?;
            }
        });
        let wanted = move |event: &Result<Event, BusError>| {
            let wanted = event.as_ref().map_or(true, |event| subject.matches(&event.content.subject));
            std::future::ready(wanted)
        };
        Ok(pages.flat_map(stream::iter).filter(wanted).boxed())
    }

    /// A cursor that is durable was written by a later commit than the marks behind it.
    fn outlives_the_store(&self) -> bool {
        false
    }

    fn state(&self) -> BusState {
        match self.0.store.health() {
            Ok(()) => BusState::Ready,
            Err(error) => BusState::Degraded(error.to_string()),
        }
    }

    fn repeats_within(&self) -> Option<Duration> {
        None
    }

    async fn run(&self) {
        self.0.run().await;
    }

    async fn close(&self) -> Result<(), BusError> {
        Ok(self.0.save().await?)
    }
}

fn event(store: &Store, logged: &Logged) -> Option<Event> {
    Some(Event { id: store.event_id(logged.at), content: logged.content.clone()? })
}
