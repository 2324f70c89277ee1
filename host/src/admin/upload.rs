//! Reading bodies: never more than allowed, refused as soon as it is clear.

use std::time::Duration;

use axum::body::Body;
use axum::extract::multipart::Field;
use axum::extract::{FromRequest, Multipart, Request};
use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt};
use http::header;
use serde::de::DeserializeOwned;

use super::api::Problem;

/// A body that holds JSON: settings of a hundred services fit, a mistaken upload does not.
pub(super) const JSON_LIMIT: usize = 1 << 20;
/// How much of a body that is too large is read and thrown away, so that a client which sends
/// first and reads then gets the answer instead of a reset connection ...
const THROWN_AWAY: usize = 256 << 20;
/// ... and for how long.
const THROWING_AWAY: Duration = Duration::from_secs(5);

/// A body as it came: one thing, or named parts.
pub(super) enum Upload {
    /// Raw bytes.
    Whole(Bytes),
    /// `multipart/form-data`.
    Parts(Multipart),
}

/// Reads a raw body up to `limit` bytes; leaves parts to be read one by one.
pub(super) async fn open(request: Request, limit: usize) -> Result<Upload, Problem> {
    if is_multipart(&request) {
        return form(request).await.map(Upload::Parts);
    }
    whole(request, limit, "the component").await.map(Upload::Whole)
}

/// A body that must be a form.
pub(super) async fn form(request: Request) -> Result<Multipart, Problem> {
    if !is_multipart(&request) {
        return Err(Problem::bad_request("this path takes a multipart/form-data body"));
    }
    let parts = Multipart::from_request(request, &()).await;
    parts.map_err(|error| Problem::bad_request(error.body_text()))
}

/// A raw body of at most `limit` bytes. `what` names it in a refusal.
pub(super) async fn whole(request: Request, limit: usize, what: &str) -> Result<Bytes, Problem> {
    if announced(&request).is_some_and(|length| length > limit) && waits_for_permission(&request) {
        return Err(too_large(what, limit));
    }
    collect(Body::into_data_stream(request.into_body()), limit, what).await
}

/// A part of at most `limit` bytes.
pub(super) async fn part(field: Field<'_>, limit: usize, what: &str) -> Result<Bytes, Problem> {
    collect(field, limit, what).await
}

/// JSON, or what is wrong with it and where.
pub(super) fn json<T: DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T, Problem> {
    serde_json::from_slice(bytes).map_err(|error| Problem::bad_request(format!("{what} cannot be read: {error}")))
}

async fn collect<E: std::fmt::Display>(
    stream: impl Stream<Item = Result<Bytes, E>>,
    limit: usize,
    what: &str,
) -> Result<Bytes, Problem> {
    let mut stream = std::pin::pin!(stream);
    let mut bytes = BytesMut::new();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|error| Problem::bad_request(format!("{what} broke off: {error}")))?;
        if bytes.len() + chunk.len() > limit {
            drop(bytes);
            throw_away(stream).await;
            return Err(too_large(what, limit));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}

async fn throw_away<E>(stream: impl Stream<Item = Result<Bytes, E>>) {
    let mut stream = std::pin::pin!(stream);
    let reading = async {
        let mut thrown = 0;
        while let Some(Ok(chunk)) = stream.next().await {
            thrown += chunk.len();
            if thrown > THROWN_AWAY {
                break;
            }
        }
    };
    // Out of time: the client is answered all the same, and reads it or not.
    let _slow = tokio::time::timeout(THROWING_AWAY, reading).await;
}

fn too_large(what: &str, limit: usize) -> Problem {
    let mebibytes = limit >> 20;
    Problem::too_large(format!(
        "{what} is larger than the {mebibytes} MiB that this host takes; a component gets smaller with optimisation for \
         size, without debug information and without embedded data"
    ))
}

fn is_multipart(request: &Request) -> bool {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    kind.is_some_and(|kind| kind.to_ascii_lowercase().starts_with("multipart/form-data"))
}

fn announced(request: &Request) -> Option<usize> {
    request.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// curl and others send a large body only after `100 Continue`, so they hear a refusal first.
fn waits_for_permission(request: &Request) -> bool {
    request.headers().get(header::EXPECT).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

#[cfg(test)]
mod tests {
    use futures::stream;

    use super::*;

    fn chunks(sizes: &[usize]) -> impl Stream<Item = Result<Bytes, String>> {
        stream::iter(sizes.iter().map(|size| Ok(Bytes::from(vec![0; *size]))).collect::<Vec<_>>())
    }

    #[tokio::test]
    async fn a_body_of_exactly_the_limit_is_refused() {
        assert_eq!(collect(chunks(&[3, 7]), 10, "it").await.unwrap().len(), 10);
        let problem = collect(chunks(&[3, 8, 100]), 10, "it").await.unwrap_err();
        assert_eq!(problem.status, 413);
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_taken_for_a_whole_one() {
        let broken = stream::iter([Ok(Bytes::from_static(b"half")), Err("reset".to_owned())]);
        let problem = collect(broken, 10, "the component").await.unwrap_err();
        assert!(problem.detail.contains("broke off: reset"), "{}", problem.detail);
    }
}
