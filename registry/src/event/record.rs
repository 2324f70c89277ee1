//! An event's content as bytes: `01 length:u32 head payload`, the head as JSON.
//!
//! Numbers are big-endian. JSON, so that a later version can add to the head what older ones leave alone.

use bytes::{BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use super::Content;
use crate::subject::Subject;

const FORMAT: u8 = 1;
/// The format byte and the length of the head.
const PREFIX: usize = 5;

/// Bytes that are no event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an event")]
pub struct NotAnEvent;

#[derive(Serialize, Deserialize)]
struct Head {
    subject: Subject,
    source: String,
    #[serde(rename = "type")]
    kind: String,
    time: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    correlation_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    traceparent: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    headers: Vec<(String, String)>,
}

impl Content {
    /// The bytes to keep.
    pub fn encode(&self) -> Bytes {
        let head = Head {
            subject: self.subject.clone(),
            source: self.source.clone(),
            kind: self.kind.clone(),
            time: self.time,
            content_type: self.content_type.clone(),
            key: self.key.clone(),
            correlation_id: self.correlation_id.clone(),
            traceparent: self.traceparent.clone(),
            headers: self.headers.clone(),
        };
        // texts and numbers always have a JSON form
        let head = serde_json::to_vec(&head).unwrap_or_default();
        let mut bytes = BytesMut::with_capacity(PREFIX + head.len() + self.payload.len());
        bytes.put_u8(FORMAT);
        // a head is at most some attributes and MAX_HEADERS
        bytes.put_u32(u32::try_from(head.len()).unwrap_or(u32::MAX));
        bytes.put_slice(&head);
        bytes.put_slice(&self.payload);
        bytes.freeze()
    }

    /// What [`Content::encode`] was given.
    ///
    /// # Errors
    /// When these are not its bytes.
    pub fn decode(bytes: &Bytes) -> Result<Self, NotAnEvent> {
        let length = match bytes.first_chunk::<PREFIX>() {
            Some([FORMAT, length @ ..]) => u32::from_be_bytes(*length) as usize,
            _ => return Err(NotAnEvent),
        };
        let end = PREFIX.checked_add(length).ok_or(NotAnEvent)?;
        let head = bytes.get(PREFIX..end).ok_or(NotAnEvent)?;
        let head: Head = serde_json::from_slice(head).map_err(|_| NotAnEvent)?;
        Ok(Self {
            subject: head.subject,
            source: head.source,
            kind: head.kind,
            time: head.time,
            content_type: head.content_type,
            key: head.key,
            correlation_id: head.correlation_id,
            traceparent: head.traceparent,
            headers: head.headers,
            payload: bytes.slice(end..),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn content() -> impl Strategy<Value = Content> {
        let text = || "[a-zé\\x00\"]{0,8}";
        let head = (text(), text(), any::<u64>(), prop::option::of(text()), prop::option::of(text()));
        let rest = (prop::collection::vec((text(), text()), 0..3), prop::collection::vec(any::<u8>(), 0..40));
        (head, rest).prop_map(|((source, kind, time, key, traceparent), (headers, payload))| Content {
            subject: "orders.created".parse().unwrap(),
            correlation_id: source.clone(),
            content_type: key.clone(),
            source,
            kind,
            time,
            key,
            traceparent,
            headers,
            payload: payload.into(),
        })
    }

    proptest! {
        #[test]
        fn an_event_changes_on_its_way_through_the_store(content in content()) {
            prop_assert_eq!(Content::decode(&content.encode()), Ok(content));
        }

        #[test]
        fn a_damaged_record_stops_the_host(bytes in prop::collection::vec(any::<u8>(), 0..40), cut in 0usize..60) {
            let _ = Content::decode(&Bytes::from(bytes));
            let content = Content::decode(&Content {
                subject: "a".parse().unwrap(),
                source: String::new(), kind: String::new(), time: 0, content_type: None, key: None,
                correlation_id: String::new(), traceparent: None, headers: Vec::new(), payload: Bytes::new(),
            }.encode().slice(..cut));
            prop_assert!(content.is_err());
        }
    }
}
