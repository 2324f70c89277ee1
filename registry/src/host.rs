//! Hosts as they stand in URLs, and patterns of them: `api.example.com` or `*.example.com`, in
//! grants and in gateway rules.
//!
//! There is one way to write a host. What a resolver would read as an address although it does
//! not look like one (`127.1`, `0x7f.1`, `2130706433`) is no host here, so nothing passes a check
//! as a name and arrives as an address.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use thiserror::Error;

use crate::text::serde_as_text;

/// Longest name in DNS, RFC 1035 section 2.3.4, written with dots.
const MAX_LEN: usize = 253;

/// A host: a name, or an address in its one canonical form.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// Lower case, without the dot that marks a full name.
    Name(String),
    /// Written as an address, IPv6 in brackets.
    Address(IpAddr),
}

/// A host, or all hosts below a domain. Lower case, without a port and without a trailing dot.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum HostPattern {
    /// This host: a name, an IPv4 address or an IPv6 address in brackets.
    Exact(String),
    /// `*.example.com`: every host below `example.com`, at any depth, not `example.com` itself.
    Below(String),
}

/// Why a text is no host pattern.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum HostError {
    /// Not a name, an address or `*.` and a name.
    #[error(
        "`{text}` is not a host: {reason}; write it as in `api.example.com`, `*.example.com`, `127.0.0.1` or `[::1]`"
    )]
    Form {
        /// The text.
        text: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// A wildcard somewhere else than in front, or in front of an address.
    #[error(
        "`{text}` is not a host: `*` may only stand for everything in front of a name; write it as in `*.example.com`"
    )]
    Wildcard {
        /// The text.
        text: String,
    },
}

impl HostPattern {
    /// The addresses that it names: see [`Host::addresses`].
    pub fn addresses(&self) -> Vec<IpAddr> {
        match self {
            Self::Exact(exact) => exact.parse().map_or_else(|_| Vec::new(), |host: Host| host.addresses()),
            Self::Below(_) => Vec::new(),
        }
    }

    /// Whether a host, as it stands in a URL or a `Host` header without its port, is meant.
    pub fn matches(&self, host: &str) -> bool {
        let host = canonical(host);
        match self {
            Self::Exact(exact) => *exact == host,
            Self::Below(domain) => host
                .strip_suffix(domain.as_str())
                .and_then(|front| front.strip_suffix('.'))
                .is_some_and(|front| !front.is_empty()),
        }
    }
}

impl Host {
    /// The addresses that the host stands for whatever a resolver says: its own, and those of
    /// this machine for `localhost` (RFC 6761 section 6.3).
    pub fn addresses(&self) -> Vec<IpAddr> {
        match self {
            Self::Address(address) => vec![*address],
            Self::Name(name) if name == "localhost" => vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
            Self::Name(_) => Vec::new(),
        }
    }
}

/// What a URL says of a service when its host is the name of one: `http://inventory/` or
/// `http://inventory.holm/`. Such names never reach a resolver, whether the service exists or not.
/// `None`: the host is something else.
pub fn service_label(host: &str) -> Option<String> {
    let host = canonical(host);
    let label = host.strip_suffix(".holm").unwrap_or(&host);
    let named = label.len() < host.len() || !host.contains(['.', ':']);
    (named && host != "localhost").then(|| label.to_owned())
}

impl FromStr for Host {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Self, HostError> {
        let form = |reason| HostError::Form { text: text.to_owned(), reason };
        let host = canonical(text);
        if host.starts_with('[') {
            let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
            let address = address.and_then(|address| address.parse::<Ipv6Addr>().ok());
            let address = address.ok_or_else(|| form("what stands in brackets is no IPv6 address"))?;
            return Ok(Self::Address(address.into()));
        }
        if let Some(reason) = name_problem(&host) {
            return Err(form(reason));
        }
        Ok(host.parse::<Ipv4Addr>().map_or(Self::Name(host), |address| Self::Address(address.into())))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => write!(f, "{address}"),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// Lower case, without the dot that marks a full name; IPv6 in its one shortest form (RFC 5952).
fn canonical(host: &str) -> String {
    let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    match address.and_then(|address| address.parse::<Ipv6Addr>().ok()) {
        Some(address) => format!("[{address}]"),
        None => host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase(),
    }
}

impl FromStr for HostPattern {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Self, HostError> {
        let wildcard = || HostError::Wildcard { text: text.to_owned() };
        let host = canonical(text);
        let Some(domain) = host.strip_prefix("*.") else {
            let exact = || text.parse().map(|host: Host| Self::Exact(host.to_string()));
            return if host.contains('*') { Err(wildcard()) } else { exact() };
        };
        if domain.contains('*') || is_numeric(domain) {
            return Err(wildcard());
        }
        match name_problem(domain) {
            Some(reason) => Err(HostError::Form { text: text.to_owned(), reason }),
            None => Ok(Self::Below(domain.to_owned())),
        }
    }
}

/// Whether a name ends like an IPv4 address does, so that it is one or nothing (WHATWG URL,
/// "ends in a number checker"): in digits, or in `0x` and hexadecimal ones.
fn is_numeric(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    let hex = last.strip_prefix("0x").is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    hex || !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit())
}

fn name_problem(name: &str) -> Option<&'static str> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() {
        Some("it is empty")
    } else if name.contains(':') {
        Some("a port does not belong there, and an IPv6 address stands in brackets")
    } else if !name.is_ascii() {
        Some("hosts outside ASCII are written in their `xn--` form")
    } else if !name.chars().all(allowed) {
        Some("it has a character other than letters, digits, `-`, `_` and `.`")
    } else if name.len() > MAX_LEN || name.split('.').any(|label| label.is_empty() || label.len() > 63) {
        Some("each part between dots has 1 to 63 characters, and all together at most 253")
    } else if is_numeric(name) && name.parse::<Ipv4Addr>().is_err() {
        Some("it ends in a number, but is no IPv4 address")
    } else {
        None
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(host) => f.write_str(host),
            Self::Below(domain) => write!(f, "*.{domain}"),
        }
    }
}

