//! The bus on NATS JetStream.
//!
//! | file | question it answers |
//! | --- | --- |
//! | `link` | is there a connection, and what goes over it? |
//! | `api` | what does JetStream answer? |
//! | `tier` | what can this server do (pure)? |
//! | `config`, `confirm` | what is set up, and was it (pure)? |
//! | `streams`, `choose`, `cover` | which stream takes a subject? |
//! | `consumer`, `record` | how is a durable consumer made, and which did this host make? |
//! | `durable`, `window`, `gate`, `pull` | what does this host hold of one, and when does it go out? |
//! | `attempts` | how often was it tried before? |
//! | `pump` | how do messages come in, and what if they do not? |
//! | `settle` | how does the server hear what became of one? |
//! | `message` | how is an event a message (pure)? |
//! | `begin`, `outbox`, `relay` | how do events get from the store to the server? |
//! | `dead` | and copies of dead letters? |
//! | `server`, `state` | what server is there, and what does not work? |
//! | `working` | which consumers does this host work with? |
//! | this one | the bus |
//!
//! ```text
//! commit ──▶ log ──relay──▶ HOLM_EVENTS ──pump──▶ durable ──next──▶ handler
//!             ▲ removed when confirmed    ◀──────── settle ─────────┘
//! ```
//!
//! What the server does not promise, the host does: its memory of message ids ends with a restart or after two
//! minutes, so handlers leave marks; a plain acknowledgement may be lost, so each is a question until it is
//! answered; an order by key does not survive redelivery, so the host keeps it.

mod api;
mod attempts;
mod begin;
mod choose;
mod config;
mod confirm;
mod consumer;
mod cover;
mod dead;
mod durable;
mod gate;
mod link;
mod message;
mod outbox;
mod pull;
mod pump;
mod record;
mod relay;
mod server;
mod settle;
mod state;
mod streams;
mod tier;
mod window;
mod working;

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use async_trait::async_trait;
use futures::{StreamExt, stream};
use holm_registry::ServiceName;
use holm_registry::event::nats::NatsSettings;
use holm_registry::settings::durable_name;
use holm_registry::store::Store;
use holm_registry::subject::SubjectPattern;
use serde_json::{Value, json};
use tokio::time::timeout;

pub use self::streams::Publishes;
pub use self::tier::{Server, Tier, Version};

use self::api::{ask, ask_all, code, number, text};
use self::config::Wanted;
use self::consumer::Attached;
use self::link::Link;
use self::message::Place;
use self::relay::Relay;
use self::server::Watch;
use self::state::Conditions;
use self::streams::Streams;
use self::working::Working;
use super::bus::{Bus, BusError, BusState, Consumer, ConsumerInfo, StreamInfo, Subscription, Tail};
use super::embedded::Retention;
use crate::telemetry::metrics::NatsMetrics;
use crate::telemetry::now_ms;

/// How long a host that stops sends what it has committed, and then gives back what it holds.
const FAREWELL: Duration = Duration::from_secs(5);

/// What the bus is made of.
pub struct NatsParts {
    /// Where events are committed before they are sent.
    pub store: Store,
    /// How Holm's streams are set up, where they are not there yet.
    pub retention: Retention,
    /// What services may publish.
    pub publishes: Publishes,
    /// Numbers.
    pub metrics: NatsMetrics,
}

/// The bus. Clones are handles on the same one.
#[derive(Clone)]
pub struct NatsBus(Arc<Shared>);

struct Shared {
    link: Link,
    watch: Watch,
    streams: Arc<Streams>,
    relay: Relay,
    working: Working,
}

impl NatsBus {
    /// Begins to connect.
    ///
    /// # Errors
    /// When a file that the settings name cannot be used, or the store. An unreachable server is no error.
    pub async fn open(settings: &NatsSettings, parts: NatsParts) -> Result<Self, BusError> {
        let NatsParts { store, retention, publishes, metrics } = parts;
        let begin = begin::begin(&store).await?;
        let link = Link::open(settings, metrics.clone()).await?;
        let (events, dead) = (Wanted::events(&retention), Wanted::dead(&retention));
        let streams = Arc::new(Streams::new(link.clone(), events, dead, publishes));
        let conditions = Arc::new(Conditions::default());
        let watch = Watch::new(link.clone(), Arc::clone(&streams), Arc::clone(&conditions), retention.age);
        let working = Working::new(link.clone(), store.clone(), metrics.clone());
        let relay = Relay { store, begin, link: link.clone(), streams: Arc::clone(&streams), conditions, metrics };
        Ok(Self(Arc::new(Shared { link, watch, streams, relay, working })))
    }

