//! What the client gets of a composition, and how it learns what is missing.
//!
//! A partial answer has status 200: what is there is right. It says what is missing in
//! `x-holm-partial`, and in `errors` as far as the output has them; and no cache keeps it.

use holm_registry::compose::{AskError, Broken, Failure, Plan, Progress, Unready};
use holm_registry::gateway::PartName;
use holm_registry::template::RenderError;
use http::header::{self, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::part::Missing;
use crate::body::{self, Body};
use crate::fault::{Fault, FaultKind};
use crate::gateway::respond::Problem;

/// Names the parts that are missing.
const PARTIAL: HeaderName = HeaderName::from_static("x-holm-partial");

/// Why a part is missing, as far as a client is told.
#[derive(Debug)]
pub(in crate::gateway) struct PartProblem {
    /// Which part.
    pub(in crate::gateway) part: PartName,
    pub(in crate::gateway) status: StatusCode,
    /// The last part of the document's `type`.
    pub(in crate::gateway) kind: &'static str,
    pub(in crate::gateway) title: &'static str,
    /// For the log alone.
    pub(in crate::gateway) detail: String,
    /// In seconds.
    pub(in crate::gateway) retry_after: Option<u64>,
}

/// All that there is.
///
/// # Errors
/// When the output refers to what a part has not given.
pub(super) fn assemble(plan: &Plan, progress: Progress<'_, Missing>) -> Result<Response<Body>, Problem> {
    let missing: Vec<&str> = progress.missing().map(|(name, _)| name.as_str()).collect();
    // names are plain words
    let partial = (!missing.is_empty()).then(|| HeaderValue::try_from(missing.join(", ")).ok()).flatten();
    for (part, failure) in progress.missing() {
        let problem = problem(plan, part, failure);
        tracing::debug!(%part, kind = problem.kind, detail = problem.detail, "a part is missing");
    }
    let output = progress.output(|part, failure| describe(&problem(plan, part, failure)));
    let output = output.map_err(|error: RenderError| {
        Problem::Fault(Fault::new(FaultKind::Dependency, format!("the output cannot be made: {error}")))
    })?;
    let mut response = Response::new(body::full(output.to_string()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(partial) = partial {
        headers.insert(PARTIAL, partial);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    Ok(response)
}

/// There is no answer without this part.
pub(super) fn broken(plan: &Plan, broken: Broken<Missing>) -> Problem {
    Problem::Part(Box::new(problem(plan, &broken.part, &broken.failure)))
}

/// One of `errors`.
fn describe(problem: &PartProblem) -> Value {
    let PartProblem { part, status, kind, title, .. } = problem;
    json!({
        "part": part.as_str(), "type": format!("urn:holm:fault:{kind}"), "title": title, "status": status.as_u16(),
    })
}

fn problem(plan: &Plan, part: &PartName, failure: &Failure<Missing>) -> PartProblem {
    match failure {
        Failure::Asked(Missing::Fault(fault)) => of_fault(part, fault),
        Failure::Asked(Missing::Status(status)) => of_status(part, *status),
        Failure::Unready(unready) => of_unready(plan, part, unready),
    }
}

fn of_fault(part: &PartName, fault: &Fault) -> PartProblem {
    PartProblem {
        part: part.clone(),
        status: fault.kind.status(),
        kind: fault.kind.name(),
        title: fault.kind.title(),
        detail: fault.detail.clone(),
        retry_after: fault.retry_after_seconds(),
    }
}

/// What a service says of the request (no such order) holds for the whole; what it says of itself
/// is a failure behind the gateway.
fn of_status(part: &PartName, answered: StatusCode) -> PartProblem {
    let (status, title) = match answered {
        StatusCode::NOT_FOUND | StatusCode::GONE => (answered, "A part of what was asked for does not exist."),
        of_client if of_client.is_client_error() => (of_client, "A service has refused its part of the request."),
        _ => (StatusCode::BAD_GATEWAY, FaultKind::Dependency.title()),
    };
    let detail = format!("it answered with status {answered}");
    PartProblem { part: part.clone(), status, kind: FaultKind::Dependency.name(), title, detail, retry_after: None }
}

fn of_unready(plan: &Plan, part: &PartName, unready: &Unready) -> PartProblem {
    let of_client = match unready {
        Unready::Needs(_) => false,
        Unready::Path(AskError::Render(
            RenderError::Missing { reference, .. } | RenderError::NoText { reference, .. },
        )) => !is_part(plan, reference.name()),
        Unready::Path(AskError::Shape { reference, .. }) => !is_part(plan, reference.name()),
        Unready::Path(AskError::Path) => true,
    };
    let kind = if of_client { FaultKind::BadRequest } else { FaultKind::Dependency };
    let title = match unready {
        Unready::Needs(_) => "It needs another part, which is missing.",
        Unready::Path(_) => "What this part needs to know is not there.",
    };
    let (status, detail) = (kind.status(), unready.to_string());
    PartProblem { part: part.clone(), status, kind: kind.name(), title, detail, retry_after: None }
}

fn is_part(plan: &Plan, name: &str) -> bool {
    plan.parts.keys().any(|part| part.as_str() == name)
}
