//! Names that a manifest gives to schemes, limits and keys.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use thiserror::Error;

use crate::text::serde_as_text;

/// Long enough for any word; names stand in header fields of every answer.
const MAX_LEN: usize = 40;

/// A name of the user's own: 1 to 40 of `a-z`, `A-Z`, `0-9`, `-`, `_`. Cheap to clone. It needs no
/// quoting in a header field.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartName(Arc<str>);

/// A text that is no such name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is no name here: use 1 to {MAX_LEN} letters, digits, `-` and `_`, as in `per-user`")]
pub struct PartNameError(String);

impl PartName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PartName {
    type Err = PartNameError;

    fn from_str(text: &str) -> Result<Self, PartNameError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        match (1..=MAX_LEN).contains(&text.len()) && text.bytes().all(allowed) {
            true => Ok(Self(text.into())),
            false => Err(PartNameError(text.chars().take(MAX_LEN).collect())),
        }
    }
}

impl fmt::Display for PartName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

serde_as_text!(PartName);
