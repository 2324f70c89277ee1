//! One part of a composition: asked by name, read whole, within its deadline.

use std::sync::Arc;
use std::time::Instant;

use futures::future::BoxFuture;
use holm_registry::compose::Next;
use holm_registry::gateway::PartName;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode, Uri};
use serde_json::Value;

use crate::body::{self, Body};
use crate::fault::{Fault, FaultKind};
use crate::gateway::behind::Behind;
use crate::gateway::headers;
use crate::gateway::limits::PART;
use crate::gateway::targets::Asked;
use crate::services::{HttpEntry, Lineage};

/// Why a part that was asked is missing.
#[derive(Clone, Debug)]
pub(super) enum Missing {
    /// The service has failed, or what it said is no JSON.
    Fault(Fault),
    /// It has answered, and not with what was asked for.
    Status(StatusCode),
}

impl From<Fault> for Missing {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Fields of the client's request that speak of its own body or of the answer's form: a part has
/// neither.
static NOT_OF_A_PART: [HeaderName; 13] = [
    header::ACCEPT_ENCODING,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::EXPECT,
    header::IF_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_NONE_MATCH,
    header::IF_RANGE,
    header::IF_UNMODIFIED_SINCE,
    header::RANGE,
    header::TE,
    HeaderName::from_static("idempotency-key"),
];

/// What every part is told of the request that it is for: who asks, the trace, the language.
pub(super) fn headers(of_client: &HeaderMap) -> HeaderMap {
    let mut headers = of_client.clone();
    for name in &NOT_OF_A_PART {
        headers.remove(name);
    }
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    headers
}

/// Asks for it. What comes of it is told with its name.
pub(super) fn ask<'p, B: Behind>(
    asked: Asked<'_, B>,
    next: Next<'p>,
    headers: HeaderMap,
) -> BoxFuture<'p, (&'p PartName, Result<Value, Missing>)> {
    let deadline = next.part.timeout.map_or(asked.deadline, |timeout| asked.deadline.min(Instant::now() + timeout));
    let entry = HttpEntry {
        service: next.part.get.service().clone(),
        route: Some(Arc::clone(&asked.rule.label)),
        deadline,
        request_id: headers::text(asked.request_id).into_owned(),
        trace: asked.trace,
        lineage: Lineage::default(),
    };
    let mut request = Request::new(body::empty());
    *request.method_mut() = Method::GET;
    *request.uri_mut() = Uri::from(next.path);
    *request.headers_mut() = headers;
    let (name, answer) = (next.name, asked.behind.service(entry, request));
    Box::pin(async move {
        let answer = tokio::time::timeout_at(deadline.into(), async { read(answer.await?).await }).await;
        let late = |_| Err(Fault::new(FaultKind::Deadline, "the part's deadline passed").into());
        (name, answer.unwrap_or_else(late))
    })
}

async fn read(response: Response<Body>) -> Result<Value, Missing> {
    let (head, body) = response.into_parts();
    if !head.status.is_success() {
        return Err(Missing::Status(head.status));
    }
    if head.status == StatusCode::NO_CONTENT {
        return Ok(Value::Null);
    }
    let broken = |why: String| Fault::new(FaultKind::Dependency, why);
    if !is_json(&head.headers) {
        return Err(broken("what it answered is not called JSON by its content-type".to_owned()).into());
    }
    let whole = body::whole(body, PART).await;
    let bytes = whole.map_err(|error| broken(format!("its answer was not read to its end: {error}")))?;
    serde_json::from_slice(&bytes).map_err(|error| broken(format!("what it answered is no JSON: {error}")).into())
}

/// `application/json`, or what ends in `+json`.
fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_asked_about_the_body_of_the_client() {
        let mut of_client = HeaderMap::new();
        for name in ["content-length", "if-none-match", "accept-encoding", "x-user-id", "traceparent", "accept"] {
            of_client.insert(HeaderName::from_static(name), HeaderValue::from_static("1"));
        }
        let headers = headers(&of_client);
        let mut names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["accept", "traceparent", "x-user-id"]);
        assert_eq!(headers["accept"], "application/json");
    }

    #[test]
    fn a_page_is_taken_for_json() {
        let is_json = |kind: &str| is_json(&HeaderMap::from_iter([(header::CONTENT_TYPE, kind.parse().unwrap())]));
        for kind in ["application/json", "Application/JSON; charset=utf-8", "application/hal+json"] {
            assert!(is_json(kind), "{kind}");
        }
        for kind in ["text/html", "text/json", "application/jsonp", "application/problem+xml", ""] {
            assert!(!is_json(kind), "{kind}");
        }
    }
}
