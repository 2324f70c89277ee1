//! What a proxy takes away from a message and adds to it.

use std::borrow::Cow;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Request, Version};

use super::limits::REQUEST_ID;
use crate::telemetry::random::{random_u128, write_hex};
use crate::telemetry::trace::TraceContext;

pub(super) const REQUEST_ID_HEADER: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Continues the client's trace or begins one, and tells the target its place in it.
pub(super) fn enter_trace(headers: &mut HeaderMap) -> TraceContext {
    let mut values = headers.get_all(TRACEPARENT).iter();
    let parent = match (values.next(), values.next()) {
        (Some(only), None) => TraceContext::parse(only.as_bytes()),
        _ => None,
    };
    if parent.is_none() {
        // it belongs to a trace that does not go on
        headers.remove(TRACESTATE);
    }
    let trace = parent.map_or_else(TraceContext::generate, TraceContext::child);
    headers.insert(TRACEPARENT, trace.to_header());
    trace
}

/// The client's `x-request-id` if it is short and printable, else a new one.
pub(super) fn request_id(headers: &mut HeaderMap) -> HeaderValue {
    let sane = |value: &&HeaderValue| {
        (1..=REQUEST_ID).contains(&value.len()) && value.as_bytes().iter().all(u8::is_ascii_graphic)
    };
    if let Some(given) = headers.get(REQUEST_ID_HEADER).filter(sane) {
        return given.clone();
    }
    let mut id = [0; 32];
    write_hex(random_u128(), &mut id);
    let id = HeaderValue::from_bytes(&id).unwrap_or(HeaderValue::from_static("none"));
    headers.insert(REQUEST_ID_HEADER, id.clone());
    id
}

/// The host that was asked for, with its port, as a value for `host`.
///
/// # Errors
/// Says what makes it ambiguous: two programs must not see two hosts in one request.
pub(super) fn authority<B>(request: &Request<B>) -> Result<HeaderValue, &'static str> {
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
pub(super) fn hostname(authority: &HeaderValue) -> Option<&str> {
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

/// A header's value for a log line.
pub(super) fn text(value: &HeaderValue) -> Cow<'_, str> {
    String::from_utf8_lossy(value.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(list: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = list.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        pairs.collect()
    }

    #[test]
    fn two_traceparents_are_none() {
        const ONE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let mut seen = headers(&[("traceparent", ONE), ("tracestate", "a=b")]);
        let trace = enter_trace(&mut seen);
        assert_eq!(trace.trace_id_hex().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_ne!(seen.get("traceparent").unwrap(), ONE);
        assert!(seen.contains_key("tracestate"));
        let mut seen = headers(&[("tracestate", "a=b"), ("traceparent", ONE)]);
        seen.append("traceparent", HeaderValue::from_static(ONE));
        assert_ne!(enter_trace(&mut seen).trace_id, trace.trace_id);
        assert!(!seen.contains_key("tracestate"));
    }

    #[test]
    fn a_request_id_that_could_break_a_log_line_is_replaced() {
        let id = |given: &str| {
            let mut seen = HeaderMap::new();
            seen.insert(REQUEST_ID_HEADER, HeaderValue::from_str(given).unwrap());
            let id = request_id(&mut seen);
            assert_eq!(seen.get(REQUEST_ID_HEADER), Some(&id));
            id.to_str().unwrap().to_owned()
        };
        assert_eq!(id("abc-1"), "abc-1");
        assert_eq!(id(&"x".repeat(128)), "x".repeat(128));
        for bad in ["", "a b", "a\tb", &"x".repeat(129)] {
            assert_eq!(id(bad).len(), 32, "{bad}");
        }
    }

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
