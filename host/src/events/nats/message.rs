//! Events as messages of NATS, and back (pure).
//!
//! Subject and payload are the event's own. Metadata stands in headers, with the names of CloudEvents 1.0 where it
//! has some; the publisher's own headers stand beside them. A message of somebody who knows nothing of this is an
//! event, too: the stream says where it lies and when it came.

use std::time::{Duration, UNIX_EPOCH};

use holm_registry::event::{Content, Event};

use super::link::Message;

/// What the server tells repeats by, for as long as it remembers.
pub const MESSAGE_ID: &str = "Nats-Msg-Id";
/// The stream that is expected to take the message: any other refuses it.
pub const EXPECTED_STREAM: &str = "Nats-Expected-Stream";

const ID: &str = "ce-id";
const SOURCE: &str = "ce-source";
const KIND: &str = "ce-type";
const SUBJECT: &str = "ce-subject";
const TIME: &str = "ce-time";
const CONTENT_TYPE: &str = "content-type";
const CORRELATION: &str = "correlation-id";
const KEY: &str = "key";
const TRACE: &str = "traceparent";
const OWN: [&str; 9] = [ID, SOURCE, KIND, SUBJECT, TIME, CONTENT_TYPE, CORRELATION, KEY, TRACE];
/// Headers that are the server's, by how they begin.
const OF_SERVER: &str = "nats-";
/// Who has published what says nothing of it.
const SOMEBODY: &str = "nats";

/// Where a message lies, as the subject for its acknowledgement says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its stream.
    pub stream: String,
    /// Its number in there.
    pub sequence: u64,
    /// How often it was delivered to the consumer, this time included.
    pub delivered: u32,
    /// When it came into the stream, in milliseconds since 1970.
    pub time: u64,
}

impl Place {
    /// Reads `$JS.ACK.[domain.account.]STREAM.CONSUMER.DELIVERED.SEQUENCE.….NANOSECONDS.PENDING[.…]`.
    pub fn of(reply: &str) -> Option<Self> {
        let tokens: Vec<&str> = reply.strip_prefix("$JS.ACK.")?.split('.').collect();
        // since 2.10 a server may put the domain and the account first, and something behind
        let tokens = if tokens.len() > 8 { tokens.get(2..)? } else { &tokens };
        let [stream, _, delivered, sequence, _, nanos, ..] = tokens else { return None };
        let (stream, nanos) = ((*stream).to_owned(), nanos.parse::<u64>().ok()?);
        let (sequence, delivered) = (sequence.parse().ok()?, delivered.parse().ok()?);
        Some(Self { stream, sequence, delivered, time: nanos / 1_000_000 })
    }
}

/// The headers of the message that carries an event.
pub fn headers(id: &str, content: &Content) -> Vec<(String, String)> {
    let own = [
        (MESSAGE_ID, Some(id.to_owned())),
        (ID, Some(id.to_owned())),
        (SOURCE, Some(content.source.clone())),
        (KIND, Some(content.kind.clone())),
        (SUBJECT, Some(content.subject.as_str().to_owned())),
        (TIME, Some(rfc3339(content.time))),
        (CONTENT_TYPE, content.content_type.clone()),
        (CORRELATION, Some(content.correlation_id.clone())),
        (KEY, content.key.clone()),
        (TRACE, content.traceparent.clone()),
    ];
    let own = own.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let all = own.chain(content.headers.iter().cloned());
    all.map(|(name, value)| (name, in_one_line(value))).collect()
}

/// The event in a message. `None`: its subject is none of ours, too long for example.
pub fn event(message: Message, place: Option<&Place>) -> Option<Event> {
    let text = |name| message.header(name).map(str::to_owned);
    let id = text(ID).filter(|id| !id.is_empty()).unwrap_or_else(|| place.map(name_of).unwrap_or_default());
    let published = text(TIME).and_then(|time| millis(&time)).or(place.map(|place| place.time));
    let content = Content {
        subject: message.subject.parse().ok()?,
        source: text(SOURCE).unwrap_or_else(|| SOMEBODY.to_owned()),
        kind: text(KIND).unwrap_or_else(|| message.subject.clone()),
        time: published.unwrap_or_default(),
        content_type: text(CONTENT_TYPE),
        key: text(KEY),
        correlation_id: text(CORRELATION).unwrap_or_else(|| id.clone()),
        traceparent: text(TRACE),
        headers: message.headers.into_iter().filter(|(name, _)| is_publishers(name)).collect(),
        payload: message.payload,
    };
    Some(Event { id, content })
}

fn name_of(place: &Place) -> String {
    format!("{}-{}", place.stream, place.sequence)
}

fn is_publishers(name: &str) -> bool {
    let of_server = name.get(..OF_SERVER.len()).is_some_and(|start| start.eq_ignore_ascii_case(OF_SERVER));
    !of_server && !OWN.iter().any(|own| own.eq_ignore_ascii_case(name))
}

