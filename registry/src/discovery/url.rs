//! Where an outside service or a check is: an absolute URL, http or https, without credentials, or
//! `host:port`.

use std::fmt;
use std::str::FromStr;

use http::Uri;
use http::uri::PathAndQuery;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::text::serde_as_text;

/// An absolute `http` or `https` URL with a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpUrl(Uri);

/// Why a text is neither. Short, since Node's Consul client shows only short texts.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UrlError {
    /// Not a URL, or without a host.
    #[error("{0:?} is no URL; write it as in http://127.0.0.1:3000/health")]
    Form(String),
    /// Another scheme.
    #[error("{0:?} is neither an http:// nor an https:// URL")]
    Scheme(String),
    /// No `host:port`.
    #[error("{0:?} is no host:port, as in 127.0.0.1:3000")]
    Address(String),
    /// A user or password in front of the host.
    #[error("the URL names a user or password; remove all up to the `@`")]
    Userinfo,
}

impl HttpUrl {
    /// The whole URL.
    pub fn uri(&self) -> &Uri {
        &self.0
    }

    /// Its host: a name, an IPv4 address, or an IPv6 address without brackets.
    pub fn host(&self) -> &str {
        self.0.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']')
    }

    /// Its port, that of its scheme when none is written.
    pub fn port(&self) -> u16 {
        let of_scheme = if self.0.scheme_str() == Some("https") { 443 } else { 80 };
        self.0.port_u16().unwrap_or(of_scheme)
    }

    /// The same with something below its path: `/health` below `http://a/v1` is `http://a/v1/health`.
    pub fn below(&self, path: &PathAndQuery) -> Self {
        let mut parts = self.0.clone().into_parts();
        let joined = format!("{}{path}", self.0.path().trim_end_matches('/'));
        // two valid paths one behind the other are one
        parts.path_and_query = joined.parse().ok();
        Self(Uri::from_parts(parts).unwrap_or_else(|_| self.0.clone()))
    }
}

impl FromStr for HttpUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let shown = || text.chars().take(60).collect::<String>();
        let uri: Uri = text.parse().map_err(|_| UrlError::Form(shown()))?;
        let authority = uri.authority().ok_or_else(|| UrlError::Form(shown()))?;
        if authority.as_str().contains('@') {
            return Err(UrlError::Userinfo);
        }
        // `port_u16` takes a port that does not fit in 16 bits for an absent one
        let port = authority.as_str().strip_prefix(authority.host()).unwrap_or_default();
        let port_is_good = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
        match uri.scheme_str() {
            Some("http" | "https") if !authority.host().is_empty() && port_is_good => Ok(Self(uri)),
            Some("http" | "https") => Err(UrlError::Form(shown())),
            _ => Err(UrlError::Scheme(shown())),
        }
    }
}

/// Whether a text is a port that something can listen on.
fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok_and(|port| port > 0)
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

serde_as_text!(HttpUrl);

/// `host:port`, where the host is a name or an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TcpAddress {
    /// A name, or an address without brackets.
    pub host: String,
    /// From 1 on.
    pub port: u16,
}

impl FromStr for TcpAddress {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let wrong = || UrlError::Address(text.chars().take(60).collect());
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = bare.unwrap_or(host);
        let is_name = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        let is_host =
            !host.is_empty() && if bare.is_some() { host.parse::<std::net::Ipv6Addr>().is_ok() } else { is_name };
        if !is_host || !is_port(port) {
            return Err(wrong());
        }
        Ok(Self { host: host.to_owned(), port: port.parse().map_err(|_| wrong())? })
    }
}

impl fmt::Display for TcpAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&authority(&self.host, self.port))
    }
}

/// Host and port as they stand in a URL.
pub fn authority(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> HttpUrl {
        text.parse().unwrap()
    }

    #[test]
    fn a_url_leads_elsewhere() {
        assert_eq!((url("http://a:3000/x").host(), url("http://a:3000/x").port()), ("a", 3000));
        assert_eq!((url("https://[::1]/").host(), url("https://[::1]/").port()), ("::1", 443));
        let path = "/health?deep=1".parse().unwrap();
        assert_eq!(url("http://a/v1/").below(&path).to_string(), "http://a/v1/health?deep=1");
        assert_eq!(url("http://a").below(&path).to_string(), "http://a/health?deep=1");
    }

    #[test]
    fn nonsense_is_a_url() {
        for text in
            ["", "a", "/health", "a:80", "http://", "http:///x", "http://a:0/", "http://a:99999/", "http://a:b/"]
        {
            assert!(text.parse::<HttpUrl>().is_err(), "{text}");
        }
        assert!(matches!("ftp://a/".parse::<HttpUrl>(), Err(UrlError::Scheme(_))));
        assert_eq!("http://me:pw@a/".parse::<HttpUrl>(), Err(UrlError::Userinfo));
    }

    #[test]
    fn an_address_is_read_wrongly() {
        for text in ["127.0.0.1:80", "db:5432", "[::1]:80"] {
            assert_eq!(text.parse::<TcpAddress>().unwrap().to_string(), text);
        }
        for text in ["", "80", ":80", "a:", "a:0", "a:65536", "::1:80", "[a]:80", "a b:80", "http://a:80"] {
            assert!(text.parse::<TcpAddress>().is_err(), "{text}");
        }
    }
}
