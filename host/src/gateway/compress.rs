//! Answers made smaller for clients that take it: gzip, br or zstd, whichever the client likes best.
//!
//! Only what is text and not tiny. An answer that is encoded already, is a part of one, or says
//! `no-transform` stays as it is (RFC 9110 sections 8.4 and 7.7).

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use http::header::{self, HeaderMap, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body::Body as HttpBody;
use http_body_util::BodyExt;
use tower_http::compression::Compression;
use tower_http::compression::predicate::Predicate;
use tower_service::Service;

use crate::body::{self, Body};

/// Smaller ones fit into the packet that goes anyway, and grow when compressed.
const SMALLEST: u64 = 1024;

/// Types beside `text/*` that are text.
const TEXTS: [&str; 8] = [
    "application/json",
    "application/javascript",
    "application/xml",
    "application/wasm",
    "application/problem+json",
    "application/openapi+json",
    "application/graphql-response+json",
    "image/svg+xml",
];

/// Which answers are worth it.
#[derive(Clone, Copy)]
struct Worth;

impl Predicate for Worth {
    fn should_compress<B: HttpBody>(&self, response: &Response<B>) -> bool {
        let headers = response.headers();
        let whole = response.status() != StatusCode::PARTIAL_CONTENT && !headers.contains_key(header::CONTENT_RANGE);
        let large = response.body().size_hint().exact().is_none_or(|size| size >= SMALLEST);
        whole && large && is_text(headers) && may_transform(headers)
    }
}

fn is_text(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = value.split(';').next().unwrap_or_default().trim();
    // events are read one by one, and would wait for the compressor's buffer
    kind != "text/event-stream" && (kind.starts_with("text/") || TEXTS.contains(&kind))
}

fn may_transform(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    !values.flat_map(|value| value.split(',')).any(|word| word.trim().eq_ignore_ascii_case("no-transform"))
}

/// Compresses an answer if its client takes it and it is worth it. `accepted`: what the client says.
pub(super) async fn compress(response: Response<Body>, accepted: HeaderValue) -> Response<Body> {
    let mut asked = Request::new(());
    asked.headers_mut().insert(header::ACCEPT_ENCODING, accepted);
    let was_encoded = response.headers().contains_key(header::CONTENT_ENCODING);
    let Ok(mut response) = Compression::new(Given(Some(response))).compress_when(Worth).call(asked).await;
    if !was_encoded && response.headers().contains_key(header::CONTENT_ENCODING) {
        weaken(response.headers_mut());
    }
    response.map(|body| body.map_err(Into::into).boxed_unsync())
}

/// A service of one answer, which is there already: the form in which the compressor wants it.
struct Given(Option<Response<Body>>);

impl Service<Request<()>> for Given {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        ready(Ok(self.0.take().unwrap_or_else(|| Response::new(body::empty()))))
    }
}

/// The bytes are others now, so a tag that names bytes does not hold (RFC 9110 section 8.8.1).
fn weaken(headers: &mut HeaderMap) {
    let strong = headers.get(header::ETAG).filter(|tag| tag.as_bytes().starts_with(b"\""));
    let weak = strong.and_then(|tag| HeaderValue::from_bytes(&[b"W/", tag.as_bytes()].concat()).ok());
    if let Some(weak) = weak {
        headers.insert(header::ETAG, weak);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(kind: &str, size: usize, fields: &[(&'static str, &'static str)]) -> Response<Body> {
        let mut response = Response::new(body::full("a".repeat(size)));
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_str(kind).unwrap());
        for (name, value) in fields {
            response.headers_mut().insert(*name, HeaderValue::from_static(value));
        }
        response
    }

    async fn encoding(answer: Response<Body>, accepted: &'static str) -> Option<String> {
        let response = compress(answer, HeaderValue::from_static(accepted)).await;
        let encoding = response.headers().get(header::CONTENT_ENCODING)?;
        Some(encoding.to_str().unwrap().to_owned())
    }

    #[tokio::test]
    async fn a_client_gets_what_it_cannot_read_or_what_it_likes_less() {
        for (accepted, expected) in [
            ("gzip", Some("gzip")),
            ("gzip, br", Some("br")),
            ("gzip;q=1, zstd;q=0.5, br;q=0.1", Some("gzip")),
            ("zstd", Some("zstd")),
            ("identity", None),
            ("gzip;q=0", None),
            ("compress", None),
        ] {
            let found = encoding(answer("application/json", 5000, &[]), accepted).await;
            assert_eq!(found.as_deref(), expected, "{accepted}");
        }
    }

    #[tokio::test]
    async fn what_must_stay_as_it_is_is_compressed() {
        assert!(encoding(answer("text/html; charset=utf-8", 5000, &[]), "gzip").await.is_some());
        for kept in [
            answer("text/html", 1000, &[]),
            answer("image/png", 5000, &[]),
            answer("text/event-stream", 5000, &[]),
            answer("application/grpc", 5000, &[]),
            answer("text/html", 5000, &[("cache-control", "public, No-Transform")]),
            answer("text/html", 5000, &[("content-range", "bytes 0-4999/9000")]),
        ] {
            assert_eq!(encoding(kept, "gzip").await, None);
        }
        let encoded = answer("text/html", 5000, &[("content-encoding", "x"), ("etag", "\"1\"")]);
        let kept = compress(encoded, HeaderValue::from_static("gzip")).await;
        assert_eq!(
            (kept.headers()["content-encoding"].as_bytes(), kept.headers()["etag"].as_bytes()),
            (&b"x"[..], &b"\"1\""[..])
        );
        let changed = compress(answer("text/html", 5000, &[("etag", "\"1\"")]), HeaderValue::from_static("gzip")).await;
        assert_eq!(
            (changed.headers()["etag"].to_str().unwrap(), changed.headers()["vary"].to_str().unwrap()),
            ("W/\"1\"", "accept-encoding")
        );
        let bytes = changed.into_body().collect().await.unwrap().to_bytes();
        assert!(bytes.len() < 500 && bytes.starts_with(&[0x1f, 0x8b]));
    }
}
