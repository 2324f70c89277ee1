//! What the client library tells of its connection, as one state that can be followed.

use std::sync::Arc;

use async_nats::Event;
use holm_registry::event::nats::NatsSettings;
use tokio::sync::watch::{self, Receiver, Sender};

use crate::telemetry::metrics::NatsMetrics;

/// How the connection stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// There is none, and why.
    Away(Arc<str>),
    /// There is one. Each has another number.
    Up(u64),
}

/// Who is told.
pub(super) struct Told {
    state: Sender<LinkState>,
    servers: String,
    metrics: NatsMetrics,
}

/// A state, and who changes it.
pub(super) fn channel(settings: &NatsSettings, metrics: NatsMetrics) -> (Told, Receiver<LinkState>) {
    let servers = settings.to_string();
    let why = format!("no NATS server at {servers} has answered yet");
    let (state, follow) = watch::channel(LinkState::Away(why.into()));
    (Told { state, servers, metrics }, follow)
}

impl Told {
    /// Something has happened.
    pub(super) fn tell(&self, event: &Event) {
        match event {
            Event::Connected => self.connected(),
            Event::Disconnected => self.away("the connection was lost"),
            Event::ClientError(error) => self.away(error.to_string().trim_start_matches("nats: ")),
            Event::SlowConsumer(_) => {
                self.metrics.slow_consumer();
                tracing::warn!(
                    "a message of NATS was dropped: it came in faster than it was taken out; it comes again"
                );
            }
            Event::ServerError(error) => tracing::warn!(servers = self.servers, %error, "the NATS server complains"),
            Event::LameDuckMode => tracing::info!(servers = self.servers, "the NATS server is about to stop"),
            Event::Draining | Event::Closed => {}
        }
    }

    fn connected(&self) {
        let number = self.metrics.connected();
        tracing::info!(servers = self.servers, "connected to NATS");
        self.state.send_replace(LinkState::Up(number));
    }

    /// Errors of single attempts say why; they are told once for each reason.
    fn away(&self, reason: &str) {
        let why: Arc<str> = format!("NATS cannot be reached at {}: {reason}", self.servers).into();
        let changed = self.state.send_if_modified(|state| {
            let new = LinkState::Away(Arc::clone(&why));
            std::mem::replace(state, new.clone()) != new
        });
        if changed {
            tracing::warn!("{why}; events wait in the store, and it is tried again until it works");
        }
    }
}

#[cfg(test)]
mod tests {
    use async_nats::ClientError;

    use super::*;

    #[test]
    fn nobody_sees_that_nats_is_away_or_why() {
        let metrics = NatsMetrics::default();
        let (told, state) = channel(&"nats://a:b@nats.test".parse().unwrap(), metrics);
        let why = || match &*state.borrow() {
            LinkState::Away(why) => why.to_string(),
            LinkState::Up(number) => number.to_string(),
        };
        assert_eq!(why(), "no NATS server at nats://nats.test:4222 has answered yet");
        told.tell(&Event::ClientError(ClientError::Other("authorization violation".into())));
        assert_eq!(why(), "NATS cannot be reached at nats://nats.test:4222: authorization violation");
        told.tell(&Event::Connected);
        assert_eq!(why(), "1");
        told.tell(&Event::SlowConsumer(7));
        told.tell(&Event::Disconnected);
        told.tell(&Event::Connected);
        assert_eq!(why(), "2", "a new connection looks like the old one");
    }
}
