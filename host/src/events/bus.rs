//! What Holm asks of an event bus. Two keep it: `embedded`, on the store's own log, and NATS JetStream.
//!
//! **There is no `publish`.** To publish is to commit: whoever publishes stages
//! [`Effects::events`](holm_registry::store::Effects), and the committer appends them to
//! [`Log::Events`](holm_registry::store::Log) together with everything else of the unit of work. On the
//! embedded bus that log *is* the stream; with a broker a relay carries it there.
//!
//! The contract, which the suite in `tests/it/events` holds every bus to:
//!
//! - **At least once.** A delivery comes again until somebody has settled it: [`Delivery::ack`] or
//!   [`Delivery::terminate`]. Whoever applies effects guards them with a mark of their own, see
//!   [`deliver`](super::deliver).
//! - **Durable.** A subscription goes on where it was, whoever has restarted meanwhile. It is ready when
//!   [`Bus::subscribe`] has answered, not before.
//! - **Asked for.** [`Consumer::next`] takes one delivery, and its ack wait begins then. Nobody is made to hold
//!   what he has not asked for.
//! - **In order, by key.** With [`Order::Key`](holm_registry::settings::Order) no event is delivered while an earlier one of its key is not
//!   settled, retries included; a retry comes before what is later. Other keys, and events without one, go on.
//! - **Attempts are counted** from 1 and not forgotten in a restart; what a host held and had not begun when it was
//!   killed was not tried. A bus does not stop at `max_deliver`: on the last attempt the host writes a dead letter
//!   and terminates. So a delivery may have a higher attempt, when a host ended during its last one.
//! - **Ack wait.** A delivery that is neither settled nor extended by [`Delivery::progress`] within
//!   `ack_wait` comes again; so does one whose consumer has died, at the latest then.
//! - **For one alone.** What [`Subscription::wants`] refuses is not delivered: a broker matches subjects, and
//!   a replayed dead letter is for the one subscription that had failed.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;
use holm_registry::ServiceName;
use holm_registry::event::{Content, Event};
use holm_registry::settings::Subscribe;
use holm_registry::store::{CommitError, Key, StoreError};
use holm_registry::subject::SubjectPattern;

use super::reserved;

/// Events of one subscription that may be unsettled at once, those that wait for another attempt or behind
/// their key included; later ones wait in the stream. JetStream's default of `max_ack_pending`.
pub const WINDOW: usize = 1000;

/// One `[[service.X.subscribe]]`. A service subscribes to a pattern once, so service and pattern name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Who handles the events. All hosts of a service share its subscription.
    pub service: ServiceName,
    /// Which events, and how they are delivered. `max_deliver` and `backoff` are the host's: a bus is told with
    /// each retry how long to wait.
    pub settings: Subscribe,
}

impl Subscription {
    /// Its name within the service, in marks, metrics and lists: the pattern.
    pub fn name(&self) -> &str {
        self.settings.subject.as_str()
    }

    /// The mark that an event has been handled. It is committed together with what the handler did.
    pub fn mark(&self, event: &str) -> Key {
        Key::inbox(&self.service, self.name(), event)
    }

    /// Whether an event is for it: of its subjects, and not replayed for another subscription.
    pub fn wants(&self, content: &Content) -> bool {
        self.settings.takes(&content.subject) && reserved::is_for(content, &self.service, &self.settings.subject)
    }
}

/// A bus. Cheap to ask from many tasks at once.
#[async_trait]
pub trait Bus: Send + Sync {
    /// Creates the durable consumer, or changes it to these settings, and attaches to it. A new one begins where
    /// its `start` says; `New` means with what is published after this was called. It exists, and
    /// survives a loss of power, when this answers. Several may be attached to one, here and on other hosts:
    /// each event goes to one of them.
    ///
    /// # Errors
    /// When it cannot be confirmed.
    async fn subscribe(&self, subscription: &Subscription) -> Result<Box<dyn Consumer>, BusError>;

    /// Ends a durable consumer for good: what it has not handled is not for it any more. Nothing to do if there
    /// is none, or if other hosts are attached to it.
    ///
    /// # Errors
    /// When it cannot be confirmed.
    async fn unsubscribe(&self, service: &ServiceName, subject: &SubjectPattern) -> Result<(), BusError>;

    /// The durable consumers that this host has made and not ended, also before it restarted where the bus can
    /// tell. Those of them that no service wants any more are ended.
    ///
    /// # Errors
    /// When it cannot be found out.
    async fn kept(&self) -> Result<Vec<(ServiceName, SubjectPattern)>, BusError>;

    /// What is kept, stream by stream.
    ///
    /// # Errors
    /// When it cannot be found out.
    async fn streams(&self) -> Result<Vec<StreamInfo>, BusError>;

    /// All durable consumers of Holm's services, whoever is attached to them.
    ///
    /// # Errors
    /// When it cannot be found out.
    async fn consumers(&self) -> Result<Vec<ConsumerInfo>, BusError>;

    /// Events as they are published from now on, beside all subscriptions, until the stream is dropped. With an
    /// error it ends.
    ///
    /// # Errors
    /// When it cannot be attached.
    async fn tail(&self, subject: &SubjectPattern) -> Result<Tail, BusError>;

