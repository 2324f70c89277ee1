//! An answer's body: within its size, and without long pauses.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Sleep, sleep};

use super::explain::explain_body;
use crate::body::BodyError;
use crate::runtime::OutboundError;

/// A body of at most `limit` bytes, of which the next is due within `pause` of being asked for.
pub(super) struct AnswerBody {
    inner: Incoming,
    limit: u64,
    left: u64,
    pause: Duration,
    /// Runs while the guest waits.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl AnswerBody {
    pub(super) fn new(inner: Incoming, limit: u64, pause: Duration) -> Self {
        Self { inner, limit, left: limit, pause, waiting: None }
    }

    fn charge(&mut self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, OutboundError> {
        let size = frame.data_ref().map_or(0, |data| data.len() as u64);
        self.left = self.left.checked_sub(size).ok_or(OutboundError::TooLarge(self.limit))?;
        Ok(frame)
    }

    fn poll_pause(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let pause = self.pause;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(pause)));
        waiting.as_mut().poll(context)
    }
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Poll::Ready(polled) = Pin::new(&mut self.inner).poll_frame(context) else {
            return self.poll_pause(context).map(|()| Some(Err(OutboundError::Timeout.into())));
        };
        self.waiting = None;
        let frame = polled.map(|frame| match frame {
            Ok(frame) => self.charge(frame).map_err(BodyError::from),
            Err(error) => Err(explain_body(&error).into()),
        });
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
