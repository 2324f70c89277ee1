//! The client is sent elsewhere.

use holm_registry::route::Redirect;
use holm_registry::route::authority::hostname;
use http::{HeaderValue, Response, StatusCode, header};

use super::Asked;
use crate::body::{self, Body};
use crate::gateway::respond::Problem;

/// Says where.
///
/// # Errors
/// When what the client asked for does not fit into the other URL.
pub(super) fn answer<B>(asked: Asked<'_, B>, redirect: &Redirect) -> Result<Response<Body>, Problem> {
    let captures = asked.rule.spec.path.captures(asked.uri.path()).unwrap_or_default();
    let host = hostname(asked.authority).unwrap_or_default();
    let to = redirect.to.of(&captures, asked.uri.query(), host);
    let to = HeaderValue::try_from(to).map_err(|_| Problem::BadHead("the redirected path is not valid"))?;
    let mut response = Response::new(body::empty());
    // checked when the rule was deployed
    *response.status_mut() = StatusCode::from_u16(redirect.status).unwrap_or(StatusCode::PERMANENT_REDIRECT);
    response.headers_mut().insert(header::LOCATION, to);
    Ok(response)
}