serde_as_text!(HostPattern);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_asked_for_in_dns() {
        for (host, label) in [
            ("inventory", Some("inventory")),
            ("Inventory.HOLM.", Some("inventory")),
            ("inventory.", Some("inventory")),
            ("a.b.holm", Some("a.b")),
            ("localhost", None),
            ("example.com", None),
            ("127.0.0.1", None),
            ("[::1]", None),
        ] {
            assert_eq!(service_label(host).as_deref(), label, "{host}");
        }
    }

    fn pattern(text: &str) -> HostPattern {
        text.parse().unwrap()
    }

    #[test]
    fn one_host_in_two_spellings_is_two_hosts() {
        for host in ["api.example.com", "API.Example.com", "api.example.com."] {
            assert!(pattern("Api.example.COM.").matches(host), "{host}");
        }
        assert!(pattern("[0:0::1]").matches("[::1]"));
        assert!(pattern("127.0.0.1").matches("127.0.0.1"));
        assert_eq!(pattern("Api.Example.com.").to_string(), "api.example.com");
    }

    #[test]
    fn a_wildcard_reaches_past_its_domain() {
        let below = pattern("*.example.com");
        for host in ["a.example.com", "a.b.example.com", "A.EXAMPLE.COM."] {
            assert!(below.matches(host), "{host}");
        }
        for host in ["example.com", ".example.com", "badexample.com", "example.com.evil.org", "a.example.org", ""] {
            assert!(!below.matches(host), "{host}");
        }
        assert_eq!(below.to_string(), "*.example.com");
    }

    #[test]
    fn an_address_is_taken_for_a_name() {
        let host = |text: &str| text.parse::<Host>().unwrap();
        for (text, canonical) in
            [("127.0.0.1", "127.0.0.1"), ("127.0.0.1.", "127.0.0.1"), ("[::ffff:10.0.0.1]", "[::ffff:10.0.0.1]")]
        {
            assert!(matches!(host(text), Host::Address(_)), "{text}");
            assert_eq!(host(text).to_string(), canonical);
            assert_eq!(host(text).addresses().len(), 1);
        }
        assert_eq!(host("API.example.com."), Host::Name("api.example.com".into()));
        assert!(host("api.example.com").addresses().is_empty());
        assert!(host("LocalHost.").addresses().iter().all(IpAddr::is_loopback));
    }

    #[test]
    fn a_bad_host_is_accepted() {
        for text in ["*", "a.*.com", "*.*.com", "*a.com", "*.0.0.1", "*.10"] {
            assert!(matches!(text.parse::<HostPattern>(), Err(HostError::Wildcard { .. })), "{text}");
        }
        for text in [
            "",
            ".",
            "a..b",
            "a b",
            "a/b",
            "a:80",
            "::1",
            "[::g]",
            "[",
            "user@a",
            "bücher.de",
            "1.2.3",
            "0x7f.1",
            "127.1",
            "0x7f000001",
            "2130706433",
            "a.0X7F",
            "127.0.0.01",
            "127%2E0%2E0%2E1",
            "[::1",
            "[[::1]]",
            "[fe80::1%eth0]",
        ] {
            assert!(matches!(text.parse::<HostPattern>(), Err(HostError::Form { .. })), "{text}");
        }
        assert!(matches!("a".repeat(64).parse::<HostPattern>(), Err(HostError::Form { .. })));
    }
}
