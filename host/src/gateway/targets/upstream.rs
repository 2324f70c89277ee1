//! Whoever listens at a URL.

use holm_registry::discovery::url::HttpUrl;
use http::{Request, Response};

use super::Asked;
use crate::body::Body;
use crate::gateway::behind::Behind;
use crate::gateway::respond::Problem;

/// Asks it.
///
/// # Errors
/// Why there is no answer.
pub(super) async fn ask<B: Behind>(
    asked: Asked<'_, B>,
    url: &HttpUrl,
    request: Request<Body>,
) -> Result<Response<Body>, Problem> {
    asked.behind.upstream(url, asked.deadline, request).await.map_err(Problem::Fault)
}
