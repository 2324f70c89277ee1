//! The path that shows services that are not Wasm.

use axum::Json;
use axum::extract::State;

use super::api::{OutsideCheck, OutsideInstance, OutsideService};
use super::server::AdminState;
use crate::discovery;

/// Services that are not Wasm: externals of manifests, and what clients have registered.
#[utoipa::path(get, path = "/api/outside", tag = "look", responses((status = 200, body = Vec<OutsideService>)))]
pub(super) async fn list(State(state): State<AdminState>) -> Json<Vec<OutsideService>> {
    Json(state.discovery.outside().into_iter().map(OutsideService::from).collect())
}

impl From<discovery::OutsideService> for OutsideService {
    fn from(service: discovery::OutsideService) -> Self {
        let discovery::OutsideService { name, kind, app, instances } = service;
        let instances = instances.into_iter().map(OutsideInstance::from).collect();
        Self { service: name, kind: kind.to_owned(), app, instances }
    }
}

impl From<discovery::OutsideInstance> for OutsideInstance {
    fn from(instance: discovery::OutsideInstance) -> Self {
        let discovery::OutsideInstance { id, url, status, ejected, in_flight, tags, checks } = instance;
        let check = |check: discovery::OutsideCheck| OutsideCheck {
            id: check.id,
            status: check.status.to_owned(),
            output: check.output,
        };
        let checks = checks.into_iter().map(check).collect();
        Self { id, url, status: status.to_owned(), ejected, in_flight, tags, checks }
    }
}
