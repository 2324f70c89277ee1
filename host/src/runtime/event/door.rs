//! Through which interface a component takes events, and what it says of one.

use std::time::Duration;

use holm_registry::event::Event;
use wasmtime::component::{Instance, InstancePre};
use wasmtime::{AsContextMut, Store};

use super::bindings::holm::exports::holm::events::handler as own;
use super::bindings::wasmcloud::wasmcloud::messaging::types::BrokerMessage;
use super::bindings::{holm, wasmcloud};
use crate::runtime::guest::Guest;

/// The longest time for which a guest may put an event off: a day. What waits longer is a state, and better kept
/// as one.
const LONGEST_RETRY: Duration = Duration::from_secs(24 * 60 * 60);

/// Bytes of a reason that are kept: it travels in a header of the dead letter.
const LONGEST_REASON: usize = 1 << 10;

/// Which interface for events a component exports.
pub enum EventDoor {
    /// `holm:events/handler@0.1.x`.
    Holm(holm::EventsIndices),
    /// `wasmcloud:messaging/handler@0.2.x`.
    Wasmcloud(wasmcloud::MessagingIndices),
}

/// The export of an instance.
pub enum EventEntrance {
    /// `holm:events/handler@0.1.x`.
    Holm(holm::Events),
    /// `wasmcloud:messaging/handler@0.2.x`.
    Wasmcloud(wasmcloud::Messaging),
}

/// What a guest said of an event.
pub enum Said {
    /// Handled.
    Ack,
    /// Not now, with why, where the interface lets a guest say so.
    Retry(Option<Duration>, Option<String>),
    /// Never.
    Reject(String),
}

impl EventDoor {
    /// The one that knows more, where a component has both.
    pub fn find(pre: &InstancePre<Guest>) -> Option<Self> {
        if let Ok(indices) = holm::EventsIndices::new(pre) {
            return Some(Self::Holm(indices));
        }
        wasmcloud::MessagingIndices::new(pre).ok().map(Self::Wasmcloud)
    }

    /// The same in an instance.
    pub fn load(&self, mut store: impl AsContextMut, instance: &Instance) -> wasmtime::Result<EventEntrance> {
        match self {
            Self::Holm(indices) => indices.load(&mut store, instance).map(EventEntrance::Holm),
            Self::Wasmcloud(indices) => indices.load(&mut store, instance).map(EventEntrance::Wasmcloud),
        }
    }
}

impl EventEntrance {
    /// Hands an event to the guest.
    pub async fn handle(&self, store: &mut Store<Guest>, event: &Event, attempt: u32) -> wasmtime::Result<Said> {
        match self {
            Self::Holm(guest) => {
                let outcome = guest.holm_events_handler().call_handle(store, &told(event, attempt)).await?;
                Ok(outcome.into())
            }
            Self::Wasmcloud(guest) => {
                let message = BrokerMessage {
                    subject: event.content.subject.as_str().to_owned(),
                    body: event.content.payload.to_vec(),
                    reply_to: None,
                };
                let outcome = guest.wasmcloud_messaging_handler().call_handle_message(store, &message).await?;
                Ok(outcome.map_or_else(|why| Said::Retry(None, Some(shortened(why))), |()| Said::Ack))
            }
        }
    }
}

impl From<own::Outcome> for Said {
    fn from(outcome: own::Outcome) -> Self {
        match outcome {
            own::Outcome::Ack => Self::Ack,
            own::Outcome::Retry(after) => {
                Self::Retry(after.map(|ms| Duration::from_millis(ms).min(LONGEST_RETRY)), None)
            }
            own::Outcome::Reject(why) => Self::Reject(shortened(why)),
        }
    }
}

/// The event in the words of the interface. Headers that Holm has set are for Holm.
fn told(event: &Event, attempt: u32) -> own::Event {
    let content = &event.content;
    let time = std::time::UNIX_EPOCH + Duration::from_millis(content.time);
    own::Event {
        id: event.id.clone(),
        source: content.source.clone(),
        type_: content.kind.clone(),
        subject: content.subject.as_str().to_owned(),
        time: humantime::format_rfc3339_millis(time).to_string(),
        content_type: content.content_type.clone(),
        key: content.key.clone(),
        correlation_id: content.correlation_id.clone(),
        attempt,
        headers: content.headers.iter().filter(|(name, _)| !name.starts_with("holm-")).cloned().collect(),
        payload: content.payload.to_vec(),
    }
}

fn shortened(mut why: String) -> String {
    why.truncate(why.floor_char_boundary(LONGEST_REASON));
    why
}
