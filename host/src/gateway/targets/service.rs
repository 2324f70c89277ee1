//! A service by its name: of this host, or one that is not Wasm.

use std::sync::Arc;

use holm_registry::ServiceName;
use http::{Request, Response};

use super::Asked;
use crate::body::Body;
use crate::gateway::behind::Behind;
use crate::gateway::headers;
use crate::gateway::respond::Problem;
use crate::services::{HttpEntry, Lineage};

/// Asks it.
///
/// # Errors
/// Its fault.
pub(super) async fn ask<B: Behind>(
    asked: Asked<'_, B>,
    name: &ServiceName,
    request: Request<Body>,
) -> Result<Response<Body>, Problem> {
    let entry = HttpEntry {
        service: name.clone(),
        route: Some(Arc::clone(&asked.rule.label)),
        deadline: asked.deadline,
        request_id: headers::text(asked.request_id).into_owned(),
        trace: asked.trace,
        lineage: Lineage::from_outside(asked.identity.cloned()),
    };
    asked.behind.service(entry, request).await.map_err(Problem::Fault)
}
