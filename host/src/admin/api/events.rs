//! Events, subscriptions and dead letters, as they travel.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use holm_registry::event::Event;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::rfc3339;
use crate::events::bus::{ConsumerInfo, StreamInfo};
use crate::events::dead::{DeadLetter, Number};

/// One stream of the event bus.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Stream {
    /// Its name.
    pub stream: String,
    /// Events in it.
    pub events: u64,
    /// Their bytes.
    pub bytes: u64,
    /// When the oldest of them was published: RFC 3339, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest: Option<String>,
    /// Events that were removed since the host started although somebody had not handled them.
    pub lost: u64,
}

/// One subscription of a service.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Consumer {
    /// Whose it is.
    pub service: String,
    /// Which events it gets.
    pub subject: String,
    /// Events that wait for their first delivery.
    pub lag: u64,
    /// Events that are delivered and not settled, those that wait for another attempt included.
    pub in_flight: u64,
    /// Those of them that were delivered more than once.
    pub redelivered: u64,
}

/// An event. Metadata has the names and the meaning of CloudEvents 1.0.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct EventLine {
    /// Names it among all events.
    pub id: String,
    /// Who published it.
    pub source: String,
    /// What happened.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it was published to.
    pub subject: String,
    /// When: RFC 3339, UTC.
    pub time: String,
    /// The media type of the payload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Events of one key are delivered in order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The same for a request and all events that follow from it.
    pub correlation_id: String,
    /// Pairs of name and value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Vec<String>>)]
    pub headers: Vec<(String, String)>,
    /// The payload.
    #[serde(flatten)]
    pub payload: Payload,
}

/// Bytes: as `data` where they are text, else in base64 as `data_base64`. Neither: no bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Payload {
    /// Text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// Anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_base64: Option<String>,
}

/// An event to be published.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PublishEvent {
    /// What it is published to.
    pub subject: String,
    /// What happened [default: the subject].
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Events of one key are delivered in order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The media type of the payload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Pairs of name and value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Vec<String>>)]
    pub headers: Vec<(String, String)>,
    /// The payload.
    #[serde(flatten)]
    pub payload: Payload,
}

/// What was published.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Published {
    /// The id of the event.
    pub id: String,
}

/// An event that a subscription could not handle.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct DeadLetterLine {
    /// By which it is shown, replayed and dropped.
    pub number: String,
    /// Whose subscription it was.
    pub service: String,
    /// Which one.
    pub subscription: String,
    /// What the event was published to.
    pub subject: String,
    /// The id under which it was delivered.
    pub id: String,
    /// Why it was given up.
    pub reason: String,
    /// After how many attempts.
    pub attempts: u32,
    /// When: RFC 3339, UTC.
    pub at: String,
    /// The event, where one dead letter is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<Box<EventLine>>,
}

impl Payload {
    /// As it travels.
    pub fn of(bytes: &Bytes) -> Self {
        match std::str::from_utf8(bytes) {
            Ok("") => Self::default(),
            Ok(text) => Self { data: Some(text.to_owned()), data_base64: None },
            Err(_) => Self { data: None, data_base64: Some(BASE64_STANDARD.encode(bytes)) },
        }
    }

    /// The bytes.
    ///
    /// # Errors
    /// Both are given, or something else than base64.
    pub fn bytes(self) -> Result<Bytes, &'static str> {
        match (self.data, self.data_base64) {
            (Some(_), Some(_)) => Err("give `data` or `data_base64`, not both"),
            (Some(text), None) => Ok(text.into()),
            (None, Some(base64)) => {
                BASE64_STANDARD.decode(base64).map(Bytes::from).map_err(|_| "`data_base64` is not base64")
            }
            (None, None) => Ok(Bytes::new()),
        }
    }
}

impl From<StreamInfo> for Stream {
    fn from(info: StreamInfo) -> Self {
        let StreamInfo { name, events, bytes, oldest, lost } = info;
        Self { stream: name, events, bytes, oldest: oldest.map(rfc3339), lost }
    }
}

impl From<ConsumerInfo> for Consumer {
    fn from(info: ConsumerInfo) -> Self {
        let ConsumerInfo { service, subject, lag, in_flight, redelivered } = info;
        Self { service: service.to_string(), subject: subject.to_string(), lag, in_flight, redelivered }
    }
}

impl From<&Event> for EventLine {
    fn from(event: &Event) -> Self {
        let content = &event.content;
        Self {
            id: event.id.clone(),
            source: content.source.clone(),
            kind: content.kind.clone(),
            subject: content.subject.to_string(),
            time: rfc3339(content.time),
            content_type: content.content_type.clone(),
            key: content.key.clone(),
            correlation_id: content.correlation_id.clone(),
            headers: content.headers.clone(),
            payload: Payload::of(&content.payload),
        }
    }
}

impl DeadLetterLine {
    /// Without its event.
    pub fn listed(number: Number, letter: &DeadLetter) -> Self {
        Self {
            number: number.to_string(),
            service: letter.service.to_string(),
            subscription: letter.subject.to_string(),
            subject: letter.event.subject.to_string(),
            id: letter.id.clone(),
            reason: letter.reason.clone(),
            attempts: letter.attempts,
            at: rfc3339(letter.time),
            event: None,
        }
    }

    /// With its event.
    pub fn shown(number: Number, letter: DeadLetter) -> Self {
        let line = Self::listed(number, &letter);
        let event = Event { id: letter.id, content: letter.event };
        Self { event: Some(Box::new(EventLine::from(&event))), ..line }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_changes_on_its_way() {
        for bytes in [&b""[..], b"hello", "größe".as_bytes(), b"\xff\x00\xfe"] {
            let bytes = Bytes::copy_from_slice(bytes);
            let json = serde_json::to_string(&Payload::of(&bytes)).unwrap();
            assert_eq!(serde_json::from_str::<Payload>(&json).unwrap().bytes(), Ok(bytes), "{json}");
        }
        let both = Payload { data: Some("a".into()), data_base64: Some("YQ==".into()) };
        assert!(both.bytes().is_err());
        assert!(Payload { data: None, data_base64: Some("?".into()) }.bytes().is_err());
    }
}
