//! The paths that call a function of a service, and tell which there are and who calls them.

use axum::extract::{Request, State};
use axum::{Extension, Json};
use http::StatusCode;

use super::api::{Call, CallLine, CallResult, Function, Problem};
use super::audit::Notes;
use super::extract::Named;
use super::server::AdminState;
use super::upload;
use crate::services::{CallError, Called, OfferedFunction, TypedCall};

/// The arguments of a call. A megabyte of values as bytes is rarely more in JSON: base64 adds a third, and a number of
/// eight bytes has at most twenty digits.
const ARGUMENTS_LIMIT: usize = 8 << 20;

/// Call a function of a service, with JSON for values. It may change state, and what it changed is durable when this is
/// answered. An `err` of a result is an answer; a failure of the service is a problem, and what it had staged is discarded.
#[utoipa::path(
    post, path = "/api/services/{name}/call", tag = "call",
    params(("name" = String, Path, description = "Service name")), request_body = Call,
    responses((status = 200, body = CallResult), (status = 404, body = Problem), (status = 409, body = Problem),
              (status = 413, body = Problem), (status = 500, body = Problem), (status = 502, body = Problem),
              (status = 503, body = Problem), (status = 504, body = Problem), (status = 507, body = Problem))
)]
pub(super) async fn call(
    State(state): State<AdminState>,
    Extension(notes): Extension<Notes>,
    Named(service): Named,
    request: Request,
) -> Result<Json<CallResult>, Problem> {
    let body = upload::whole(request, ARGUMENTS_LIMIT, "the call").await?;
    let Call { interface, function, arguments, timeout } = upload::json(&body, "the call")?;
    let request_id = notes.request().to_owned();
    let call = TypedCall { service, interface, function, arguments, timeout, request_id };
    notes.calls(&call);
    let called = state.services.call(call).await?;
    notes.called(&called);
    Ok(Json(called.into()))
}

/// The functions that a service offers to others, with their types.
#[utoipa::path(
    get, path = "/api/services/{name}/functions", tag = "look",
    params(("name" = String, Path, description = "Service name")),
    responses((status = 200, body = Vec<Function>), (status = 404, body = Problem))
)]
pub(super) async fn functions(
    State(state): State<AdminState>,
    Named(name): Named,
) -> Result<Json<Vec<Function>>, Problem> {
    Ok(Json(state.services.offered(&name)?.into_iter().map(Function::from).collect()))
}

/// Who calls whom, and how it goes.
#[utoipa::path(get, path = "/api/calls", tag = "look", responses((status = 200, body = Vec<CallLine>)))]
pub(super) async fn list(State(state): State<AdminState>) -> Json<Vec<CallLine>> {
    Json(state.services.calls().into_iter().map(CallLine::from).collect())
}

impl From<Called> for CallResult {
    fn from(called: Called) -> Self {
        let Called { interface, revision, version, result, took } = called;
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        Self { result, interface, revision, version, took_ms }
    }
}

impl From<OfferedFunction> for Function {
    fn from(offered: OfferedFunction) -> Self {
        let OfferedFunction { interface, function, refused } = offered;
        Self { interface, function, refused }
    }
}

/// Who may call by hand may know why it failed.
impl From<CallError> for Problem {
    fn from(error: CallError) -> Self {
        match error {
            CallError::NotFound(_) => Self::not_found(error.to_string()),
            CallError::Arguments { .. } => {
                Self::new(StatusCode::BAD_REQUEST, "arguments", "The arguments do not fit.", error.to_string())
            }
            CallError::Fault(fault) => {
                Self::new(fault.kind.status(), fault.kind.name(), fault.kind.title(), fault.detail)
            }
            CallError::Host(detail) => {
                tracing::error!(target: "holm::admin", "a call failed: {detail}");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "host", "The host failed.", detail)
            }
        }
    }
}
