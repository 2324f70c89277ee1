//! What a proxy takes away from a message and adds to it.

use std::borrow::Cow;

use http::header::{HeaderMap, HeaderName, HeaderValue};

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
}
