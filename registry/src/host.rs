//! Host patterns: `api.example.com` or `*.example.com`, in grants and in gateway rules.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use thiserror::Error;

use crate::text::serde_as_text;

/// Longest name in DNS, RFC 1035 section 2.3.4, written with dots.
const MAX_LEN: usize = 253;

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
        let form = |reason| HostError::Form { text: text.to_owned(), reason };
        let host = canonical(text);
        if host.starts_with('[') {
            let address = host.trim_matches(['[', ']']).parse::<Ipv6Addr>();
            return address
                .map(|_| Self::Exact(host.clone()))
                .map_err(|_| form("what stands in brackets is no IPv6 address"));
        }
        let (domain, below) = match host.strip_prefix("*.") {
            Some(domain) => (domain, true),
            None => (host.as_str(), false),
        };
        if domain.contains('*') || (below && is_numeric(domain)) {
            return Err(wildcard());
        }
        match name_problem(domain) {
            Some(reason) => Err(form(reason)),
            None if below => Ok(Self::Below(domain.to_owned())),
            None => Ok(Self::Exact(host)),
        }
    }
}

/// Whether a name ends like an IPv4 address does, so that it is one or nothing (WHATWG URL,
/// "ends in a number").
fn is_numeric(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit())
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
    } else if is_numeric(name) && name.parse::<std::net::Ipv4Addr>().is_err() {
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
        ] {
            assert!(matches!(text.parse::<HostPattern>(), Err(HostError::Form { .. })), "{text}");
        }
        assert!(matches!("a".repeat(64).parse::<HostPattern>(), Err(HostError::Form { .. })));
    }
}
