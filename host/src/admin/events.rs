//! The paths of the event bus: what is in it, what comes, and publishing from outside.

use axum::Json;
use axum::extract::{Request, State};
use axum::response::Response;
use futures::{StreamExt, TryStreamExt};
use holm_registry::store::CommitError;
use holm_registry::subject::{SubjectError, SubjectPattern};
use http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

use super::api::{Consumer, EventLine, Problem, PublishEvent, Published, Stream};
use super::extract::Asked;
use super::lines::lines;
use super::server::AdminState;
use super::upload;
use crate::events::bus::BusError;
use crate::events::{Draft, PublishError};

/// The largest event in base64, with its headers and as JSON.
const EVENT_LIMIT: usize = 2 << 20;

/// The streams of the event bus.
#[utoipa::path(
    get, path = "/api/events/streams", tag = "events",
    responses((status = 200, body = Vec<Stream>), (status = 503, body = Problem))
)]
pub(super) async fn streams(State(state): State<AdminState>) -> Result<Json<Vec<Stream>>, Problem> {
    Ok(Json(state.events.bus().streams().await?.into_iter().map(Stream::from).collect()))
}

/// The subscriptions of all services, and how far they are.
#[utoipa::path(
    get, path = "/api/events/consumers", tag = "events",
    responses((status = 200, body = Vec<Consumer>), (status = 503, body = Problem))
)]
pub(super) async fn consumers(State(state): State<AdminState>) -> Result<Json<Vec<Consumer>>, Problem> {
    Ok(Json(state.events.bus().consumers().await?.into_iter().map(Consumer::from).collect()))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// Which events: a subject in which `*` stands for a token and `>` for all that follow.
    #[param(pattern = "^[a-z.*]{1,64}$")]
    subject: String,
}

/// Events as they are published from now on, a JSON document a line, until the client leaves.
#[utoipa::path(
    get, path = "/api/events/tail", tag = "events", params(Wanted),
    responses((status = 200, body = EventLine, content_type = "application/x-ndjson"), (status = 403, body = Problem),
              (status = 503, body = Problem))
)]
pub(super) async fn tail(State(state): State<AdminState>, Asked(wanted): Asked<Wanted>) -> Result<Response, Problem> {
    let subject: SubjectPattern = wanted.subject.parse().map_err(no_subject)?;
    let events = state.events.bus().tail(&subject).await?;
    let stop = state.stop.clone();
    let events = events.map_ok(|event| EventLine::from(&event));
    Ok(lines(events.take_until(async move { stop.cancelled().await })))
}

/// Publish an event. It is durable when this is answered.
#[utoipa::path(
    post, path = "/api/events", tag = "events", request_body = PublishEvent,
    responses((status = 200, body = Published), (status = 413, body = Problem), (status = 503, body = Problem),
              (status = 507, body = Problem))
)]
pub(super) async fn publish(State(state): State<AdminState>, request: Request) -> Result<Json<Published>, Problem> {
    let body = upload::whole(request, EVENT_LIMIT, "the event").await?;
    let PublishEvent { subject, kind, key, content_type, headers, payload } = upload::json(&body, "the event")?;
    let draft = Draft {
        subject: subject.parse().map_err(no_subject)?,
        kind,
        key,
        content_type,
        headers,
        payload: payload.bytes().map_err(Problem::bad_request)?,
    };
    Ok(Json(Published { id: state.events.publish(draft).await? }))
}

fn no_subject(error: SubjectError) -> Problem {
    Problem::bad_request(error.to_string())
}

/// The store did not take a change.
pub(super) fn not_committed(error: &CommitError) -> Problem {
    let (status, code, title) = match error {
        CommitError::Conflict(_) => (StatusCode::CONFLICT, "conflict", "Somebody else was quicker."),
        CommitError::DiskFull { .. } => (StatusCode::INSUFFICIENT_STORAGE, "disk-full", "The host has no space left."),
        CommitError::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too-large", "It is too large."),
        CommitError::OverQuota(_) => (StatusCode::UNPROCESSABLE_ENTITY, "quota", "The service may not keep this much."),
        CommitError::Backlog { .. } => (StatusCode::SERVICE_UNAVAILABLE, "backlog", "Too many events wait."),
        CommitError::Store(_) => return host_failed(error),
    };
    Problem::new(status, code, title, error.to_string())
}

/// The host failed.
pub(super) fn host_failed(error: &impl std::error::Error) -> Problem {
    tracing::error!(target: "holm::admin", "{error}");
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "host", "The host failed.", error.to_string())
}

impl From<BusError> for Problem {
    fn from(error: BusError) -> Self {
        match &error {
            BusError::Away(_) | BusError::Refused(_) => {
                let title = "The event bus does not answer.";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "events", title, error.to_string())
            }
            BusError::Commit(commit) => not_committed(commit),
            BusError::Gone => Self::not_found(error.to_string()),
            BusError::Store(store) => host_failed(store),
        }
    }
}

impl From<PublishError> for Problem {
    fn from(error: PublishError) -> Self {
        match &error {
            PublishError::Reserved(_) => Self::bad_request(error.to_string()),
            PublishError::Unfit(unfit) if unfit.is_too_large() => Self::too_large(error.to_string()),
            PublishError::Unfit(_) => Self::bad_request(error.to_string()),
            PublishError::Commit(commit) => not_committed(commit),
            PublishError::Store(store) => host_failed(store),
        }
    }
}
