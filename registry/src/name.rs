//! Names of services.
//!
//! A service is reached as `http://NAME/…` from other services and as `NAME.holm`, so its name
//! is a DNS label: RFC 1123 section 2.1 with RFC 1035 section 2.3.1 (lower case only, at most
//! 63 octets), and it begins with a letter so that it can never be read as an address. A few
//! labels mean something else already and are refused.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use thiserror::Error;

use crate::text::serde_as_text;

/// Longest DNS label, RFC 1035 section 2.3.4.
const MAX_LEN: usize = 63;

/// Labels that resolvers or clouds give a meaning of their own, each with that meaning.
const RESERVED: [(&str, &str); 3] = [
    ("localhost", "every resolver takes it for this machine (RFC 6761)"),
    ("holm", "it is the suffix under which the host itself names services"),
    ("metadata", "clouds serve machine credentials under it"),
];

/// The name of a service: a DNS label of lower-case letters, digits and `-`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceName(Arc<str>);

/// Why a text is no service name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NameError {
    /// Nothing at all.
    #[error("a service name is empty; give it 1 to 63 characters of a-z, 0-9 and `-`")]
    Empty,
    /// Longer than a DNS label may be.
    #[error(
        "a service name of {len} characters is too long: it is a DNS label, which has at most 63; choose a shorter one"
    )]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// Only digits.
    #[error(
        "`{name}` is not a service name: a number would be read as an IP address; put a letter in front, as in `s{name}`"
    )]
    Numeric {
        /// The text.
        name: String,
    },
    /// Something else than a letter in front.
    #[error("`{name}` is not a service name: it begins with `{found}`; begin with a letter a-z")]
    Start {
        /// The text.
        name: String,
        /// Its first character.
        found: char,
    },
    /// A hyphen at the end.
    #[error("`{name}` is not a service name: a DNS label does not end with `-`; remove it")]
    End {
        /// The text.
        name: String,
    },
    /// A character that DNS labels don't have, or have only in lower case.
    #[error(
        "`{name}` is not a service name: it is a DNS label, which has no `{found}`; use a-z, 0-9 and `-`, as in `order-items`"
    )]
    Character {
        /// The text.
        name: String,
        /// The first character that is not allowed.
        found: char,
    },
    /// A label with a meaning of its own.
    #[error("`{name}` cannot be a service's name: {reason}; choose another one")]
    Reserved {
        /// The text.
        name: String,
        /// Its other meaning.
        reason: &'static str,
    },
}

impl ServiceName {
    /// The gateway where it stands for a caller: under a name that no service can have.
    pub fn gateway() -> Self {
        Self("holm".into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ServiceName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        check(text)?;
        Ok(Self(text.into()))
    }
}

fn check(text: &str) -> Result<(), NameError> {
    let name = || text.to_owned();
    let allowed = |c: &char| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '-';
    if text.len() > MAX_LEN {
        return Err(NameError::TooLong { len: text.len() });
    }
    let Some(first) = text.chars().next() else {
        return Err(NameError::Empty);
    };
    if let Some(found) = text.chars().find(|c| !allowed(c)) {
        return Err(NameError::Character { name: name(), found });
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NameError::Numeric { name: name() });
    }
    if !first.is_ascii_lowercase() {
        return Err(NameError::Start { name: name(), found: first });
    }
    if text.ends_with('-') {
        return Err(NameError::End { name: name() });
    }
    match RESERVED.iter().find(|(reserved, _)| *reserved == text) {
        Some((_, reason)) => Err(NameError::Reserved { name: name(), reason }),
        None => Ok(()),
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Borrow<str> for ServiceName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for ServiceName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

serde_as_text!(ServiceName);

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn refusal(text: &str) -> String {
        text.parse::<ServiceName>().unwrap_err().to_string()
    }

    #[test]
    fn an_ordinary_name_is_refused() {
        for name in ["a", "users", "order-items", "v2", "a--b", &"x".repeat(63)] {
            assert_eq!(name.parse::<ServiceName>().unwrap().as_str(), name);
        }
    }

    #[test]
    fn a_bad_name_is_refused_without_saying_why() {
        let cases = [
            ("", "a service name is empty; give it 1 to 63 characters of a-z, 0-9 and `-`"),
            (
                "Users",
                "`Users` is not a service name: it is a DNS label, which has no `U`; use a-z, 0-9 and `-`, as in `order-items`",
            ),
            (
                "a.b",
                "`a.b` is not a service name: it is a DNS label, which has no `.`; use a-z, 0-9 and `-`, as in `order-items`",
            ),
            (
                "größe",
                "`größe` is not a service name: it is a DNS label, which has no `ö`; use a-z, 0-9 and `-`, as in `order-items`",
            ),
            (
                "127",
                "`127` is not a service name: a number would be read as an IP address; put a letter in front, as in `s127`",
            ),
            ("0x7f", "`0x7f` is not a service name: it begins with `0`; begin with a letter a-z"),
            ("-a", "`-a` is not a service name: it begins with `-`; begin with a letter a-z"),
            ("a-", "`a-` is not a service name: a DNS label does not end with `-`; remove it"),
            (
                "localhost",
                "`localhost` cannot be a service's name: every resolver takes it for this machine (RFC 6761); choose another one",
            ),
            (
                "holm",
                "`holm` cannot be a service's name: it is the suffix under which the host itself names services; choose another one",
            ),
            (
                "metadata",
                "`metadata` cannot be a service's name: clouds serve machine credentials under it; choose another one",
            ),
        ];
        for (text, message) in cases {
            assert_eq!(refusal(text), message);
        }
        assert!(refusal(&"x".repeat(64)).contains("64 characters"));
    }

    #[test]
    fn a_map_by_name_cannot_be_asked_with_plain_text() {
        let map = BTreeMap::from([("users".parse::<ServiceName>().unwrap(), 1)]);
        assert_eq!(map.get("users"), Some(&1));
    }

    #[test]
    fn json_takes_a_name_that_the_command_line_refuses() {
        assert!(serde_json::from_str::<ServiceName>("\"Bad\"").unwrap_err().to_string().contains("DNS label"));
        let name: ServiceName = serde_json::from_str("\"users\"").unwrap();
        assert_eq!(serde_json::to_string(&name).unwrap(), "\"users\"");
    }

    proptest! {
        #[test]
        fn an_accepted_name_is_not_a_label(text in "[a-z0-9A-Z.-]{0,70}") {
            if let Ok(name) = text.parse::<ServiceName>() {
                let name = name.as_str();
                prop_assert!(name.len() <= 63 && name.starts_with(|c: char| c.is_ascii_lowercase()));
                prop_assert!(!name.ends_with('-') && !name.contains('.'));
                prop_assert!(name.parse::<std::net::IpAddr>().is_err());
            }
        }
    }
}
