//! The paths that only look at services and routes.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use holm_registry::gateway::GatewaySettings;
use holm_registry::route::RouteSpec;

use super::api::{Inspection, Problem, Revision, Service};
use super::extract::Named;
use super::server::AdminState;

/// All services.
#[utoipa::path(get, path = "/api/services", tag = "look", responses((status = 200, body = Vec<Service>)))]
pub(super) async fn list(State(state): State<AdminState>) -> Json<Vec<Service>> {
    Json(state.services.list().into_iter().map(Service::from).collect())
}

/// One service.
#[utoipa::path(
    get, path = "/api/services/{name}", tag = "look",
    params(("name" = String, Path, description = "Service name")),
    responses((status = 200, body = Service), (status = 404, body = Problem))
)]
pub(super) async fn one(State(state): State<AdminState>, Named(name): Named) -> Result<Json<Service>, Problem> {
    let found = state.services.list().into_iter().find(|status| status.service == name);
    let missing = || Problem::not_found(format!("no service `{name}`; GET /api/services lists those there are"));
    found.map(|status| Json(status.into())).ok_or_else(missing)
}

/// The live and kept revisions of a service, newest first.
#[utoipa::path(
    get, path = "/api/services/{name}/revisions", tag = "look",
    params(("name" = String, Path, description = "Service name")),
    responses((status = 200, body = Vec<Revision>), (status = 404, body = Problem))
)]
pub(super) async fn revisions(
    State(state): State<AdminState>,
    Named(name): Named,
) -> Result<Json<Vec<Revision>>, Problem> {
    let mut revisions = state.services.revisions(&name)?;
    revisions.sort_by_key(|status| std::cmp::Reverse(status.revision));
    Ok(Json(revisions.into_iter().map(Revision::from).collect()))
}

/// What the live component of a service needs and offers, and its settings.
#[utoipa::path(
    get, path = "/api/services/{name}/inspect", tag = "look",
    params(("name" = String, Path, description = "Service name")),
    responses((status = 200, body = Inspection), (status = 404, body = Problem))
)]
pub(super) async fn inspect(State(state): State<AdminState>, Named(name): Named) -> Result<Json<Inspection>, Problem> {
    Ok(Json(state.services.inspect_service(&name).await?.into()))
}

/// All gateway rules.
#[utoipa::path(get, path = "/api/routes", tag = "look", responses((status = 200, body = Vec<Object>)))]
pub(super) async fn routes(State(state): State<AdminState>) -> Json<Vec<RouteSpec>> {
    Json(state.services.routes().to_vec())
}

/// What they refer to by name, by app: schemes and limits, with secrets hidden.
#[utoipa::path(get, path = "/api/gateway", tag = "look", responses((status = 200, body = Object)))]
pub(super) async fn gateway(State(state): State<AdminState>) -> Json<BTreeMap<String, GatewaySettings>> {
    let hide = |(app, settings): (String, GatewaySettings)| (app, settings.without_secrets());
    Json(state.services.gateway_settings().into_iter().map(hide).collect())
}
