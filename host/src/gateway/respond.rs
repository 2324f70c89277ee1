//! What a client sees when a request fails: a problem document (RFC 9457).
//!
//! The one table from fault to status is [`FaultKind::status`]; here it becomes a response.
//! A fault's detail goes to the log alone.

use http::header::{self, HeaderValue};
use http::{Method, Response, StatusCode};
use serde::Serialize;
use serde_json::{Map, Value};

use super::auth::Refusal;
use super::rate::{TooMany, whole_seconds};
use super::targets::{FunctionProblem, PartProblem};
use crate::body::{self, Body};
use crate::fault::{Blame, Fault, FaultKind, KeyFault};
use crate::telemetry::trace::TraceContext;

/// Why a request gets no answer from its target.
#[derive(Debug)]
pub(super) enum Problem {
    /// No rule has the path.
    NotFound,
    /// Rules have the path, and take only these methods.
    MethodNotAllowed(Vec<Method>),
    /// The head cannot be understood; the text is for the client.
    BadHead(&'static str),
    /// Nobody knows who asks; these credentials would tell.
    Unauthenticated(Vec<HeaderValue>),
    /// The credentials are not accepted.
    Refused(Refusal),
    /// Somebody asks too often.
    TooMany(TooMany),
    /// A composition lacks a part that it needs.
    Part(Box<PartProblem>),
    /// A function was not called, or has answered with an error.
    Function(Box<FunctionProblem>),
    /// The target failed.
    Fault(Fault),
}

/// How long an issuer may take to be back, in seconds: as often as it is asked.
const ISSUER_AWAY: u64 = 10;

#[derive(Serialize)]
struct Document<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    instance: &'a str,
    trace_id: String,
    #[serde(flatten)]
    members: Map<String, Value>,
}