    /// The host is on the embedded bus from now on. Called at each of its starts.
    ///
    /// # Errors
    /// When the store cannot be read, or does not take it.
    pub async fn leave(store: &Store) -> Result<(), BusError> {
        begin::end(store).await
    }

    /// Whether the host was on NATS when it ended, and what is in its log waits to be sent.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn was_on(store: &Store) -> Result<bool, BusError> {
        begin::has_begun(store)
    }

    /// What the server is, once it was found to be as it should be.
    pub fn server(&self) -> Option<Server> {
        self.0.watch.known()
    }
}

#[async_trait]
impl Bus for NatsBus {
    async fn subscribe(&self, subscription: &Subscription) -> Result<Box<dyn Consumer>, BusError> {
        let shared = &self.0;
        let server = shared.watch.ready().await?;
        let stream = shared.streams.of_pattern(&subscription.settings.subject).await?;
        let confirmed = consumer::ensure(&shared.link, stream, subscription, server).await?;
        let durable = shared.working.add(subscription, confirmed).await?;
        Ok(Box::new(Attached::new(durable, shared.link.clone())))
    }

    async fn unsubscribe(&self, service: &ServiceName, subject: &SubjectPattern) -> Result<(), BusError> {
        let shared = &self.0;
        let stream = match shared.working.find(service, subject) {
            Some(durable) => durable.stream.clone(),
            None => shared.streams.of_pattern(subject).await?,
        };
        let held = shared.working.end(service, subject);
        consumer::remove(&shared.link, &stream, &durable_name(service, subject), held).await?;
        shared.working.forget(service, subject).await
    }

    async fn kept(&self) -> Result<Vec<(ServiceName, SubjectPattern)>, BusError> {
        self.0.working.kept()
    }

    async fn streams(&self) -> Result<Vec<StreamInfo>, BusError> {
        let mut infos = Vec::new();
        for name in self.0.streams.used() {
            match ask(&self.0.link, &format!("STREAM.INFO.{name}"), &Value::Null).await {
                Ok(info) => infos.push(stream_info(name, info.get("state").unwrap_or(&Value::Null))),
                Err(error) if error.is(code::NO_STREAM) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(infos)
    }

    async fn consumers(&self) -> Result<Vec<ConsumerInfo>, BusError> {
        let mut infos = Vec::new();
        for name in self.0.streams.used() {
            match ask_all(&self.0.link, &format!("CONSUMER.LIST.{name}"), json!({}), "consumers").await {
                Ok(found) => infos.extend(found.iter().filter_map(|info| self.0.working.info(info))),
                Err(error) if error.is(code::NO_STREAM) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(infos)
    }

    async fn tail(&self, subject: &SubjectPattern) -> Result<Tail, BusError> {
        let inbox = self.0.link.subscribe(subject.as_str()).await?;
        // on return the server knows of it
        api::catch_up(&self.0.link).await?;
        let events = stream::unfold((inbox, 1), |(mut inbox, number)| async move {
            loop {
                let message = inbox.next().await?;
                if message.reply.as_deref().is_some_and(|reply| Place::of(reply).is_some()) {
                    // somebody's delivery, which was seen when it was published
                    continue;
                }
                let place = Place { stream: "tail".to_owned(), sequence: number, delivered: 1, time: now_ms() };
                match message::event(message, Some(&place)) {
                    Some(event) if !event.content.subject.is_reserved() => {
                        return Some((Ok(event), (inbox, number + 1)));
                    }
                    _ => {}
                }
            }
        });
        Ok(events.boxed())
    }

    fn state(&self) -> BusState {
        self.0.watch.state()
    }

    fn repeats_within(&self) -> Option<Duration> {
        Some(self.0.watch.repeats_within())
    }

    async fn run(&self) {
        let Shared { link, watch, relay, working, .. } = &*self.0;
        tokio::join!(watch.run(), relay.run(), dead::run(&relay.store, link), working.run());
    }

    /// Sends what is committed, too.
    async fn close(&self) -> Result<(), BusError> {
        let Shared { link, relay, working, .. } = &*self.0;
        if !link.is_up() {
            return Ok(());
        }
        if timeout(FAREWELL, relay.flush()).await.is_err() {
            tracing::warn!("not all events were sent; they stay in the store until the next start");
        }
        working.hand_back().await?;
        Ok(api::catch_up(link).await?)
    }
}

fn stream_info(name: String, state: &Value) -> StreamInfo {
    let events = number(state, "messages");
    let first = humantime::parse_rfc3339(text(state, "first_ts")).ok().filter(|_| events > 0);
    let millis = first.and_then(|time| time.duration_since(UNIX_EPOCH).ok()).map(|since| since.as_millis());
    let oldest = millis.and_then(|millis| u64::try_from(millis).ok());
    StreamInfo { name, events, bytes: number(state, "bytes"), oldest, lost: 0 }
}
