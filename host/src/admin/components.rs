//! The paths about components that need not belong to a service.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use holm_registry::Digest;
use http::StatusCode;

use super::api::{Inspection, Problem};
use super::document::Wasm;
use super::server::AdminState;
use super::upload;

/// Whether the host has this component, so that it need not be uploaded again.
#[utoipa::path(
    get, path = "/api/components/{digest}", tag = "deploy",
    params(("digest" = String, Path, description = "`sha256:` and 64 hexadecimal digits")),
    responses((status = 204), (status = 404, body = Problem))
)]
pub(super) async fn presence(
    State(state): State<AdminState>,
    digest: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Problem> {
    let Path(digest) = digest.map_err(|error| Problem::bad_request(error.body_text()))?;
    let parsed: Result<Digest, _> = digest.parse();
    let digest = parsed.map_err(|error| Problem::bad_request(format!("`{digest}` is no digest: {error}")))?;
    if state.services.has_component(&digest) {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Problem::not_found(format!("{digest} is not on this host; send it along with the deployment")))
}

/// What a component needs and offers, and what of that is missing here. Nothing is stored.
#[utoipa::path(
    post, path = "/api/inspect", tag = "look",
    request_body(content = Wasm, content_type = "application/wasm"),
    responses((status = 200, body = Inspection), (status = 413, body = Problem), (status = 422, body = Problem))
)]
pub(super) async fn inspect(State(state): State<AdminState>, request: Request) -> Result<Json<Inspection>, Problem> {
    let bytes = upload::whole(request, state.component_limit, "the component").await?;
    Ok(Json(state.services.inspect(bytes).await?.into()))
}