/// A line break would begin another header. Events are checked when they are published; reasons of dead letters
/// are not, and may be lists of frames.
fn in_one_line(value: String) -> String {
    if value.contains(char::is_control) { value.replace(char::is_control, " ") } else { value }
}

fn rfc3339(millis: u64) -> String {
    // year 9999: what the format ends with
    let time = UNIX_EPOCH + Duration::from_millis(millis.min(253_402_300_799_999));
    humantime::format_rfc3339_millis(time).to_string()
}

fn millis(text: &str) -> Option<u64> {
    let time = humantime::parse_rfc3339(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
    u64::try_from(time.as_millis()).ok()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::events::testing::content;

    const REPLY: &str = "$JS.ACK.HOLM_EVENTS.stock_orders.3.100.7.1795339800123456789.42";

    fn message(headers: Vec<(String, String)>) -> Message {
        Message {
            subject: "orders.created".into(),
            headers,
            payload: Bytes::from_static(b"\0\xff"),
            ..Message::default()
        }
    }

    #[test]
    fn a_message_is_not_found_again_by_its_acknowledgement() {
        let place = Place { stream: "HOLM_EVENTS".into(), sequence: 100, delivered: 3, time: 1_795_339_800_123 };
        assert_eq!(Place::of(REPLY), Some(place.clone()));
        let newer = REPLY.replace("ACK.", "ACK.hub.szMpdrwD.");
        assert_eq!(Place::of(&newer), Some(place.clone()));
        assert_eq!(Place::of(&format!("{newer}.token.more")), Some(place));
        for other in ["", "_INBOX.x.1", "$JS.ACK.a.b.1.2", "$JS.ACK.a.b.x.1.1.1.1", "$JS.ACK.a.b.1.-1.1.1.1"] {
            assert_eq!(Place::of(other), None, "{other}");
        }
    }

    #[test]
    fn a_message_of_somebody_else_is_no_event() {
        let event = event(message(vec![("X-Color".into(), "red".into())]), Place::of(REPLY).as_ref()).unwrap();
        assert_eq!(event.id, "HOLM_EVENTS-100");
        let Content { source, kind, time, correlation_id, key, headers, payload, .. } = event.content;
        assert_eq!((source.as_str(), kind.as_str(), time), ("nats", "orders.created", 1_795_339_800_123));
        assert_eq!((correlation_id.as_str(), key), ("HOLM_EVENTS-100", None));
        assert_eq!((headers, payload.as_ref()), (vec![("X-Color".into(), "red".into())], b"\0\xff".as_slice()));
    }

    #[test]
    fn a_message_with_nonsense_in_its_headers_ends_the_host() {
        let nonsense = [("ce-time", "yesterday"), ("ce-id", ""), ("CE-Type", "created"), ("Nats-Stream", "x")];
        let headers = nonsense.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let event = event(message(headers), Place::of(REPLY).as_ref()).unwrap();
        assert_eq!((event.id.as_str(), event.content.kind.as_str()), ("HOLM_EVENTS-100", "created"));
        assert_eq!((event.content.time, event.content.headers), (1_795_339_800_123, Vec::new()));
        let long = Message { subject: "a".repeat(300), ..Message::default() };
        assert_eq!(super::event(long, None), None);
    }

    #[test]
    fn a_reason_with_line_breaks_becomes_headers() {
        let mut content = content("a");
        content.headers.push(("holm-dead-reason".into(), "trap\r\nNats-Rollup: all".into()));
        let headers = headers("i", &content);
        assert_eq!(headers.last().unwrap().1, "trap  Nats-Rollup: all");
    }

    proptest! {
        #[test]
        fn an_event_changes_on_its_way_through_nats(
            texts in prop::collection::vec("[a-zé%\" ]{0,6}[a-z]", 6), time in 0u64..4_000_000_000_000,
            own in prop::collection::vec(("x-[a-z]{1,4}", "[a-zé:]{0,4}"), 0..3), bare: bool, payload: Vec<u8>,
        ) {
            let text = |at: usize| texts[at].trim().to_owned();
            let optional = |at: usize| (!bare).then(|| text(at));
            let mut headers = own;
            headers.sort();
            let content = Content {
                source: text(0), kind: text(1), time, content_type: optional(2), key: optional(3),
                correlation_id: text(4), traceparent: optional(5), headers, payload: payload.into(),
                ..content("orders.created")
            };
            let mut sent = super::headers("store-1-0", &content);
            sent.sort();
            let message = Message { subject: "orders.created".into(), headers: sent, payload: content.payload.clone(), ..Message::default() };
            let event = event(message, Place::of(REPLY).as_ref()).unwrap();
            prop_assert_eq!(event, Event { id: "store-1-0".into(), content });
        }
    }
}
