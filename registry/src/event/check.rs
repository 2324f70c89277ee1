//! What an event must be like to be published, whoever publishes it (pure).
//!
//! Metadata travels in the headers of a broker's message, so it is text that can stand there; and what Holm says
//! about an event, nobody else can say.

use thiserror::Error;

use super::{Content, MAX_ATTRIBUTE, MAX_EVENT, MAX_HEADERS};

/// Beginnings of header names that are Holm's and the broker's.
const RESERVED_STARTS: [&str; 3] = ["nats-", "ce-", "holm-"];
/// Header names that are Holm's.
const RESERVED: [&str; 5] = ["traceparent", "tracestate", "correlation-id", "key", "content-type"];

/// Why an event cannot be published.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Unfit {
    /// The payload and the headers.
    #[error("the event has {0} bytes of payload and headers; {MAX_EVENT} are allowed")]
    TooLarge(usize),
    /// The headers alone.
    #[error("the event has {0} bytes of headers; {MAX_HEADERS} are allowed")]
    HeadersTooLarge(usize),
    /// Type, key or content type.
    #[error("{0} of the event is not 1 to {MAX_ATTRIBUTE} bytes of text without control characters or outer spaces")]
    Attribute(&'static str),
    /// Not the name of a header.
    #[error("`{}` is no name of a header: letters, digits and `-` are, as in HTTP", .0.escape_debug())]
    HeaderName(String),
    /// A header that only Holm sets.
    #[error(
        "the header `{0}` cannot be set: Nats-*, ce-*, holm-*, traceparent, tracestate, correlation-id, key and content-type are the host's"
    )]
    ReservedHeader(String),
    /// Not the value of a header.
    #[error("the value of the header `{0}` has a control character or outer spaces")]
    HeaderValue(String),
}

impl Unfit {
    /// Whether it would be fine if it were smaller.
    pub fn is_too_large(&self) -> bool {
        matches!(self, Self::TooLarge(_) | Self::HeadersTooLarge(_))
    }
}

impl Content {
    /// Whether this can be published as it is, by somebody who may publish to its subject.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn check(&self) -> Result<(), Unfit> {
        let attributes = [("the type", Some(&self.kind)), ("the key", self.key.as_ref())];
        for (name, text) in attributes.into_iter().chain([("the content type", self.content_type.as_ref())]) {
            if text.is_some_and(|text| !is_attribute(text)) {
                return Err(Unfit::Attribute(name));
            }
        }
        if self.headers_size() > MAX_HEADERS.as_usize() {
            return Err(Unfit::HeadersTooLarge(self.headers_size()));
        }
        if self.size() > MAX_EVENT.as_usize() {
            return Err(Unfit::TooLarge(self.size()));
        }
        self.headers.iter().try_for_each(|(name, value)| check_header(name, value))
    }
}

/// Whether a text can stand as a value in a header, and is not too long for one of the host's own.
pub fn is_attribute(text: &str) -> bool {
    (1..=MAX_ATTRIBUTE).contains(&text.len()) && is_value(text)
}

fn check_header(name: &str, value: &str) -> Result<(), Unfit> {
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err(Unfit::HeaderName(name.to_owned()));
    }
    let lower = name.to_ascii_lowercase();
    if RESERVED.contains(&lower.as_str()) || RESERVED_STARTS.iter().any(|start| lower.starts_with(start)) {
        return Err(Unfit::ReservedHeader(name.to_owned()));
    }
    if is_value(value) { Ok(()) } else { Err(Unfit::HeaderValue(name.to_owned())) }
}

/// RFC 9110 section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Outer spaces are lost on the wire, and a line break would begin another header there.
fn is_value(text: &str) -> bool {
    text.trim() == text && !text.contains(char::is_control)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn content() -> Content {
        Content {
            subject: "orders.created".parse().unwrap(),
            source: "orders".into(),
            kind: "orders.created".into(),
            time: 0,
            content_type: None,
            key: None,
            correlation_id: "c".into(),
            traceparent: None,
            headers: Vec::new(),
            payload: Bytes::new(),
        }
    }

    fn with_header(name: &str, value: &str) -> Result<(), Unfit> {
        Content { headers: vec![(name.into(), value.into())], ..content() }.check()
    }

    #[test]
    fn a_guest_says_what_only_the_host_may_say() {
        for name in [
            "Nats-Msg-Id",
            "nats-rollup",
            "NATS-",
            "ce-id",
            "CE-Source",
            "ce-time",
            "traceparent",
            "TraceParent",
            "tracestate",
            "correlation-id",
            "Correlation-Id",
            "key",
            "KEY",
            "holm-for",
            "Holm-Reason",
            "content-type",
        ] {
            assert_eq!(with_header(name, "x"), Err(Unfit::ReservedHeader(name.into())), "{name}");
        }
        for name in ["x-nats-id", "keys", "my-key", "once", "X-Color"] {
            assert_eq!(with_header(name, "x"), Ok(()), "{name}");
        }
    }

    #[test]
    fn a_header_breaks_out_of_its_line() {
        for name in ["", "a b", "a:b", "a\r\nNats-Msg-Id", "grün", "a\0"] {
            assert!(matches!(with_header(name, "x"), Err(Unfit::HeaderName(_))), "{name:?}");
        }
        for value in ["a\r\nNats-Msg-Id: 1", "a\n", "\ta", " a", "a\u{7f}", "\0"] {
            assert!(matches!(with_header("x", value), Err(Unfit::HeaderValue(_))), "{value:?}");
        }
        assert_eq!(with_header("x", "grün, wie Gras"), Ok(()));
        assert_eq!(with_header("x", ""), Ok(()));
    }

    #[test]
    fn an_attribute_that_no_header_takes_gets_past() {
        let bad = ["", " a", "a\nb", &"k".repeat(MAX_ATTRIBUTE + 1)];
        for text in bad.map(str::to_owned) {
            assert_eq!(Content { kind: text.clone(), ..content() }.check(), Err(Unfit::Attribute("the type")));
            let key = Content { key: Some(text.clone()), ..content() };
            assert_eq!(key.check(), Err(Unfit::Attribute("the key")));
            let content_type = Content { content_type: Some(text), ..content() };
            assert_eq!(content_type.check(), Err(Unfit::Attribute("the content type")));
        }
        let longest =
            Content { key: Some("k".repeat(MAX_ATTRIBUTE)), content_type: Some("text/plain".into()), ..content() };
        assert_eq!(longest.check(), Ok(()));
    }

    #[test]
    fn an_event_is_larger_than_a_message_of_a_broker() {
        let of_size = |size| Content { payload: vec![0; size].into(), ..content() }.check();
        assert_eq!(of_size(MAX_EVENT.as_usize()), Ok(()));
        assert!(of_size(MAX_EVENT.as_usize() + 1).unwrap_err().is_too_large());
        assert_eq!(with_header("x", &"v".repeat(MAX_HEADERS.as_usize() - 1)), Ok(()));
        assert!(with_header("x", &"v".repeat(MAX_HEADERS.as_usize())).unwrap_err().is_too_large());
        let both = Content {
            headers: vec![("x".into(), "y".into())],
            payload: vec![0; MAX_EVENT.as_usize() - 1].into(),
            ..content()
        };
        assert!(both.check().unwrap_err().is_too_large());
    }
}
