//! `http://inventory/…`: a request to another service, which never sees a socket.
//!
//! The service is entered as from the gateway: with its own permits, limits and unit of work. A
//! fault of it is an answer with the status that a client outside would get.

use std::sync::Arc;

use holm_registry::ServiceName;
use holm_registry::table::Table;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::uri::PathAndQuery;
use http::{Request, Response, Uri, Version};

use crate::body::{self, Body};
use crate::fault::Fault;
use crate::hop_by_hop;
use crate::runtime::{HttpEntry, OutboundError, Revision, Terms};

/// Tells a service which other service asks. Only the host sets it.
const CALLER: HeaderName = HeaderName::from_static("x-holm-caller");
/// Tells a service what all this follows from. Inside only the host sets it.
const CORRELATION: HeaderName = HeaderName::from_static("x-correlation-id");

/// Asks the live revision of a service.
///
/// # Errors
/// When no service of this name is live.
pub(super) async fn ask(
    table: Arc<Table<Revision>>,
    label: String,
    request: Request<Body>,
    terms: Terms,
) -> Result<Response<Body>, OutboundError> {
    let service: ServiceName = label.parse().map_err(|_| OutboundError::UnknownName(label.clone()))?;
    let Some(revision) = table.services.get(&service) else {
        return Err(OutboundError::UnknownName(label));
    };
    let request = enter(request, &terms)?;
    let entry = HttpEntry {
        service,
        route: None,
        deadline: terms.deadline,
        request_id: terms.request_id,
        trace: terms.trace,
        lineage: terms.lineage,
    };
    Ok(match revision.http(&entry, request).await {
        Ok(mut response) => {
            hop_by_hop::strip(response.headers_mut());
            response
        }
        Err(fault) => failed(&fault),
    })
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

fn set_caller(headers: &mut HeaderMap, caller: &ServiceName) {
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
fn failed(fault: &Fault) -> Response<Body> {
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
