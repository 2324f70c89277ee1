//! The one host of a request, and the name in it. Pure.

use http::header::{self, HeaderValue};
use http::{Request, Version};

/// The host that was asked for, with its port, as a value for `host`.
///
/// # Errors
/// Says what makes it ambiguous: two programs must not see two hosts in one request.
pub fn authority<B>(request: &Request<B>) -> Result<HeaderValue, &'static str> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let value = match (request.uri().authority(), hosts.next(), hosts.next()) {
        (_, _, Some(_)) => return Err("the request has more than one host"),
        (Some(named), Some(host), None) if request.version() == Version::HTTP_2 && host != named.as_str() => {
            return Err("the request's authority and host differ");
        }
        // RFC 9112 section 3.2.2: the absolute form counts, whatever `host` says
        (Some(named), _, _) => HeaderValue::from_str(named.as_str()).map_err(|_| "the request's host is not valid")?,
        (None, Some(host), None) => host.clone(),
        (None, None, None) if request.version() < Version::HTTP_11 => HeaderValue::from_static("localhost"),
        (None, None, None) => return Err("the request has no host"),
    };
    hostname(&value).map(|_| ()).ok_or("the request's host is not valid")?;
    Ok(value)
}

/// The host without its port; `None` when it is not one.
pub fn hostname(authority: &HeaderValue) -> Option<&str> {
    let text = authority.to_str().ok()?;
    let (host, after) = match text.find(']') {
        Some(end) if text.starts_with('[') => text.split_at_checked(end + 1)?,
        _ => text.split_at_checked(text.find(':').unwrap_or(text.len()))?,
    };
    let port_is_fine =
        after.strip_prefix(':').map_or(after.is_empty(), |port| port.bytes().all(|b| b.is_ascii_digit()));
    let inner = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let host_is_fine = match inner {
        Some(address) => address.bytes().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.')),
        None => host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')),
    };
    (port_is_fine && host_is_fine && !host.is_empty()).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_request_has_one_host() {
        let ask = |uri: &str, version: Version, hosts: &[&'static str]| {
            let mut request = Request::builder().uri(uri).version(version);
            for host in hosts {
                request = request.header("host", *host);
            }
            authority(&request.body(()).unwrap()).map(|value| value.to_str().unwrap().to_owned())
        };
        assert_eq!(ask("/a", Version::HTTP_11, &["a.test:80"]).unwrap(), "a.test:80");
        assert_eq!(ask("http://b.test/a", Version::HTTP_11, &["a.test"]).unwrap(), "b.test");
        assert_eq!(ask("http://b.test/a", Version::HTTP_2, &[]).unwrap(), "b.test");
        assert_eq!(ask("/a", Version::HTTP_10, &[]).unwrap(), "localhost");
        for (uri, version, hosts) in [
            ("/a", Version::HTTP_11, &[][..]),
            ("/a", Version::HTTP_11, &["a", "b"]),
            ("/a", Version::HTTP_11, &["a/b"]),
            ("/a", Version::HTTP_11, &["user@a"]),
            ("/a", Version::HTTP_11, &["a:b"]),
            ("/a", Version::HTTP_11, &[""]),
            ("http://u@b.test/a", Version::HTTP_11, &["a"]),
            ("http://b.test/a", Version::HTTP_2, &["a.test"]),
        ] {
            assert!(ask(uri, version, hosts).is_err(), "{uri} {hosts:?}");
        }
        assert_eq!(hostname(&HeaderValue::from_static("[::1]:80")), Some("[::1]"));
        assert_eq!(hostname(&HeaderValue::from_static("[::1")), None);
    }
}
