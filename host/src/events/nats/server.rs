//! What server there is, and whether it is as it should be: looked at after each connection.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use holm_registry::event::MAX_EVENT;
use serde_json::Value;
use tokio::time::sleep;

use super::api::{ask, number};
use super::link::{Link, LinkState};
use super::state::{Conditions, Part};
use super::streams::Streams;
use super::tier::{OLDEST, Server};
use crate::events::bus::{BusError, BusState};

/// How often a server that is not as it should be is looked at again.
const AGAIN: Duration = Duration::from_secs(2);
/// For how long marks stay where the server keeps events without a limit of age.
const EVER: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
/// What the headers of an event take beside what counts for its size.
const METADATA: usize = 4 << 10;

/// Looks at the server.
pub struct Watch {
    link: Link,
    streams: Arc<Streams>,
    conditions: Arc<Conditions>,
    found: Mutex<Found>,
}

struct Found {
    server: Option<Server>,
    /// How long the streams keep events.
    age: Duration,
}

impl Watch {
    /// Nothing is known yet. `age`: how long events would be kept.
    pub fn new(link: Link, streams: Arc<Streams>, conditions: Arc<Conditions>, age: Duration) -> Self {
        Self { link, streams, conditions, found: Mutex::new(Found { server: None, age }) }
    }

    /// Looks at the server whenever it is connected to, until it is as it should be.
    pub async fn run(&self) {
        loop {
            let connection = self.link.up().await;
            while self.link.state() == LinkState::Up(connection) {
                match self.look().await {
                    Ok(_) => break,
                    Err(BusError::Away(why)) => self.conditions.set(Part::Server, why),
                    Err(error) => self.conditions.set(Part::Server, error.to_string()),
                }
                sleep(AGAIN).await;
            }
            self.link.down(connection).await;
        }
    }

    /// The server, once it was found to be as it should be.
    pub fn known(&self) -> Option<Server> {
        self.found().server
    }

    /// The server as it is now. Nothing is set up on one that was not looked at.
    ///
    /// # Errors
    /// When there is none, or it is not as it should be.
    pub async fn ready(&self) -> Result<Server, BusError> {
        match (self.link.state(), self.known()) {
            (LinkState::Away(why), _) => Err(BusError::Away(why.to_string())),
            (LinkState::Up(_), Some(server)) => Ok(server),
            (LinkState::Up(_), None) => self.look().await,
        }
    }

    /// Whether events can be carried.
    pub fn state(&self) -> BusState {
        match (self.link.state(), self.conditions.state()) {
            (LinkState::Away(why), _) => BusState::Degraded(why.to_string()),
            (LinkState::Up(_), BusState::Ready) if self.known().is_none() => {
                BusState::Degraded("the NATS server is being looked at".to_owned())
            }
            (LinkState::Up(_), state) => state,
        }
    }

    /// How long after its publication an event may still come.
    pub fn repeats_within(&self) -> Duration {
        self.found().age
    }

    async fn look(&self) -> Result<Server, BusError> {
        let account = ask(&self.link, "INFO", &Value::Null).await?;
        let version = self.link.server_version();
        let api_level = account.get("api").map_or(0, |api| number(api, "level"));
        let server = Server {
            version: version.parse().map_err(|_| BusError::Refused(format!("`{version}` is no version of NATS")))?,
            api_level: u32::try_from(api_level).unwrap_or(u32::MAX),
        };
        if server.version < OLDEST {
            return Err(BusError::Refused(format!("{server} is too old: Holm needs {OLDEST} or newer")));
        }
        let age = self.streams.prepare().await?;
        let before = self.known();
        *self.found() = Found { server: Some(server), age: if age.is_zero() { EVER } else { age } };
        self.conditions.clear(Part::Server);
        if before != Some(server) {
            self.introduce(server);
        }
        Ok(server)
    }

    fn introduce(&self, server: Server) {
        tracing::info!("events go over {server}");
        let most = self.link.max_payload();
        if most < MAX_EVENT.as_usize() + METADATA {
            tracing::warn!(
                "the NATS server takes messages of at most {most} bytes: larger events wait in the store until its \
                 `max_payload` is raised to 1MB"
            );
        }
    }

    fn found(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
