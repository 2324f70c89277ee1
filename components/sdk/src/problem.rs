//! Errors as JSON documents, after RFC 9457 (`application/problem+json`).
//!
//! Beside the standard members every document has `error`, the message once more: clients that came before
//! the standard look for `{"error": "User not found"}`, newer ones for `detail`.

use crate::Response;
use serde::Serialize;
use std::fmt::Display;

/// Why a request failed, in words for its sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The status code.
    pub status: u16,
    /// One sentence.
    pub message: String,
    /// What is wrong with which part of the body; empty if that is not the matter.
    pub errors: Vec<FieldError>,
    /// What the log gets to know and the sender does not.
    pub cause: Option<String>,
}

/// What is wrong with one part of a body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// Where, as a JSON pointer fragment: `#/email`.
    pub pointer: String,
    /// What, in words for the sender.
    pub detail: String,
}

impl FieldError {
    /// What is wrong with the member `field` of the body's object.
    pub fn new(field: &str, detail: impl Into<String>) -> Self {
        Self { pointer: format!("#/{field}"), detail: detail.into() }
    }
}

impl Problem {
    /// A problem with one message.
    pub fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), errors: Vec::new(), cause: None }
    }

    /// 404.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(404, message)
    }

    /// 422: the body could be read, but some of its values cannot be accepted.
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        Self { errors, ..Self::new(422, "Some values cannot be accepted") }
    }

    /// 500: the cause goes to the log, the sender learns only that it was not his fault.
    pub fn internal(cause: impl Display) -> Self {
        Self { cause: Some(cause.to_string()), ..Self::new(500, "Internal server error") }
    }

    /// The document as a response.
    pub fn into_response(self) -> Response {
        let document = Document {
            title: reason(self.status),
            status: self.status,
            detail: &self.message,
            error: &self.message,
            errors: &self.errors,
        };
        let body = serde_json::to_vec(&document).unwrap_or_default();
        Response { body, ..Response::empty(self.status) }.with_header("content-type", "application/problem+json")
    }
}

/// The members in the order in which they are read. `type` is left out, which means `about:blank`: the title
/// says no more than the status code does.
#[derive(Serialize)]
struct Document<'a> {
    title: &'static str,
    status: u16,
    detail: &'a str,
    error: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
}

/// The reason phrase of RFC 9110; a code that is not listed counts as the x00 of its class, as it says there.
fn reason(status: u16) -> &'static str {
    match status {
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        503 => "Service Unavailable",
        400..=499 => "Bad Request",
        _ => "Internal Server Error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_client_does_not_find_its_error_member() {
        let response = Problem::not_found("User not found").into_response();
        let document: serde_json::Value = serde_json::from_slice(&response.body).unwrap();
        assert_eq!(document["error"], "User not found");
        assert_eq!(document["detail"], "User not found");
        assert_eq!(document["title"], "Not Found");
        assert_eq!(document["status"], 404);
        assert_eq!(document.get("errors"), None);
        assert_eq!(response.headers, [("content-type", "application/problem+json".to_string())]);
    }

    #[test]
    fn the_form_cannot_tell_which_field_is_wrong() {
        let response = Problem::invalid(vec![FieldError::new("email", "has no @")]).into_response();
        let document: serde_json::Value = serde_json::from_slice(&response.body).unwrap();
        assert_eq!(document["errors"][0]["pointer"], "#/email");
    }
}