impl Problem {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::BadHead(_) => FaultKind::BadRequest.status(),
            Self::Unauthenticated(_) => StatusCode::UNAUTHORIZED,
            Self::Refused(Refusal::NoKeys(_)) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Refused(_) => StatusCode::FORBIDDEN,
            Self::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Part(part) => part.status,
            Self::Function(problem) => problem.status,
            Self::Fault(fault) => fault.kind.status(),
        }
    }

    /// The last part of the document's `type`.
    fn name(&self) -> &'static str {
        match self {
            Self::NotFound => "not-found",
            Self::MethodNotAllowed(_) => "method-not-allowed",
            Self::BadHead(_) => FaultKind::BadRequest.name(),
            Self::Unauthenticated(_) => "unauthenticated",
            Self::Refused(Refusal::NoKeys(_)) => "no-keys",
            Self::Refused(_) => "forbidden",
            Self::TooMany(_) => "too-many-requests",
            Self::Part(part) => part.kind,
            Self::Function(problem) => problem.kind,
            Self::Fault(fault) => fault.kind.name(),
        }
    }

    pub(super) fn title(&self) -> &'static str {
        match self {
            Self::NotFound => "No route leads from this host and path to a service.",
            Self::MethodNotAllowed(_) => "This path does not take this method.",
            Self::BadHead(_) => FaultKind::BadRequest.title(),
            Self::Unauthenticated(_) => "This path asks for credentials.",
            Self::Refused(refusal) => refusal.told(),
            Self::Part(part) => part.title,
            Self::Function(problem) => problem.title,
            Self::TooMany(_) => "There were more requests than are allowed in this time.",
            Self::Fault(fault) => fault.kind.title(),
        }
    }

    fn detail(&self) -> Option<&'static str> {
        match self {
            Self::BadHead(detail) => Some(detail),
            _ => None,
        }
    }

    /// What the document says besides: which part is missing, what is wrong with which argument.
    fn members(&self) -> Map<String, Value> {
        match self {
            Self::Part(part) => Map::from_iter([("part".to_owned(), part.part.as_str().into())]),
            Self::Function(problem) => problem.members.clone(),
            _ => Map::new(),
        }
    }

    /// Whether part of the request's body is left on the connection, which then must end: its
    /// bytes are not the next request.
    pub(super) fn leaves_body_unread(&self) -> bool {
        let unread = [FaultKind::BodyTooLarge, FaultKind::BodyTimeout, FaultKind::Key(KeyFault::RequestTooLarge)];
        matches!(self, Self::Fault(fault) if unread.contains(&fault.kind))
    }

    /// Writes the fault's detail where the operator finds it.
    pub(super) fn log(&self, request_id: &str, trace: TraceContext) {
        let (kind, trace_id) = (self.name(), trace.trace_id_hex());
        let detail = match self {
            Self::Fault(fault) => &fault.detail,
            Self::Part(part) => &format!("the part {}: {}", part.part, part.detail),
            Self::Refused(refusal) => &refusal.to_string(),
            _ => return,
        };
        match self.blame() {
            Blame::Host => tracing::error!(kind, request_id, %trace_id, detail, "request failed"),
            Blame::Guest => tracing::warn!(kind, request_id, %trace_id, detail, "request failed"),
            // under overload and attack a line for each would be the next overload
            Blame::Caller | Blame::Overload => tracing::debug!(kind, request_id, %trace_id, detail, "request failed"),
        }
    }

    fn blame(&self) -> Blame {
        match self {
            Self::Fault(fault) => fault.kind.blame(),
            Self::Part(part) if part.status.is_server_error() => Blame::Guest,
            Self::Refused(Refusal::NoKeys(_)) => Blame::Host,
            _ => Blame::Caller,
        }
    }

    /// The response. `path` is the one that the client asked for.
    pub(super) fn respond(&self, path: &str, trace: TraceContext) -> Response<Body> {
        let document = Document {
            r#type: format!("urn:holm:fault:{}", self.name()),
            title: self.title(),
            status: self.status().as_u16(),
            detail: self.detail(),
            instance: path,
            trace_id: trace.trace_id_hex().to_string(),
            members: self.members(),
        };
        // strings and a number: cannot fail
        let json = serde_json::to_vec(&document).unwrap_or_default();
        let mut response = Response::new(body::full(json));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        // a cache must not keep a failure
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(allow) = self.allow() {
            headers.insert(header::ALLOW, allow);
        }
        if let Some(seconds) = self.retry_after() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Self::Unauthenticated(challenges) = self {
            for challenge in challenges {
                headers.append(header::WWW_AUTHENTICATE, challenge.clone());
            }
        }
        response
    }

    fn allow(&self) -> Option<HeaderValue> {
        let Self::MethodNotAllowed(methods) = self else { return None };
        let names: Vec<&str> = methods.iter().map(Method::as_str).collect();
        HeaderValue::try_from(names.join(", ")).ok()
    }

    fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Fault(fault) => fault.retry_after_seconds(),
            Self::Part(part) => part.retry_after,
            Self::Refused(Refusal::NoKeys(_)) => Some(ISSUER_AWAY),
            Self::TooMany(too_many) => Some(whole_seconds(too_many.wait)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http_body_util::BodyExt;

    use super::*;

    const TRACE: TraceContext = TraceContext { trace_id: 0xabc, span_id: 1, flags: 1 };

    #[tokio::test]
    async fn a_fault_does_not_tell_the_client_about_the_inside() {
        let mut fault = Fault::new(FaultKind::Overload, "pool of 64 instances at /var/lib/holm");
        fault.retry_after = Some(Duration::from_millis(1200));
        let response = Problem::Fault(fault).respond("/users/7", TRACE);
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()["retry-after"], "2");
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        let document: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(
            document,
            serde_json::json!({
                "type": "urn:holm:fault:overload",
                "title": "The service has more requests than it can take.",
                "status": 503,
                "instance": "/users/7",
                "trace_id": "00000000000000000000000000000abc",
            })
        );
    }

    #[test]
    fn a_405_says_which_methods_are_taken() {
        let response = Problem::MethodNotAllowed(vec![Method::GET, Method::HEAD]).respond("/", TRACE);
        assert_eq!(response.status(), 405);
        assert_eq!(response.headers()["allow"], "GET, HEAD");
    }
}
