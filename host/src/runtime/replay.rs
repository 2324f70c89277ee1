//! A request that can be given to the guest again, after a conflict.
//!
//! What the guest reads of the body is remembered as it passes, up to [`KEPT`] bytes. The
//! request can be repeated if the body ended within that.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Request;
use http::request::Parts;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;

use crate::body::{Body, BodyError, full};

/// Bytes of a body that are kept for another try: most JSON documents fit, and a thousand
/// requests under way cost 64 MiB at the worst.
const KEPT: usize = 64 << 10;

/// A copy of a request, growing as its body is read.
pub struct Replay {
    parts: Parts,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    frames: Vec<Bytes>,
    size: usize,
    whole: bool,
    too_large: bool,
}

impl Replay {
    /// The request as it goes in, and what is needed to repeat it.
    pub fn of(request: Request<Body>) -> (Request<Body>, Self) {
        let (parts, body) = request.into_parts();
        let seen = Arc::new(Mutex::new(Seen { whole: body.is_end_stream(), ..Seen::default() }));
        let replay = Self { parts: parts.clone(), seen: seen.clone() };
        let body = if body.is_end_stream() { body } else { Remembered { inner: body, seen }.boxed_unsync() };
        (Request::from_parts(parts, body), replay)
    }

    /// The same request again, if all of its body was seen.
    pub fn again(self) -> Option<Request<Body>> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if !seen.whole || seen.too_large {
            return None;
        }
        let frames = std::mem::take(&mut seen.frames);
        let body = match <[Bytes; 1]>::try_from(frames) {
            Ok([only]) => only,
            Err(many) => Bytes::from(many.concat()),
        };
        Some(Request::from_parts(self.parts, full(body)))
    }
}

struct Remembered {
    inner: Body,
    seen: Arc<Mutex<Seen>>,
}

impl Remembered {
    fn remember(&self, frame: Option<&Frame<Bytes>>) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(data) = frame.map(Frame::data_ref) else {
            seen.whole = true;
            return;
        };
        match data {
            Some(data) if seen.size + data.len() <= KEPT => {
                seen.size += data.len();
                seen.frames.push(data.clone());
            }
            // too much, or trailers, which a repeated request would lack
            _ => {
                seen.too_large = true;
                seen.frames.clear();
            }
        }
    }
}

impl HttpBody for Remembered {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let poll = Pin::new(&mut self.inner).poll_frame(context);
        match &poll {
            Poll::Ready(Some(Ok(frame))) => {
                self.remember(Some(frame));
                if self.inner.is_end_stream() {
                    self.remember(None);
                }
            }
            Poll::Ready(None) => self.remember(None),
            _ => {}
        }
        poll
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(request: Request<Body>) -> Bytes {
        request.into_body().collect().await.unwrap().to_bytes()
    }

    #[tokio::test]
    async fn a_small_body_that_was_read_can_be_sent_again() {
        let (first, replay) = Replay::of(Request::new(full("hello")));
        assert_eq!(read(first).await, "hello");
        assert_eq!(read(replay.again().unwrap()).await, "hello");
    }

    #[tokio::test]
    async fn a_body_that_was_not_read_to_its_end_cannot_be_sent_again() {
        let (_unread, replay) = Replay::of(Request::new(full("hello")));
        assert!(replay.again().is_none());
    }

    #[tokio::test]
    async fn a_large_body_is_not_kept() {
        let (first, replay) = Replay::of(Request::new(full(vec![0; KEPT + 1])));
        assert_eq!(read(first).await.len(), KEPT + 1);
        assert!(replay.again().is_none());
    }

    #[tokio::test]
    async fn a_request_without_a_body_can_always_be_sent_again() {
        let (_, replay) = Replay::of(Request::new(crate::body::empty()));
        assert!(replay.again().is_some());
    }
}