    /// Whether what an acknowledgement stands for has to be durable before it is said. A bus that remembers
    /// acknowledgements by the marks themselves, in the same store, cannot know of one that was lost in a crash.
    fn outlives_the_store(&self) -> bool {
        true
    }

    /// Whether it works, for `/readyz`. Does not wait.
    fn state(&self) -> BusState;

    /// For how long after its publication an event may be delivered, so that the mark that it was handled has to
    /// stay. `None`: this bus removes marks itself.
    fn repeats_within(&self) -> Option<Duration>;

    /// What it does in the background, for as long as the host runs; dropped when the host stops, after which
    /// [`Bus::close`] is called.
    async fn run(&self);

    /// Writes down what it only remembers. Deliveries that are under way come again after a restart.
    ///
    /// # Errors
    /// When it cannot be confirmed; nothing is lost by that.
    async fn close(&self) -> Result<(), BusError>;
}

/// What is attached to a durable consumer. Dropped: detached, and what is under way can still be settled.
#[async_trait]
pub trait Consumer: Send {
    /// Waits for the next delivery. Safe to be dropped while it waits: nothing is lost.
    ///
    /// # Errors
    /// When it cannot go on; whoever reads then subscribes anew after a while.
    async fn next(&mut self) -> Result<Delivery, BusError>;
}

/// A bus's side of one delivery. Dropped without a word, it counts as a consumer that died.
#[async_trait]
pub trait Handle: Send + Sync {
    /// See [`Delivery::ack`].
    async fn ack(self: Box<Self>) -> Result<(), BusError>;

    /// See [`Delivery::retry`].
    async fn retry(self: Box<Self>, after: Duration) -> Result<(), BusError>;

    /// See [`Delivery::give_back`].
    async fn give_back(self: Box<Self>) -> Result<(), BusError> {
        self.retry(Duration::ZERO).await
    }

    /// See [`Delivery::terminate`].
    async fn terminate(self: Box<Self>) -> Result<(), BusError>;

    /// See [`Delivery::progress`].
    async fn progress(&self) -> Result<(), BusError>;
}

/// One event on its way into a handler.
pub struct Delivery {
    /// What is delivered.
    pub event: Arc<Event>,
    /// Which attempt it is, from 1.
    pub attempt: u32,
    handle: Box<dyn Handle>,
}

impl Delivery {
    /// An attempt to deliver an event, as a bus makes it.
    pub fn new(event: impl Into<Arc<Event>>, attempt: u32, handle: Box<dyn Handle>) -> Self {
        Self { event: event.into(), attempt, handle }
    }

    /// It was handled, and what that did is durable, where [`Bus::outlives_the_store`]. On return the bus knows.
    ///
    /// # Errors
    /// When the bus may not know: the event may come again.
    pub async fn ack(self) -> Result<(), BusError> {
        self.handle.ack().await
    }

    /// It was not handled and comes again, not before `after` has passed.
    ///
    /// # Errors
    /// When the bus may not know: the event comes again when its ack wait is over.
    pub async fn retry(self, after: Duration) -> Result<(), BusError> {
        self.handle.retry(after).await
    }

    /// It was not tried, and comes again at once; not as another attempt, where the bus can tell.
    ///
    /// # Errors
    /// As for [`Delivery::retry`].
    pub async fn give_back(self) -> Result<(), BusError> {
        self.handle.give_back().await
    }

    /// It will never be handled: a dead letter of it is durable. On return the bus knows.
    ///
    /// # Errors
    /// As for [`Delivery::ack`].
    pub async fn terminate(self) -> Result<(), BusError> {
        self.handle.terminate().await
    }

    /// It is still being handled: its ack wait begins anew.
    ///
    /// # Errors
    /// When the bus may not know.
    pub async fn progress(&self) -> Result<(), BusError> {
        self.handle.progress().await
    }
}

impl std::fmt::Debug for Delivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "attempt {} of {}", self.attempt, self.event.id)
    }
}

/// Events as they come.
pub type Tail = BoxStream<'static, Result<Event, BusError>>;

/// Whether a bus works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BusState {
    /// It does.
    Ready,
    /// It does not, and services go on without it: what is missing.
    Degraded(String),
}

/// What one stream keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamInfo {
    /// Its name.
    pub name: String,
    /// Events in it.
    pub events: u64,
    /// Their bytes, as they are kept.
    pub bytes: u64,
    /// When the oldest of them was published, in milliseconds since 1970.
    pub oldest: Option<u64>,
    /// Events that were removed although somebody had not handled them yet, since the host started.
    pub lost: u64,
}

/// Where one durable consumer stands. The numbers mean what JetStream means by them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerInfo {
    /// Whose it is.
    pub service: ServiceName,
    /// Which events it gets.
    pub subject: SubjectPattern,
    /// Events that wait for their first delivery: `num_pending`.
    pub lag: u64,
    /// Delivered and not settled, waiting for another attempt included: `num_ack_pending`.
    pub in_flight: u64,
    /// Those of them that were delivered more than once: `num_redelivered`.
    pub redelivered: u64,
}

/// Why a bus did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// It cannot be reached now, and may be later.
    #[error("the event bus cannot be reached: {0}")]
    Away(String),
    /// It is there and says no; the text says what differs from what was asked, and what to do.
    #[error("{0}")]
    Refused(String),
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store did not take a change.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The consumer has been ended.
    #[error("there is no such subscription any more")]
    Gone,
}
