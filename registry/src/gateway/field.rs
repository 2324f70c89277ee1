//! Names of header fields, as a manifest writes them.

use std::fmt;
use std::str::FromStr;

use http::HeaderName;
use http::header;
use thiserror::Error;

use crate::text::serde_as_text;

/// What begins like this is said by the host alone.
const OWN: &str = "x-holm-";

/// Fields that frame, route or authenticate a message: the gateway's alone, since two that read
/// them differently see two requests in one.
const OF_THE_MESSAGE: [HeaderName; 9] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::CONNECTION,
    header::UPGRADE,
    header::TE,
    header::TRAILER,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// The name of a header field, in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FieldName(HeaderName);

/// A text that is no name of a field.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is no name of a header field; use letters, digits and `-`, as in `x-user-id`")]
pub struct FieldError(String);

impl FieldName {
    /// A name that the host itself gives, in lower case.
    pub const fn from_static(name: &'static str) -> Self {
        Self(HeaderName::from_static(name))
    }

    /// As `http` has it.
    pub fn as_header(&self) -> &HeaderName {
        &self.0
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Why a manifest must not set it, if it must not.
    pub fn reserved(&self) -> Option<&'static str> {
        if self.as_str().starts_with(OWN) {
            return Some("fields that begin with `x-holm-` are set by the host alone");
        }
        let of_the_message = OF_THE_MESSAGE.contains(&self.0);
        of_the_message.then_some("it frames or routes the message, which is the gateway's business")
    }
}

impl PartialOrd for FieldName {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for FieldName {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl FromStr for FieldName {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, FieldError> {
        // `_` is a token character, but CGI-like programs cannot tell it from `-`
        let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let name = plain.then(|| text.parse().ok()).flatten();
        name.map(Self).ok_or_else(|| FieldError(text.chars().take(60).collect()))
    }
}

impl fmt::Display for FieldName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

serde_as_text!(FieldName);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_frames_a_message_is_set_by_a_manifest() {
        let reserved = |name: &str| name.parse::<FieldName>().unwrap().reserved().is_some();
        for name in ["Host", "content-length", "Transfer-Encoding", "x-holm-principal", "X-HOLM-Anything"] {
            assert!(reserved(name), "{name}");
        }
        assert!(!reserved("x-user-id") && !reserved("authorization"));
        for text in ["", "a b", "x_user", "ü", "a:"] {
            assert!(text.parse::<FieldName>().is_err(), "{text}");
        }
    }
}
