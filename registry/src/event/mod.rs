//! Events: what services tell each other without waiting for an answer.
//!
//! | module | holds |
//! | --- | --- |
//! | `check` | what one must be like to be published |
//! | `record` | an event as bytes in the store |
//! | [`nats`] | how a broker is reached |
//!
//! Metadata has the names and the meaning of CloudEvents 1.0
//! (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md>): id, source, type, subject,
//! time, datacontenttype. A service says what happened ([`Content::subject`], key, type, headers,
//! payload); the host says who, when, and because of what.

mod check;
pub mod nats;
mod record;

use bytes::Bytes;

pub use self::check::{Unfit, is_attribute};
pub use self::record::NotAnEvent;
use crate::subject::Subject;
use crate::units::ByteSize;

/// Bytes of an event's payload and headers together. A NATS server takes 1 MiB in one message as it is
/// set up by default, headers included; 64 KiB of it are left for the metadata.
pub const MAX_EVENT: ByteSize = ByteSize::kib(960);
/// Bytes of an event's headers, names and values together: what HTTP servers take as a head.
pub const MAX_HEADERS: ByteSize = ByteSize::kib(32);
/// Longest key, type, content type and correlation id, in bytes: each stands in a header of the
/// broker's.
pub const MAX_ATTRIBUTE: usize = 256;

/// An event as its consumers see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Names it among all events of all hosts, the same each time that it is delivered.
    pub id: String,
    /// Everything else.
    pub content: Content,
}

/// What an event says. It gets its id when it is committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// What it was published to.
    pub subject: Subject,
    /// Who published it: the name of a service, or what stands for somebody outside.
    pub source: String,
    /// What happened, `ce-type`; the subject, where the publisher did not say.
    pub kind: String,
    /// When it was published, in milliseconds since 1970.
    pub time: u64,
    /// The media type of the payload.
    pub content_type: Option<String>,
    /// Events of one key are delivered in the order of their commits.
    pub key: Option<String>,
    /// What it was caused by in the end: the same for a request and every event that follows from it.
    pub correlation_id: String,
    /// The trace that it belongs to, as W3C Trace Context writes it.
    pub traceparent: Option<String>,
    /// The publisher's own headers, in its order.
    pub headers: Vec<(String, String)>,
    /// The bytes as the publisher gave them.
    pub payload: Bytes,
}

impl Content {
    /// Bytes that count for [`MAX_EVENT`].
    pub fn size(&self) -> usize {
        self.payload.len() + self.headers_size()
    }

    /// Bytes that count for [`MAX_HEADERS`].
    pub fn headers_size(&self) -> usize {
        self.headers.iter().map(|(name, value)| name.len() + value.len()).sum()
    }
}
