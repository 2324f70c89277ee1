//! Failures as Consul's clients expect them: a status and a plain text. Node's client shows the
//! text only when it is shorter than 80 bytes.

use axum::response::{IntoResponse, Response};
use holm_registry::discovery::directory::DirectoryError;
use http::{StatusCode, header};

use crate::discovery::RegisterError;

/// A refused request.
#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    text: String,
}

impl Refusal {
    /// The request is nonsense.
    pub(super) fn bad_request(text: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, text: text.into() }
    }

    /// There is nothing of that id.
    pub(super) fn not_found(text: impl Into<String>) -> Self {
        Self { status: StatusCode::NOT_FOUND, text: text.into() }
    }

    /// Who asks may not.
    pub(in crate::admin) fn forbidden(text: impl Into<String>) -> Self {
        Self { status: StatusCode::FORBIDDEN, text: text.into() }
    }

    /// Anything else.
    pub(super) fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into() }
    }
}

impl From<DirectoryError> for Refusal {
    fn from(error: DirectoryError) -> Self {
        let status = match &error {
            DirectoryError::UnknownInstance(_) | DirectoryError::UnknownCheck(_) => StatusCode::NOT_FOUND,
            DirectoryError::NotYours(_) | DirectoryError::NameTaken(..) => StatusCode::FORBIDDEN,
            DirectoryError::Full => StatusCode::INSUFFICIENT_STORAGE,
            DirectoryError::Invalid(_) | DirectoryError::CheckTaken(_) | DirectoryError::NoTtl(_) => {
                StatusCode::BAD_REQUEST
            }
        };
        Self { status, text: error.to_string() }
    }
}

impl From<RegisterError> for Refusal {
    fn from(error: RegisterError) -> Self {
        match error {
            RegisterError::Refused(refused) => refused.into(),
            other => {
                tracing::error!(target: "holm::admin", "{other}");
                Self { status: StatusCode::INTERNAL_SERVER_ERROR, text: other.to_string() }
            }
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], self.text).into_response()
    }
}

pub(super) async fn no_such_path() -> Refusal {
    Refusal::not_found("not part of Holm's discovery API")
}

pub(super) async fn no_such_method() -> Refusal {
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "method not allowed; the Allow header names those that are")
}
