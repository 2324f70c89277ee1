//! `[gateway.limits]`: what one client may take of the door.

use std::time::Duration;

use serde::Serialize;

use super::auth::problem;
use crate::settings::bounds::{OutOfBounds, TIME};
use crate::units::{duration_text, format_duration};

/// As a manifest has it; `None` for the host's own numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DoorLimits {
    /// Connections at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections: Option<u32>,
    /// Connections of one address at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections_per_client: Option<u32>,
    /// Requests of one connection, which then ends in good order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_connection: Option<u32>,
    /// How long a head may take, and a TLS handshake.
    #[serde(with = "duration_text::option", skip_serializing_if = "Option::is_none")]
    pub header_timeout: Option<Duration>,
    /// How long a connection may lie unused.
    #[serde(with = "duration_text::option", skip_serializing_if = "Option::is_none")]
    pub idle_timeout: Option<Duration>,
    /// How long a client may take nothing of an answer.
    #[serde(with = "duration_text::option", skip_serializing_if = "Option::is_none")]
    pub write_timeout: Option<Duration>,
    /// How long nobody may say anything on a WebSocket.
    #[serde(with = "duration_text::option", skip_serializing_if = "Option::is_none")]
    pub websocket_timeout: Option<Duration>,
}

impl DoorLimits {
    /// Whether nothing was said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What makes no sense, by its key.
    pub fn problems(&self) -> Vec<OutOfBounds> {
        let counts = [
            ("connections", self.connections),
            ("connections_per_client", self.connections_per_client),
            ("requests_per_connection", self.requests_per_connection),
        ];
        let times = [
            ("header_timeout", self.header_timeout),
            ("idle_timeout", self.idle_timeout),
            ("write_timeout", self.write_timeout),
            ("websocket_timeout", self.websocket_timeout),
        ];
        let none = counts.into_iter().filter(|(_, count)| *count == Some(0)).map(|(key, _)| {
            problem(key, format!("`{key}` is 0, so nobody could ever ask"), "leave it away for the host's own number")
        });
        let wrong = times.into_iter().filter(|(_, time)| time.is_some_and(|time| !TIME.contains(&time)));
        let wrong = wrong.map(|(key, _)| {
            let (least, most) = (format_duration(*TIME.start()), format_duration(*TIME.end()));
            problem(key, format!("`{key}` must be from {least} to {most}"), "leave it away for the host's own time")
        });
        none.chain(wrong).collect()
    }
}
