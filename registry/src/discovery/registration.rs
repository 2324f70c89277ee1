//! What somebody registers: one instance of a service that is not Wasm.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::check::{CheckError, CheckSpec};
use super::url::{HttpUrl, authority};

/// Longest name, id, address and tag: each stands in every answer about the service.
const MAX_TEXT: usize = 255;
/// Tags of one instance.
const MAX_TAGS: usize = 64;
/// Pairs of one instance's meta data, and bytes of a key and a value: Consul's own limits.
const MAX_META: usize = 64;
const MAX_META_KEY: usize = 128;
const MAX_META_VALUE: usize = 512;
/// Checks of one instance: each is asked at its interval.
const MAX_CHECKS: usize = 16;

/// One instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Registration {
    /// Unique on this host; the service's name when the client gave none.
    pub id: InstanceId,
    /// The service. Any text of letters, digits, `-`, `_` and `.`; only what is a valid name of a
    /// Holm service can be reached as `http://NAME/`.
    pub name: String,
    /// A name or an IP address without brackets.
    pub address: String,
    /// 0: it has none.
    pub port: u16,
    /// For filters.
    pub tags: Vec<String>,
    /// For whoever discovers it.
    pub meta: BTreeMap<String, String>,
    /// Shown to clients, and nothing else, as in Consul's HTTP API.
    pub weights: Weights,
    /// All of them must pass.
    pub checks: Vec<CheckSpec>,
    /// Where it is, when host and port do not say it all: the URL of an `[[external]]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<HttpUrl>,
}

/// The id of one instance.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InstanceId(String);

/// Consul's weights for DNS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weights {
    /// While it is passing.
    pub passing: u32,
    /// While it is warning.
    pub warning: u32,
}

impl Default for Weights {
    fn default() -> Self {
        Self { passing: 1, warning: 1 }
    }
}

/// Why a registration cannot be. Short, since Node's Consul client shows only short texts.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RegistrationError {
    /// Without it nobody finds the instance.
    #[error("Missing service name")]
    NoName,
    /// A text with characters that names, URLs or tables do not bear.
    #[error("{what} {text:?} has a character other than letters, digits, - _ .")]
    Character {
        /// Which.
        what: &'static str,
        /// Its begin.
        text: String,
    },
    /// Too much of something.
    #[error("{what} has more than {most}")]
    TooLarge {
        /// Which.
        what: &'static str,
        /// The upper bound, with its unit.
        most: &'static str,
    },
    /// Two checks of one id.
    #[error("two checks have the id {0:?}")]
    CheckTwice(String),
    /// One of its checks.
    #[error("Invalid check: {0}")]
    Check(#[from] CheckError),
}

impl Registration {
    /// Whether it can be registered.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), RegistrationError> {
        if self.name.is_empty() {
            return Err(RegistrationError::NoName);
        }
        plain("Name", &self.name)?;
        characters("ID", self.id.as_str(), |c| !c.is_control())?;
        address(&self.address)?;
        self.tags.iter().try_for_each(|tag| short("a tag", tag))?;
        at_most("Tags", self.tags.len(), MAX_TAGS, "64 tags")?;
        at_most("Meta", self.meta.len(), MAX_META, "64 pairs")?;
        for (key, value) in &self.meta {
            at_most("a key of Meta", key.len(), MAX_META_KEY, "128 bytes")?;
            at_most("a value of Meta", value.len(), MAX_META_VALUE, "512 bytes")?;
        }
        at_most("Checks", self.checks.len(), MAX_CHECKS, "16 checks")?;
        self.check_checks()
    }

    fn check_checks(&self) -> Result<(), RegistrationError> {
        for (at, check) in self.checks.iter().enumerate() {
            short("CheckID", &check.id)?;
            short("the name of a check", &check.name)?;
            short("the notes of a check", &check.notes)?;
            if self.checks.iter().skip(at + 1).any(|other| other.id == check.id) {
                return Err(RegistrationError::CheckTwice(check.id.clone()));
            }
            check.check()?;
        }
        Ok(())
    }

    /// Where requests to it go, without a trailing slash.
    pub fn base_url(&self) -> String {
        match &self.url {
            Some(url) => url.to_string().trim_end_matches('/').to_owned(),
            None => format!("http://{}", authority(&self.address, self.port)),
        }
    }
}

