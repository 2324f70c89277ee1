//! What a service may reach outside its island.
//!
//! A [`UrlGrant`] decides by the text of a URL alone: scheme, host, port and path prefix. It
//! never resolves a name; which addresses a granted name may lead to is decided where the
//! connection is made.
//!
//! A grant with a path prefix is read in the narrow way: a request passes only if every server,
//! however it decodes paths, would stay below the prefix. Therefore a path with `.` or `..` in
//! any spelling is refused (see `has_dots` in `path.rs`), and empty segments count as segments.

use std::fmt;
use std::str::FromStr;

use http::Uri;
use http::uri::Authority;
use thiserror::Error;

use crate::host::{HostError, HostPattern};
use crate::path;
use crate::text::serde_as_text;

/// `scheme://host[:port][/prefix]`: URLs that a service may send requests to. The prefix counts
/// in whole segments: `/v1` and `/v1/` mean `/v1` itself and all below it, not `/v10`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UrlGrant {
    scheme: Scheme,
    host: HostPattern,
    port: u16,
    /// Decoded segments; none: every path.
    prefix: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Scheme {
    Http,
    Https,
}

/// Why a text is no grant.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum GrantError {
    /// Neither `http://` nor `https://` in front.
    #[error(
        "`{text}` is not a URL grant: it begins with neither `http://` nor `https://`; write it as in `https://api.example.com/v1/`"
    )]
    Scheme {
        /// The text.
        text: String,
    },
    /// A user or password.
    #[error(
        "a URL grant names a user or password, which a grant does not check; remove all up to the `@` and use a secret"
    )]
    Userinfo,
    /// No valid host.
    #[error(transparent)]
    Host(#[from] HostError),
    /// Not 1 to 65535.
    #[error("`{text}` is not a URL grant: its port is not a number from 1 to 65535; correct it or leave it away")]
    Port {
        /// The text.
        text: String,
    },
    /// A prefix that cannot be compared segment by segment.
    #[error(
        "`{text}` is not a URL grant: its path cannot be a prefix, because {reason}; write it as in `https://api.example.com/v1/`"
    )]
    Path {
        /// The text.
        text: String,
        /// What is wrong.
        reason: &'static str,
    },
}

impl UrlGrant {
    /// Whether a request to `uri` is covered. The query is not looked at; a URL with a user or
    /// password, or without scheme and host, never is.
    pub fn allows(&self, uri: &Uri) -> bool {
        uri.scheme_str().is_some_and(|scheme| scheme.eq_ignore_ascii_case(self.scheme.as_str()))
            && uri.authority().is_some_and(|authority| self.allows_authority(authority))
            && self.allows_path(uri.path())
    }

    fn allows_authority(&self, authority: &Authority) -> bool {
        if authority.as_str().contains('@') || !self.host.matches(authority.host()) {
            return false;
        }
        // The port is read from the text: `Authority::port` takes one that does not fit in 16
        // bits for an absent one, which would pass as the default.
        let port = authority.as_str().strip_prefix(authority.host()).and_then(|rest| port(rest, self.scheme));
        port == Some(self.port)
    }

    fn allows_path(&self, path: &str) -> bool {
        if self.prefix.is_empty() {
            return true;
        }
        let mut segments = path.strip_prefix('/').unwrap_or(path).split('/');
        let below = self
            .prefix
            .iter()
            .all(|wanted| segments.next().is_some_and(|got| *path::decode(got) == *wanted.as_bytes()));
        below && !path::has_dots(path)
    }
}

impl Scheme {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// The port in what follows a host: nothing, or `:` and a number.
fn port(text: &str, scheme: Scheme) -> Option<u16> {
    if text.is_empty() {
        return Some(scheme.default_port());
    }
    let digits = text.strip_prefix(':').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    digits.parse().ok().filter(|port| *port != 0)
}

impl FromStr for UrlGrant {
    type Err = GrantError;

    fn from_str(text: &str) -> Result<Self, GrantError> {
        let (scheme, rest) = split_scheme(text).ok_or_else(|| GrantError::Scheme { text: text.to_owned() })?;
        let (authority, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
        if authority.contains('@') {
            return Err(GrantError::Userinfo);
        }
        let (host, rest) = authority.split_at(host_end(authority));
        let host = host.parse()?;
        let port = port(rest, scheme).ok_or_else(|| GrantError::Port { text: text.to_owned() })?;
        let prefix = parse_prefix(path).map_err(|reason| GrantError::Path { text: text.to_owned(), reason })?;
        Ok(Self { scheme, host, port, prefix })
    }
}

fn split_scheme(text: &str) -> Option<(Scheme, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    let scheme = [Scheme::Http, Scheme::Https].into_iter().find(|known| known.as_str().eq_ignore_ascii_case(scheme))?;
    Some((scheme, rest))
}

/// Where the host of an authority ends: behind the bracket of an IPv6 address, else before `:`.
fn host_end(authority: &str) -> usize {
    let end = authority.find(']').map(|bracket| bracket + 1).or_else(|| authority.find(':'));
    end.unwrap_or(authority.len())
}

fn parse_prefix(path: &str) -> Result<Vec<String>, &'static str> {
    let path = path.strip_prefix('/').unwrap_or(path);
    if path.is_empty() {
        return Ok(Vec::new());
    }
    let path = path.strip_suffix('/').unwrap_or(path);
    let segment = |segment: &str| path::literal_problem(segment).map_or_else(|| Ok(segment.to_owned()), Err);
    path.split('/').map(segment).collect()
}

impl fmt::Display for UrlGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.host)?;
        if self.port != self.scheme.default_port() {
            write!(f, ":{}", self.port)?;
        }
        f.write_str("/")?;
        self.prefix.iter().try_for_each(|segment| write!(f, "{segment}/"))
    }
}

