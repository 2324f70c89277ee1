//! A request to a service of this host, which never sees a socket.
//!
//! The service is entered as from the gateway: with its own permits, limits and unit of work. A
//! fault of it is an answer with the status that a client outside would get.

use std::sync::Arc;

use holm_registry::ServiceName;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::uri::PathAndQuery;
use http::{Request, Response, Uri, Version};

use super::verdict::{Answered, Failed, judged};
use crate::body::{self, Body};
use crate::fault::Fault;
use crate::hop_by_hop;
use crate::runtime::{HttpEntry, OutboundError, Revision, Terms};

/// Tells a service which other service asks. Only the host sets it.
const CALLER: HeaderName = HeaderName::from_static("x-holm-caller");
/// Tells a service what all this follows from. Inside only the host sets it.
const CORRELATION: HeaderName = HeaderName::from_static("x-correlation-id");

/// Asks a live revision.
pub(super) async fn ask(
    revision: &Arc<Revision>,
    request: Request<Body>,
    terms: Terms,
) -> Result<Response<Body>, Failed> {
    let request = enter(request, &terms)?;
    let entry = HttpEntry {
        service: revision.service().clone(),
        route: None,
        deadline: terms.deadline,
        request_id: terms.request_id,
        trace: terms.trace,
        lineage: terms.lineage,
    };
    let mut response = revision.http(&entry, request).await?;
    hop_by_hop::strip(response.headers_mut());
    judged(response, Answered::Inside)
}

/// The request as the gateway would hand it over: in origin form, with a host, without anything
/// that only the host may say.
fn enter(request: Request<Body>, terms: &Terms) -> Result<Request<Body>, OutboundError> {
    let (mut head, body) = request.into_parts();
    let authority = head.uri.authority().map(|authority| authority.as_str().to_owned()).unwrap_or_default();
    let host = HeaderValue::try_from(authority).map_err(|error| OutboundError::Protocol(error.to_string()))?;
    head.uri = Uri::from(head.uri.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/")));
    head.version = Version::HTTP_11;
    hop_by_hop::strip(&mut head.headers);
    head.headers.insert(header::HOST, host);
    set_caller(&mut head.headers, &terms.service);
    set_correlation(&mut head.headers, terms.correlation.as_deref());
    Ok(Request::from_parts(head, body))
}

/// Says who asks, whatever the guest says.
pub(super) fn set_caller(headers: &mut HeaderMap, caller: &ServiceName) {
    // a service's name is a DNS label, so it is always a header value
    if let Ok(value) = HeaderValue::from_str(caller.as_str()) {
        headers.insert(CALLER, value);
    }
}

/// Without one it is the request's id, which goes along by itself.
fn set_correlation(headers: &mut HeaderMap, correlation: Option<&str>) {
    match correlation.map(HeaderValue::from_str) {
        Some(Ok(value)) => drop(headers.insert(CORRELATION, value)),
        _ => drop(headers.remove(CORRELATION)),
    }
}

/// A fault, as the gateway tells it: nothing about the inside.
pub(super) fn told(fault: &Fault) -> Response<Body> {
    let status = fault.kind.status();
    let document = serde_json::json!({
        "type": format!("urn:holm:fault:{}", fault.kind.name()),
        "title": fault.kind.title(),
        "status": status.as_u16(),
    });
    let mut response = Response::new(body::full(document.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if let Some(seconds) = fault.retry_after_seconds() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
