//! A function of a service, called with JSON.
//!
//! | file | question it answers |
//! | --- | --- |
//! | `arguments` | what is it called with (pure) |
//! | `answer` | what does the client get of what it gave, or of why it was not called (pure) |
//! | this one | the way from one to the other |

use holm_registry::route::FunctionTarget;
use http::{HeaderMap, Request, Response, header};
use http_body::Body as _;
use serde_json::Value;

use super::{Asked, call_entry};
use crate::body::{self, Body};
use crate::fault::{Fault, FaultKind};
use crate::gateway::behind::Behind;
use crate::gateway::limits::ARGUMENTS;
use crate::gateway::respond::Problem;
use crate::services::CallError;

mod answer;
mod arguments;

pub(in crate::gateway) use answer::FunctionProblem;
use arguments::{Given, Wrong};

/// Calls it.
///
/// # Errors
/// Why it was not called, or has not answered.
pub(super) async fn ask<B: Behind>(
    asked: Asked<'_, B>,
    target: &FunctionTarget,
    request: Request<Body>,
) -> Result<Response<Body>, Problem> {
    let captures = asked.rule.spec.path.captures(asked.uri.path()).unwrap_or_default();
    let (interface, name) = (target.interface(&captures), target.function(&captures));
    let function = asked.behind.function(&target.service, &interface, name).map_err(not_found)?;
    let body = read(request).await?;
    let given = Given { target, captures: &captures, query: asked.uri.query(), body };
    let (json, places) = arguments::collect(given, function.signature()).map_err(FunctionProblem::arguments)?;
    let arguments = function.arguments(json).await.map_err(|error| match error {
        CallError::Arguments { problem, .. } => FunctionProblem::arguments(places.wrong(&problem)),
        other => failed(other),
    })?;
    let result = function.call(call_entry(&asked), &arguments).await.map_err(Problem::Fault)?;
    let json = function.to_json(result).await.map_err(failed)?;
    answer::respond(json, &function, target)
}

/// Which functions there are is for the log: it is not everybody's business.
fn not_found(error: CallError) -> Problem {
    tracing::debug!(%error, "no such function");
    Problem::NotFound
}

fn failed(error: CallError) -> Problem {
    match error {
        CallError::Fault(fault) => Problem::Fault(fault),
        other => Problem::Fault(Fault::new(FaultKind::Host, other.to_string())),
    }
}

/// The body as JSON; `None` if there is none.
async fn read(request: Request<Body>) -> Result<Option<Value>, Problem> {
    if request.body().is_end_stream() {
        return Ok(None);
    }
    let (head, body) = request.into_parts();
    let whole = body::whole(body, ARGUMENTS).await;
    let unread =
        |error| Problem::Fault(Fault::new(FaultKind::BodyTooLarge, format!("the arguments were not read: {error}")));
    let bytes = whole.map_err(unread)?;
    if bytes.is_empty() {
        return Ok(None);
    }
    if !is_json(&head.headers) {
        return Err(Problem::BadHead("the body is not called JSON by its content-type"));
    }
    let json = serde_json::from_slice(&bytes);
    json.map(Some).map_err(|error| FunctionProblem::arguments(Wrong::whole(format!("the body is no JSON: {error}"))))
}

/// Without a type it is taken for what it must be; a form is refused, since a page of others can
/// send one without asking.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(header::CONTENT_TYPE) else { return true };
    let kind = kind.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || kind.ends_with("+json")
}