serde_as_text!(UrlGrant);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn allows(grant: &str, url: &str) -> bool {
        grant.parse::<UrlGrant>().unwrap().allows(&url.parse().unwrap())
    }

    #[test]
    fn a_granted_url_is_refused() {
        for (grant, url) in [
            ("https://api.example.com/v1/", "https://api.example.com/v1/users?x=1"),
            ("https://api.example.com/v1/", "https://api.example.com/v1"),
            ("https://api.example.com/v1", "https://api.example.com/v1/a//b"),
            ("https://api.example.com/v1", "https://api.example.com/%76%31/a"),
            ("https://api.example.com", "https://API.example.COM:443/anything"),
            ("https://api.example.com:443", "https://api.example.com./"),
            ("http://api.example.com:8080/", "http://api.example.com:8080"),
            ("https://*.example.com", "https://a.b.example.com/x/../y"),
            ("http://[::1]:9000", "http://[0:0::1]:9000/"),
            ("http://a.test/gr%C3%B6".replace("%C3%B6", "ö").as_str(), "http://a.test/gr%C3%B6/x"),
            ("http://a.test/v1", "http://a.test/v1/group%2Fproject"),
        ] {
            assert!(allows(grant, url), "{grant} {url}");
        }
    }

    #[test]
    fn a_url_that_was_not_granted_passes() {
        for (grant, url) in [
            ("https://api.example.com/v1/", "https://api.example.com/v10"),
            ("https://api.example.com/v1/", "https://api.example.com/V1/a"),
            ("https://api.example.com/v1/", "https://api.example.com/"),
            ("https://api.example.com/v1/", "https://api.example.com//v1/a"),
            ("https://api.example.com/a/b", "https://api.example.com/a%2Fb/c"),
            ("https://api.example.com/", "http://api.example.com/"),
            ("https://api.example.com/", "https://api.example.com:8443/"),
            ("https://api.example.com/", "https://api.example.com:99999/"),
            ("https://api.example.com/", "https://api.example.com:/"),
            ("https://api.example.com/", "https://user@api.example.com/"),
            ("https://api.example.com/", "https://api.example.com:443@evil.org/"),
            ("https://api.example.com/", "https://api.example.com.evil.org/"),
            ("https://*.example.com/", "https://example.com/"),
            ("https://*.example.com/", "https://evilexample.com/"),
            ("http://127.0.0.1/", "http://127.1/"),
            ("http://127.0.0.1/", "/"),
        ] {
            assert!(!allows(grant, url), "{grant} {url}");
        }
    }

    #[test]
    fn a_path_climbs_out_of_its_prefix() {
        for path in [
            "/v1/../admin",
            "/v1/%2e%2e/admin",
            "/v1/..%2fadmin",
            "/v1/..%5cadmin",
            "/v1/..;/admin",
            "/x/../v1/a",
            "/v1/./a",
            "/v1/..",
        ] {
            assert!(!allows("https://api.example.com/v1/", &format!("https://api.example.com{path}")), "{path}");
        }
    }

    #[test]
    fn a_bad_grant_gives_another_message() {
        let message = |text: &str| text.parse::<UrlGrant>().unwrap_err().to_string();
        for text in ["", "api.example.com", "ftp://a", "//a", "https:/a"] {
            assert!(message(text).contains("neither `http://` nor `https://`"), "{text}");
        }
        assert!(message("https://me:pw@a/").contains("user or password"));
        assert!(!message("https://me:pw@a/").contains("pw@"), "a password must not be shown");
        for text in ["https://", "https:///v1", "https://a b/", "https://*/", "https://a?x=1", "https://[::1/"] {
            assert!(message(text).contains("is not a host"), "{text}: {}", message(text));
        }
        for text in
            ["https://a:/", "https://a:0/", "https://a:65536/", "https://a:x/", "https://a:+1/", "https://[::1]x/"]
        {
            assert!(message(text).contains("port"), "{text}: {}", message(text));
        }
        for text in [
            "https://a/v1//b",
            "https://a/../b",
            "https://a/%2e",
            "https://a/?x",
            "https://a/v1/#x",
            "https://a/{id}",
            "https://a//",
        ] {
            assert!(message(text).contains("cannot be a prefix"), "{text}: {}", message(text));
        }
    }

    #[test]
    fn one_grant_is_printed_in_two_ways() {
        for (text, canonical) in [
            ("HTTPS://Api.Example.com:443/v1", "https://api.example.com/v1/"),
            ("http://a.test:80", "http://a.test/"),
            ("http://a.test:8080/a/b/", "http://a.test:8080/a/b/"),
        ] {
            assert_eq!(text.parse::<UrlGrant>().unwrap().to_string(), canonical);
        }
    }

    proptest! {
        #[test]
        fn a_prefix_lets_a_neighbour_through(path in "(/(v1|v2|\\.|\\.\\.|%2e|%2F|a)){0,5}/?") {
            let allowed = allows("https://a.test/v1/", &format!("https://a.test{path}"));
            prop_assert!(!allowed || path == "/v1" || path.starts_with("/v1/"));
            prop_assert!(!allowed || !(path.contains("/.") || path.contains("%2e")));
        }

        #[test]
        fn a_printed_grant_cannot_be_read_back(host in "(\\*\\.)?[a-z]{1,8}(\\.[a-z]{2,3})?", port in 1u16.., prefix in "(/[a-z0-9ö~-]{1,5}){0,3}") {
            let grant: UrlGrant = format!("https://{host}:{port}{prefix}").parse().unwrap();
            prop_assert_eq!(grant.to_string().parse(), Ok(grant));
        }
    }
}
