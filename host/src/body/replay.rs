//! A request that can be sent again: to the same guest after a conflict, to another service after
//! a failure.
//!
//! What is read of its body is remembered as it passes, up to [`KEPT`] bytes; what nobody has read
//! is still to come. So whoever reads it again gets all of it, and a body that is streamed is
//! streamed to them, too.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Request;
use http::request::Parts;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;

use super::{Body, BodyError, empty};

/// Bytes of a body that are kept for another try: most JSON documents fit, and a thousand
/// requests under way cost 64 MiB at the worst.
const KEPT: usize = 64 << 10;

/// A request, for as often as it must be sent.
pub struct Replay {
    parts: Parts,
    /// `None`: it has no body.
    source: Option<Arc<Mutex<Source>>>,
}

/// The body, and what was read of it.
struct Source {
    inner: Body,
    /// `None`: more than is kept, or something that cannot be sent again.
    kept: Option<Vec<Bytes>>,
    size: usize,
    ended: bool,
    /// Who may read: the newest reader, since a wake-up reaches only one.
    reader: u32,
}

/// One reading of the body, from its beginning.
struct Reader {
    source: Arc<Mutex<Source>>,
    number: u32,
    next: usize,
}

impl Replay {
    /// The request as it goes out first, and what is needed to repeat it.
    pub fn of(request: Request<Body>) -> (Request<Body>, Self) {
        let (parts, inner) = request.into_parts();
        if inner.is_end_stream() {
            return (Request::from_parts(parts.clone(), empty()), Self { parts, source: None });
        }
        let source = Source { inner, kept: Some(Vec::new()), size: 0, ended: false, reader: 0 };
        let source = Arc::new(Mutex::new(source));
        let reader = Reader { source: source.clone(), number: 0, next: 0 };
        (Request::from_parts(parts.clone(), reader.boxed_unsync()), Self { parts, source: Some(source) })
    }

    /// Whether it can be sent again, as far as its body has been read now.
    pub fn is_whole(&self) -> bool {
        self.source.as_ref().is_none_or(|source| lock(source).kept.is_some())
    }

    /// The same request again; nothing if too much of its body has been read. Whoever reads it still
    /// is cut off.
    pub fn again(&self) -> Option<Request<Body>> {
        let body = match &self.source {
            None => empty(),
            Some(source) => {
                let mut state = lock(source);
                state.kept.as_ref()?;
                state.reader += 1;
                Reader { source: source.clone(), number: state.reader, next: 0 }.boxed_unsync()
            }
        };
        Some(Request::from_parts(self.parts.clone(), body))
    }
}

fn lock(source: &Mutex<Source>) -> MutexGuard<'_, Source> {
    source.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Source {
    fn kept(&self) -> &[Bytes] {
        self.kept.as_deref().unwrap_or_default()
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let polled = ready!(Pin::new(&mut self.inner).poll_frame(context));
        match &polled {
            None => self.ended = true,
            Some(Ok(frame)) => self.keep(frame.data_ref()),
            Some(Err(_)) => self.kept = None,
        }
        Poll::Ready(polled)
    }

    /// Trailers are nothing that is kept.
    fn keep(&mut self, data: Option<&Bytes>) {
        let fits = data.filter(|data| self.size + data.len() <= KEPT);
        match (&mut self.kept, fits) {
            (Some(kept), Some(data)) => {
                self.size += data.len();
                kept.push(data.clone());
            }
            _ => self.kept = None,
        }
    }
}

impl HttpBody for Reader {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        let mut source = lock(&this.source);
        if source.reader != this.number {
            return Poll::Ready(Some(Err("the request is sent again, and this one is given up".into())));
        }
        if let Some(kept) = source.kept().get(this.next) {
            this.next += 1;
            return Poll::Ready(Some(Ok(Frame::data(kept.clone()))));
        }
        let polled = source.poll(context);
        this.next = source.kept().len();
        polled
    }

    fn is_end_stream(&self) -> bool {
        let source = lock(&self.source);
        self.next >= source.kept().len() && (source.ended || source.inner.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        let source = lock(&self.source);
        let again: usize = source.kept().iter().skip(self.next).map(Bytes::len).sum();
        let rest = if source.ended { SizeHint::with_exact(0) } else { source.inner.size_hint() };
        let mut all = SizeHint::new();
        all.set_lower(rest.lower() + again as u64);
        if let Some(upper) = rest.upper() {
            all.set_upper(upper + again as u64);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use futures::channel::mpsc;
    use http_body_util::StreamBody;

    use super::*;
    use crate::body::full;

    async fn read(request: Request<Body>) -> Bytes {
        request.into_body().collect().await.unwrap().to_bytes()
    }

    /// A body of which one part has come, and who sends the rest.
    fn half() -> (mpsc::UnboundedSender<Result<Frame<Bytes>, BodyError>>, Request<Body>) {
        let (sender, receiver) = mpsc::unbounded();
        sender.unbounded_send(Ok(Frame::data(Bytes::from_static(b"hel")))).unwrap();
        (sender, Request::new(StreamBody::new(receiver).boxed_unsync()))
    }

    #[tokio::test]
    async fn a_small_body_that_was_read_cannot_be_sent_again() {
        let (first, replay) = Replay::of(Request::new(full("hello")));
        assert_eq!(read(first).await, "hello");
        for _ in 0..2 {
            let again = replay.again().unwrap();
            assert_eq!(again.body().size_hint().exact(), Some(5));
            assert_eq!(read(again).await, "hello");
        }
    }

    #[tokio::test]
    async fn what_was_not_read_of_a_body_is_lost() {
        let (unread, replay) = Replay::of(Request::new(full("hello")));
        drop(unread);
        assert_eq!(read(replay.again().unwrap()).await, "hello");

        let (rest, request) = half();
        let (mut first, replay) = Replay::of(request);
        assert_eq!(first.body_mut().frame().await.unwrap().unwrap().into_data().unwrap(), "hel");
        let again = replay.again().unwrap();
        rest.unbounded_send(Ok(Frame::data(Bytes::from_static(b"lo")))).unwrap();
        drop(rest);
        assert_eq!(read(again).await, "hello");
    }

    #[tokio::test]
    async fn a_reader_that_was_given_up_takes_from_the_next_one() {
        let (rest, request) = half();
        let (mut first, replay) = Replay::of(request);
        let again = replay.again().unwrap();
        assert!(first.body_mut().frame().await.unwrap().is_err());
        drop(rest);
        assert_eq!(read(again).await, "hel");
    }

    #[tokio::test]
    async fn a_large_body_is_kept() {
        let (first, replay) = Replay::of(Request::new(full(vec![0; KEPT + 1])));
        assert!(replay.is_whole());
        assert_eq!(read(first).await.len(), KEPT + 1);
        assert!(!replay.is_whole() && replay.again().is_none());
    }

    #[tokio::test]
    async fn a_request_without_a_body_cannot_be_sent_again() {
        let (_, replay) = Replay::of(Request::new(empty()));
        assert!(replay.is_whole() && replay.again().is_some());
    }
}
