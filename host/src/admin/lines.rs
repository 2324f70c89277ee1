//! Answers that have no end, or a far one: a JSON document a line.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use http::{HeaderValue, header};
use serde::Serialize;

/// The media type that goes with it.
pub(super) const JSON_LINES: &str = "application/x-ndjson";

/// Sends each item as a line. What goes wrong on the way breaks the answer off: the client sees that it is not whole.
pub(super) fn lines<T: Serialize, E: std::error::Error + Send + Sync + 'static>(
    items: impl Stream<Item = Result<T, E>> + Send + 'static,
) -> Response {
    let body = Body::from_stream(items.map(|item| item.map(|item| line(&item))));
    let mut response = body.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON_LINES));
    response
}

fn line(item: &impl Serialize) -> Bytes {
    // These types always become JSON: no maps with odd keys, no failing serializers.
    let mut json = serde_json::to_vec(item).unwrap_or_default();
    json.push(b'\n');
    json.into()
}
