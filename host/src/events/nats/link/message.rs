//! Messages in plain words.

use std::str::FromStr;

use async_nats::{HeaderMap, HeaderName, HeaderValue};
use bytes::Bytes;

use super::LinkError;

/// What came in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// What it was published to.
    pub subject: String,
    /// Where an answer goes.
    pub reply: Option<String>,
    /// What the server itself says, in numbers like those of HTTP; `None`: somebody has published it.
    pub status: Option<u16>,
    /// The same in words.
    pub description: Option<String>,
    /// Names and values, sorted by name: the library forgets their order.
    pub headers: Vec<(String, String)>,
    /// The bytes.
    pub payload: Bytes,
}

impl Message {
    /// The value of a header, whatever the case of its name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let own = self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
        own.map(|(_, value)| value.as_str())
    }
}

impl From<async_nats::Message> for Message {
    fn from(message: async_nats::Message) -> Self {
        Self {
            subject: message.subject.to_string(),
            reply: message.reply.map(|reply| reply.to_string()),
            status: message.status.map(|status| status.as_u16()),
            description: message.description,
            headers: message.headers.as_ref().map(plain).unwrap_or_default(),
            payload: message.payload,
        }
    }
}

fn plain(headers: &HeaderMap) -> Vec<(String, String)> {
    let each = headers.iter().flat_map(|(name, values)| values.iter().map(move |value| (name, value)));
    let mut plain: Vec<_> = each.map(|(name, value)| (name.to_string(), value.as_str().to_owned())).collect();
    // values of one name keep their order
    plain.sort_by(|one, other| one.0.cmp(&other.0));
    plain
}

/// For the wire.
pub(super) fn headers(plain: &[(String, String)]) -> Result<HeaderMap, LinkError> {
    let mut headers = HeaderMap::new();
    for (name, value) in plain {
        let unfit = |_| LinkError::Unfit(format!("the header `{}` cannot be sent", name.escape_debug()));
        if name.is_empty() {
            // the library would take it
            return Err(unfit(()));
        }
        let key = HeaderName::from_str(name).map_err(|_| ()).map_err(unfit)?;
        headers.append(key, HeaderValue::from_str(value).map_err(|_| ()).map_err(unfit)?);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
        all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_header_is_lost_or_changes_on_its_way() {
        let given = pairs(&[("x-b", "1"), ("Nats-Msg-Id", "i"), ("x-a", "zwei"), ("x-b", "0"), ("X-b", "")]);
        let found = plain(&headers(&given).unwrap());
        let sorted = pairs(&[("Nats-Msg-Id", "i"), ("X-b", ""), ("x-a", "zwei"), ("x-b", "1"), ("x-b", "0")]);
        assert_eq!(found, sorted);
        let message = Message { headers: found, ..Message::default() };
        assert_eq!((message.header("nats-msg-id"), message.header("x-c")), (Some("i"), None));
    }

    #[test]
    fn a_header_that_nats_cannot_carry_ends_the_host() {
        for (name, value) in [("a b:", "1"), ("", "1"), ("a", "1\r\nb: 2"), ("grün", "1")] {
            assert!(matches!(headers(&pairs(&[(name, value)])), Err(LinkError::Unfit(_))), "{name:?} {value:?}");
        }
    }
}
