//! What a service may reach outside its island.
//!
//! A [`UrlGrant`] decides by the text of a request alone: method, scheme, host, port and path
//! prefix. It never resolves a name. An address that is not the open internet (see
//! [`crate::address`]) has to be granted as such: [`named_addresses`] gives those that the grants
//! name for one request, and whoever connects reaches no others inside.
//!
//! A grant with a path prefix is read in the narrow way: a request passes only if every server,
//! however it decodes paths, would stay below the prefix. Therefore a path with `.` or `..` in
//! any spelling is refused (see `has_dots` in `path.rs`), and empty segments count as segments.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use http::uri::Authority;
use http::{Method, Uri};
use thiserror::Error;

use crate::host::{Host, HostError, HostPattern};
use crate::path;
use crate::route::parse_method;
use crate::text::serde_as_text;

/// `[METHOD,… ]scheme://host[:port][/prefix]`: requests that a service may send. Without methods
/// all are meant but CONNECT, which would make a tunnel of the connection. The host is a name
/// (`*.example.com`: all below `example.com`), an address, or `localhost`, which stands for this
/// machine's two loopback addresses. The prefix counts in whole segments: `/v1` and `/v1/` mean
/// `/v1` itself and all below it, not `/v10`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UrlGrant {
    /// None: every method.
    methods: Vec<Method>,
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

/// The addresses that these grants name for a request, whatever host it goes to: those of hosts
/// written as an address and of `localhost`, if the grant covers the rest of the request.
pub fn named_addresses(grants: &[UrlGrant], method: &Method, uri: &Uri) -> Vec<IpAddr> {
    let covering = grants.iter().filter(|grant| grant.allows_besides_host(method, uri));
    let mut addresses: Vec<IpAddr> = covering.flat_map(|grant| grant.host.addresses()).collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses
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
    /// Something else than methods in front of the URL.
    #[error(
        "a URL grant has in front of its URL what is no list of methods: {reason}; write it as in `GET,POST https://api.example.com/v1/`"
    )]
    Method {
        /// What is wrong.
        reason: String,
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
    /// Whether a request is covered. The query is not looked at; a URL with a user or password,
    /// or without scheme and host, never is, and CONNECT never.
    pub fn allows(&self, method: &Method, uri: &Uri) -> bool {
        let host = uri.host().filter(|host| host.parse::<Host>().is_ok());
        host.is_some_and(|host| self.host.matches(host)) && self.allows_besides_host(method, uri)
    }

    fn allows_besides_host(&self, method: &Method, uri: &Uri) -> bool {
        self.allows_method(method)
            && uri.scheme_str().is_some_and(|scheme| scheme.eq_ignore_ascii_case(self.scheme.as_str()))
            && uri.authority().is_some_and(|authority| self.allows_port(authority))
            && self.allows_path(uri.path())
    }

    fn allows_method(&self, method: &Method) -> bool {
        *method != Method::CONNECT && (self.methods.is_empty() || self.methods.contains(method))
    }

    fn allows_port(&self, authority: &Authority) -> bool {
        // The port is read from the text: `Authority::port` takes one that does not fit in 16
        // bits for an absent one, which would pass as the default. A user in front is no host.
        let port = authority.as_str().strip_prefix(authority.host()).and_then(|rest| port(rest, self.scheme));
        port == Some(self.port) && !authority.as_str().contains('@')
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
        let (methods, url) = split_methods(text)?;
        let (scheme, rest) = split_scheme(url).ok_or_else(|| GrantError::Scheme { text: text.to_owned() })?;
        let (authority, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
        if authority.contains('@') {
            return Err(GrantError::Userinfo);
        }
        let (host, rest) = authority.split_at(host_end(authority));
        let host = host.parse()?;
        let port = port(rest, scheme).ok_or_else(|| GrantError::Port { text: text.to_owned() })?;
        let prefix = parse_prefix(path).map_err(|reason| GrantError::Path { text: text.to_owned(), reason })?;
        Ok(Self { methods, scheme, host, port, prefix })
    }
}

/// The methods in their order in the alphabet, so that a grant is printed in one way, and the rest.
fn split_methods(text: &str) -> Result<(Vec<Method>, &str), GrantError> {
    let Some((list, url)) = text.split_once(' ').filter(|(list, _)| !list.contains("://")) else {
        return Ok((Vec::new(), text));
    };
    let refused = |reason: String| GrantError::Method { reason };
    let parsed = list.split(',').map(|word| parse_method(word).map_err(|error| refused(error.to_string())));
    let mut methods = parsed.collect::<Result<Vec<_>, _>>()?;
    methods.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
    methods.dedup();
    Ok((methods, url))
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
        if !self.methods.is_empty() {
            let methods: Vec<&str> = self.methods.iter().map(Method::as_str).collect();
            write!(f, "{} ", methods.join(","))?;
        }
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
mod tests;
