//! Extractors whose refusals are problem documents.

use axum::extract::{FromRequestParts, Path, Query};
use http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use holm_registry::ServiceName;

use super::api::Problem;

/// The `{name}` of the path, checked.
pub(super) struct Named(pub ServiceName);

/// The query string as `T`.
pub(super) struct Asked<T>(pub T);

#[derive(Deserialize)]
struct NameInPath {
    name: String,
}

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<NameInPath>::from_request_parts(parts, state).await;
        let Path(NameInPath { name }) = path.map_err(|error| Problem::bad_request(error.body_text()))?;
        service_name(&name).map(Self)
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = Query::<T>::from_request_parts(parts, state).await;
        query.map(|Query(asked)| Self(asked)).map_err(|error| Problem::bad_request(error.body_text()))
    }
}

/// A service name, or what is wrong with it.
pub(super) fn service_name(text: &str) -> Result<ServiceName, Problem> {
    text.parse().map_err(|error| Problem::bad_request(format!("`{text}` is no service name: {error}")))
}
