//! Failures as problem documents (RFC 9457), and the one table from [`DeployError`] to a status.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

use super::api::Problem;
use super::audit::Reason;
use crate::services::DeployError;

impl Problem {
    /// `code` ends the problem's type; `detail` says why and what to do.
    pub(super) fn new(status: StatusCode, code: &str, title: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:holm:problem:{code}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            code: code.to_owned(),
        }
    }

    /// The request is not what this path takes.
    pub(super) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", "The request is not valid.", detail)
    }

    /// A body or a part of it is larger than allowed.
    pub(super) fn too_large(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The upload is too large.", detail)
    }

    /// Nothing is there.
    pub(super) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "There is nothing of that name.", detail)
    }
}

impl From<DeployError> for Problem {
    fn from(error: DeployError) -> Self {
        let (status, code, title) = match &error {
            DeployError::Rejected(_) => (StatusCode::UNPROCESSABLE_ENTITY, "rejected", "The deployment was refused."),
            DeployError::Unsigned(_) => {
                (StatusCode::FORBIDDEN, "unsigned", "Nobody whom this host trusts has signed the component.")
            }
            DeployError::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The component is too large."),
            DeployError::Taken(_) => (StatusCode::CONFLICT, "taken", "Something else has that name already."),
            DeployError::NotFound(_) => (StatusCode::NOT_FOUND, "not-found", "There is nothing of that name."),
            DeployError::Unhealthy(_) => {
                (StatusCode::UNPROCESSABLE_ENTITY, "unhealthy", "The new revision is not well; nothing has changed.")
            }
            DeployError::DiskFull(_) => {
                (StatusCode::INSUFFICIENT_STORAGE, "disk-full", "The host has no space left; nothing has changed.")
            }
            DeployError::Host(_) => (StatusCode::INTERNAL_SERVER_ERROR, "host", "The host failed."),
        };
        if status.is_server_error() {
            tracing::error!(target: "holm::admin", code, "{error}");
        }
        Self::new(status, code, title, error.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let reason = Reason(self.detail.clone());
        let mut response = (status, axum::Json(self)).into_response();
        response.extensions_mut().insert(reason);
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_cannot_tell_a_refused_component_from_a_broken_host() {
        let statuses: Vec<_> = [
            DeployError::Rejected("not a component".to_owned()),
            DeployError::Unsigned("nobody".to_owned()),
            DeployError::TooLarge("65 MiB".to_owned()),
            DeployError::Taken("users 1.0.0".to_owned()),
            DeployError::NotFound("users".to_owned()),
            DeployError::Unhealthy("probe".to_owned()),
            DeployError::DiskFull("no space".to_owned()),
            DeployError::Host("store".to_owned()),
        ]
        .map(|error| Problem::from(error).status)
        .into();
        assert_eq!(statuses, [422, 403, 413, 409, 404, 422, 507, 500]);
    }

    #[test]
    fn the_reason_of_a_refusal_is_kept_from_the_deployer() {
        let problem = Problem::from(DeployError::Rejected("imports `wasi:nn/graph`, which nobody provides".to_owned()));
        assert_eq!(problem.kind, "urn:holm:problem:rejected");
        assert!(problem.detail.contains("wasi:nn/graph"));
    }
}
