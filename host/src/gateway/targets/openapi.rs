//! What rules lead to, described for those who write clients.

use holm_registry::ServiceName;
use http::{HeaderValue, Response, header};

use super::Asked;
use crate::body::{self, Body};
use crate::fault::{Fault, FaultKind};
use crate::gateway::behind::Behind;
use crate::gateway::openapi::document;
use crate::gateway::respond::Problem;

/// The document of a service, as its live revision and the rules are now.
///
/// # Errors
/// When it is not live.
pub(super) fn answer<B: Behind>(asked: Asked<'_, B>, service: &ServiceName) -> Result<Response<Body>, Problem> {
    let gone = || Problem::Fault(Fault::new(FaultKind::NoService, format!("{service} is not live")));
    let described = asked.behind.describe(service).ok_or_else(gone)?;
    let mut response = Response::new(body::full(document(service, &described).to_string()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}
