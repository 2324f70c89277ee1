//! An answer that is always the same.

use holm_registry::route::FixedAnswer;
use http::{HeaderValue, Response, StatusCode};

use crate::body::{self, Body};

/// Gives it. What makes no sense in it was refused when the rule was deployed.
pub(super) fn answer(fixed: &FixedAnswer) -> Response<Body> {
    let mut response = Response::new(body::full(fixed.body.clone()));
    *response.status_mut() = StatusCode::from_u16(fixed.status).unwrap_or(StatusCode::OK);
    for (name, value) in &fixed.headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name.as_header(), value);
        }
    }
    response
}
