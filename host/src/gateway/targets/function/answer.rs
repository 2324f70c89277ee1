//! What the client gets of what a function gave, or of why it was not called.

use holm_registry::route::FunctionTarget;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Map, Value, json};

use super::arguments::Wrong;
use crate::body::{self, Body};
use crate::gateway::named_error::meaning;
use crate::gateway::respond::Problem;
use crate::services::Function;
use crate::services::value::Shape;

/// Why a function has no good answer, for the client alone: it concerns nobody else.
#[derive(Debug)]
pub(in crate::gateway) struct FunctionProblem {
    pub(in crate::gateway) status: StatusCode,
    /// The last part of the document's `type`.
    pub(in crate::gateway) kind: &'static str,
    pub(in crate::gateway) title: &'static str,
    /// Members of the document.
    pub(in crate::gateway) members: Map<String, Value>,
}

impl FunctionProblem {
    /// An argument is none.
    pub(super) fn arguments(wrong: Wrong) -> Problem {
        let Wrong { parameter, pointer, detail } = wrong;
        let mut error = Map::new();
        error.extend(parameter.map(|name| ("parameter".to_owned(), name.into())));
        error.extend(pointer.map(|pointer| ("pointer".to_owned(), pointer.into())));
        error.insert("detail".to_owned(), detail.into());
        Problem::Function(Box::new(Self {
            status: StatusCode::BAD_REQUEST,
            kind: "arguments",
            title: "An argument does not fit.",
            members: Map::from_iter([("errors".to_owned(), json!([error]))]),
        }))
    }
}

/// What it gave: a plain value, or one of the halves of a result.
///
/// # Errors
/// For an `err`, with the status that its name means.
pub(super) fn respond(json: Value, function: &Function, target: &FunctionTarget) -> Result<Response<Body>, Problem> {
    match (&function.signature().result, json) {
        (None, _) => Ok(nothing()),
        (Some(Shape::Result { ok, err }), Value::Object(mut halves)) => {
            match (halves.remove("ok"), halves.remove("err")) {
                (Some(value), _) => Ok(if ok.is_some() { some(&value) } else { nothing() }),
                (None, error) => Err(refused(error.unwrap_or_default(), err.as_deref(), target)),
            }
        }
        (Some(_), value) => Ok(some(&value)),
    }
}

fn nothing() -> Response<Body> {
    let mut response = Response::new(body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

fn some(value: &Value) -> Response<Body> {
    let mut response = Response::new(body::full(value.to_string()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The error stands in the document as it is; a text in it is told as the detail, too.
fn refused(error: Value, shape: Option<&Shape>, target: &FunctionTarget) -> Problem {
    let (name, payload) = if shape == Some(&Shape::String) { (None, Some(&error)) } else { case(&error) };
    let own = name.and_then(|name| target.errors.get(name)).and_then(|status| StatusCode::from_u16(*status).ok());
    let status = own.unwrap_or_else(|| meaning(name.unwrap_or_default()).status);
    let mut members = Map::new();
    members.extend(payload.and_then(Value::as_str).map(|text| ("detail".to_owned(), text.into())));
    members.insert("error".to_owned(), error);
    let title = "The function has answered with an error.";
    Problem::Function(Box::new(FunctionProblem { status, kind: "function-error", title, members }))
}

/// The case of an enum or a variant, and what belongs to it.
fn case(error: &Value) -> (Option<&str>, Option<&Value>) {
    match error {
        Value::String(name) => (Some(name), None),
        Value::Object(fields) if fields.len() == 1 => {
            fields.iter().next().map_or((None, None), |(name, payload)| (Some(name), Some(payload)))
        }
        _ => (None, None),
    }
}
