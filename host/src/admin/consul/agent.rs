//! `/v1/agent/…`: what clients register and report, and what is registered.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use holm_registry::discovery::check::Status;
use http::StatusCode;
use serde_json::{Map, Value};

use super::ConsulState;
use super::answer;
use super::fields::Fields;
use super::query::Asked;
use super::refusal::Refusal;
use super::register;

/// A body, or why it cannot be had: it is over the limit of [`super::BODY_LIMIT`].
type Body = Result<Bytes, BytesRejection>;

fn whole(body: Body) -> Result<Bytes, Refusal> {
    body.map_err(|error| Refusal::new(error.status(), error.body_text()))
}

pub(super) async fn register(State(state): State<ConsulState>, body: Body) -> Result<StatusCode, Refusal> {
    let registration = register::registration(&whole(body)?)?;
    state.show_own();
    state.discovery.register(registration).await?;
    Ok(StatusCode::OK)
}

pub(super) async fn deregister(
    State(state): State<ConsulState>,
    Path(id): Path<String>,
) -> Result<StatusCode, Refusal> {
    state.discovery.deregister(&id).await?;
    Ok(StatusCode::OK)
}

pub(super) async fn services(State(state): State<ConsulState>, _: Asked) -> Json<Value> {
    state.show_own();
    let all = state.discovery.read(|directory| {
        directory
            .shown()
            .map(|instance| (instance.registration().id.to_string(), answer::service(instance)))
            .collect::<Map<_, _>>()
    });
    Json(Value::Object(all))
}

pub(super) async fn service(State(state): State<ConsulState>, Path(id): Path<String>) -> Result<Json<Value>, Refusal> {
    state.show_own();
    let found = state.discovery.read(|directory| directory.instance(&id).map(answer::service));
    found.map(Json).ok_or_else(|| Refusal::not_found(format!("unknown service ID: {id}")))
}

pub(super) async fn checks(State(state): State<ConsulState>, _: Asked) -> Json<Value> {
    state.show_own();
    let all = state.discovery.read(|directory| {
        let pairs = directory.shown().flat_map(|instance| instance.checks().iter().map(move |check| (instance, check)));
        pairs.map(|(instance, check)| (check.spec().id.clone(), answer::check(instance, check))).collect::<Map<_, _>>()
    });
    Json(Value::Object(all))
}

/// Adds a check to an instance, or replaces the one with its id.
pub(super) async fn register_check(State(state): State<ConsulState>, body: Body) -> Result<StatusCode, Refusal> {
    let (check, service) = register::lone_check(&whole(body)?)?;
    let found = state.discovery.read(|directory| directory.instance(&service).map(|it| it.registration().clone()));
    let mut registration =
        found.ok_or_else(|| Refusal::bad_request(format!("ServiceID {service:?} does not exist")))?;
    registration.checks.retain(|other| other.id != check.id);
    registration.checks.push(check);
    state.discovery.register(registration).await?;
    Ok(StatusCode::OK)
}

pub(super) async fn deregister_check(
    State(state): State<ConsulState>,
    Path(id): Path<String>,
) -> Result<StatusCode, Refusal> {
    let found = state.discovery.read(|directory| directory.with_check(&id).map(|it| it.registration().clone()));
    let mut registration = found.ok_or_else(|| unknown_check(&id))?;
    registration.checks.retain(|check| check.id != id);
    state.discovery.register(registration).await?;
    Ok(StatusCode::OK)
}

fn unknown_check(id: &str) -> Refusal {
    holm_registry::discovery::directory::DirectoryError::UnknownCheck(id.to_owned()).into()
}

pub(super) async fn pass(state: State<ConsulState>, id: Path<String>, asked: Asked) -> Result<StatusCode, Refusal> {
    report(state, id, Status::Passing, asked.note).await
}

pub(super) async fn warn(state: State<ConsulState>, id: Path<String>, asked: Asked) -> Result<StatusCode, Refusal> {
    report(state, id, Status::Warning, asked.note).await
}

pub(super) async fn fail(state: State<ConsulState>, id: Path<String>, asked: Asked) -> Result<StatusCode, Refusal> {
    report(state, id, Status::Critical, asked.note).await
}

/// `{"Status": "passing", "Output": "…"}`
pub(super) async fn update(state: State<ConsulState>, id: Path<String>, body: Body) -> Result<StatusCode, Refusal> {
    let mut fields = Fields::parse(&whole(body)?)?;
    let status = register::status(&fields.text("Status")?)?;
    report(state, id, status, fields.text("Output")?).await
}

async fn report(
    State(state): State<ConsulState>,
    Path(id): Path<String>,
    status: Status,
    output: String,
) -> Result<StatusCode, Refusal> {
    state.discovery.report(&id, status, output).await?;
    Ok(StatusCode::OK)
}