/// What can stand in a URL, and in a name that people type.
fn plain(what: &'static str, text: &str) -> Result<(), RegistrationError> {
    characters(what, text, |c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

/// A name or an address, and no URL: ours is put together from it.
fn address(text: &str) -> Result<(), RegistrationError> {
    if text.parse::<std::net::IpAddr>().is_ok() { Ok(()) } else { plain("Address", text) }
}

fn characters(what: &'static str, text: &str, good: impl Fn(char) -> bool) -> Result<(), RegistrationError> {
    short(what, text)?;
    let wrong = || RegistrationError::Character { what, text: text.chars().take(30).collect() };
    if text.chars().all(good) { Ok(()) } else { Err(wrong()) }
}

fn short(what: &'static str, text: &str) -> Result<(), RegistrationError> {
    at_most(what, text.len(), MAX_TEXT, "255 bytes")
}

fn at_most(what: &'static str, count: usize, limit: usize, most: &'static str) -> Result<(), RegistrationError> {
    if count > limit { Err(RegistrationError::TooLarge { what, most }) } else { Ok(()) }
}

impl InstanceId {
    /// Whatever the client calls it; checked with the registration.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl std::borrow::Borrow<str> for InstanceId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::check::{How, Status, Thresholds};
    use super::*;

    fn users() -> Registration {
        Registration {
            id: InstanceId::new("users-1"),
            name: "users".to_owned(),
            address: "127.0.0.1".to_owned(),
            port: 3000,
            tags: vec!["v1".to_owned()],
            meta: BTreeMap::new(),
            weights: Weights::default(),
            checks: Vec::new(),
            url: None,
        }
    }

    fn ttl(id: &str) -> CheckSpec {
        CheckSpec {
            id: id.to_owned(),
            name: String::new(),
            notes: String::new(),
            how: How::Ttl(Duration::from_secs(1)),
            deregister_after: None,
            thresholds: Thresholds::default(),
            initial: Status::Critical,
        }
    }

    fn refusal(registration: Registration) -> String {
        registration.check().unwrap_err().to_string()
    }

    #[test]
    fn a_service_of_everyday_use_is_refused() {
        assert_eq!(users().check(), Ok(()));
        let colons = InstanceId::new("user-service@host:3000/1");
        let name = "User_Service.v2".to_owned();
        assert_eq!(Registration { id: colons, name, address: "::1".to_owned(), ..users() }.check(), Ok(()));
        assert_eq!(Registration { checks: vec![ttl("a"), ttl("b")], ..users() }.check(), Ok(()));
    }

    #[test]
    fn nonsense_is_registered() {
        assert_eq!(refusal(Registration { name: String::new(), ..users() }), "Missing service name");
        for name in ["a b", "a/b", "ü", "a\nb", &"x".repeat(256)] {
            assert!(Registration { name: name.to_owned(), ..users() }.check().is_err(), "{name}");
        }
        for address in ["http://127.0.0.1", "127.0.0.1:80", "a@b", "a\r\nb"] {
            assert!(refusal(Registration { address: address.to_owned(), ..users() }).starts_with("Address"));
        }
        assert!(refusal(Registration { id: InstanceId::new("a\n"), ..users() }).starts_with("ID"));
        assert_eq!(refusal(Registration { tags: vec![String::new(); 65], ..users() }), "Tags has more than 64 tags");
        let meta = BTreeMap::from([("k".to_owned(), "v".repeat(513))]);
        assert_eq!(refusal(Registration { meta, ..users() }), "a value of Meta has more than 512 bytes");
        let checks = vec![ttl("a"), ttl("a")];
        assert_eq!(refusal(Registration { checks, ..users() }), "two checks have the id \"a\"");
        let checks = (0..17).map(|at| ttl(&at.to_string())).collect();
        assert_eq!(refusal(Registration { checks, ..users() }), "Checks has more than 16 checks");
    }

    #[test]
    fn a_url_of_an_instance_leads_elsewhere() {
        assert_eq!(users().base_url(), "http://127.0.0.1:3000");
        assert_eq!(Registration { address: "::1".to_owned(), ..users() }.base_url(), "http://[::1]:3000");
        let url = Some("https://billing.example/v1/".parse().unwrap());
        assert_eq!(Registration { url, ..users() }.base_url(), "https://billing.example/v1");
    }
}
