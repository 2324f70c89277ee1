//! `/v1/health/…`, `/v1/catalog/…` and `/v1/status/…`: who is there, and how they are.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use holm_registry::discovery::check::Status;
use holm_registry::discovery::directory::Directory;
use serde_json::{Value, json};

use super::ConsulState;
use super::answer;
use super::query::{Asked, DATACENTER};
use super::refusal::Refusal;
use super::register;

/// The instances of a service with their checks: all, or those that pass.
pub(super) async fn health_service(
    State(state): State<ConsulState>,
    Path(name): Path<String>,
    asked: Asked,
) -> Result<Response, Refusal> {
    let look = |directory: &Directory| {
        let is_wanted = |status| !asked.passing || status == Status::Passing;
        let found = answer::tagged(directory, &name, &asked).filter(|instance| is_wanted(instance.status()));
        found.map(answer::health).collect()
    };
    state.answer(&asked, |directory| directory.index_of(&name), look).await
}

/// The checks of a service.
pub(super) async fn health_checks(
    State(state): State<ConsulState>,
    Path(name): Path<String>,
    asked: Asked,
) -> Result<Response, Refusal> {
    let look = |directory: &Directory| {
        let named = directory.named(&name).flat_map(|instance| instance.checks().iter().map(move |it| (instance, it)));
        named.map(|(instance, check)| answer::check(instance, check)).collect()
    };
    state.answer(&asked, |directory| directory.index_of(&name), look).await
}

/// All checks in a state, or in `any`.
pub(super) async fn health_state(
    State(state): State<ConsulState>,
    Path(wanted): Path<String>,
    asked: Asked,
) -> Result<Response, Refusal> {
    let wanted = if wanted == "any" { None } else { Some(register::status(&wanted)?) };
    let look = |directory: &Directory| {
        let all = directory.shown().flat_map(|instance| instance.checks().iter().map(move |it| (instance, it)));
        let in_state = all.filter(|(_, check)| wanted.is_none_or(|wanted| wanted == check.status()));
        in_state.map(|(instance, check)| answer::check(instance, check)).collect()
    };
    state.answer(&asked, Directory::index, look).await
}

/// All names with their tags.
pub(super) async fn catalog_services(State(state): State<ConsulState>, asked: Asked) -> Result<Response, Refusal> {
    state.answer(&asked, Directory::index, answer::names).await
}

/// The instances of a service, however they are.
pub(super) async fn catalog_service(
    State(state): State<ConsulState>,
    Path(name): Path<String>,
    asked: Asked,
) -> Result<Response, Refusal> {
    let look = |directory: &Directory| answer::tagged(directory, &name, &asked).map(answer::catalog).collect();
    state.answer(&asked, |directory| directory.index_of(&name), look).await
}

/// The one node.
pub(super) async fn catalog_nodes(State(state): State<ConsulState>, asked: Asked) -> Result<Response, Refusal> {
    state.answer(&asked, Directory::index, |_| json!([answer::node()])).await
}

/// The one datacenter.
pub(super) async fn datacenters() -> Json<Value> {
    Json(json!([DATACENTER]))
}

/// Who leads: this host, since there is nobody else. Clients ask whether there is a leader.
pub(super) async fn leader(State(state): State<ConsulState>) -> Json<Value> {
    Json(json!(state.gateway))
}

/// Everybody who could lead.
pub(super) async fn peers(State(state): State<ConsulState>) -> Json<Value> {
    Json(json!([state.gateway]))
}

/// What clients read to know whom they talk to.
pub(super) async fn agent_self() -> Json<Value> {
    let config = json!({
        "Datacenter": DATACENTER,
        "NodeName": answer::NODE,
        "Server": true,
        "Version": concat!("holm-", env!("CARGO_PKG_VERSION")),
    });
    Json(json!({ "Config": config, "Member": { "Name": answer::NODE, "Status": 1 }, "Meta": {} }))
}
