//! A request's body as the target reads it: cut off when it gets too large or comes too slowly.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

use super::limits::Pace;
use crate::body::BodyError;
use crate::fault::{Fault, FaultKind};

/// Whether a body was cut off, seen from outside while the target has it.
#[derive(Clone, Debug, Default)]
pub(super) struct Cut(Arc<AtomicU8>);

const TOO_LARGE: u8 = 1;
const TOO_SLOW: u8 = 2;

impl Cut {
    /// Why the body was cut off, if it was.
    pub(super) fn kind(&self) -> Option<FaultKind> {
        match self.0.load(Ordering::Acquire) {
            TOO_LARGE => Some(FaultKind::BodyTooLarge),
            TOO_SLOW => Some(FaultKind::BodyTimeout),
            _ => None,
        }
    }

    fn off<T>(&self, reason: u8, fault: Fault) -> Poll<Option<Result<T, BodyError>>> {
        self.0.store(reason, Ordering::Release);
        Poll::Ready(Some(Err(Box::new(fault))))
    }
}

/// A body with a limit on its bytes and on the time that its sender makes us wait.
///
/// Only waiting counts: while the target does not read, the client cannot send, and that is
/// not the client's fault.
pub(super) struct LimitedBody<B> {
    inner: B,
    limit: u64,
    received: u64,
    pace: Pace,
    waited: Duration,
    waiting_since: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
    cut: Cut,
}

impl<B> LimitedBody<B> {
    pub(super) fn new(inner: B, limit: u64, pace: Pace, cut: Cut) -> Self {
        Self { inner, limit, received: 0, pace, waited: Duration::ZERO, waiting_since: None, timer: None, cut }
    }

    /// Ready when the sender has made us wait for too long.
    fn poll_too_slow(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let now = Instant::now();
        let since = *self.waiting_since.get_or_insert(now);
        let left = self.pace.due(self.received).saturating_sub(self.waited);
        let due = since + left;
        // an old timer is left to fire early: setting it anew for every frame would cost more
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
        loop {
            ready!(timer.as_mut().poll(cx));
            if Instant::now() >= due {
                return Poll::Ready(());
            }
            timer.as_mut().reset(due);
        }
    }

    fn received(&mut self, frame: Frame<Bytes>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let bytes = frame.data_ref().map_or(0, Buf::remaining);
        self.received = self.received.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        if self.received <= self.limit {
            return Poll::Ready(Some(Ok(frame)));
        }
        let detail = format!("the body has more than {} bytes", self.limit);
        self.cut.off(TOO_LARGE, Fault::new(FaultKind::BodyTooLarge, detail))
    }
}

impl<B> HttpBody for LimitedBody<B>
where
    B: HttpBody<Data = Bytes> + Unpin,
    B::Error: Into<BodyError>,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        if this.cut.kind().is_some() {
            return Poll::Ready(None);
        }
        let Poll::Ready(frame) = Pin::new(&mut this.inner).poll_frame(cx) else {
            ready!(this.poll_too_slow(cx));
            let detail = format!("{} bytes after {:?}", this.received, this.pace.due(this.received));
            return this.cut.off(TOO_SLOW, Fault::new(FaultKind::BodyTimeout, detail));
        };
        if let Some(since) = this.waiting_since.take() {
            this.waited += since.elapsed();
        }
        match frame {
            Some(Ok(frame)) => this.received(frame),
            Some(Err(error)) => Poll::Ready(Some(Err(error.into()))),
            None => Poll::Ready(None),
        }
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
    use futures::SinkExt;
    use futures::channel::mpsc;
    use http_body_util::{BodyExt, StreamBody};

    use super::*;

    /// As in production, a hundred times faster.
    const PACE: Pace = Pace { grace: Duration::from_millis(100), bytes_per_second: 102_400 };
    const STEP: Duration = Duration::from_millis(10);

    type Sender = mpsc::Sender<Result<Frame<Bytes>, BodyError>>;
    type Received = LimitedBody<StreamBody<mpsc::Receiver<Result<Frame<Bytes>, BodyError>>>>;

    fn limited(limit: u64) -> (Sender, Received, Cut) {
        let (sender, received) = mpsc::channel(1);
        let cut = Cut::default();
        (sender, LimitedBody::new(StreamBody::new(received), limit, PACE, cut.clone()), cut)
    }

    async fn send(sender: &mut Sender, size: usize) -> bool {
        sender.send(Ok(Frame::data(Bytes::from(vec![b'x'; size])))).await.is_ok()
    }

    fn kind(error: &BodyError) -> FaultKind {
        error.downcast_ref::<Fault>().unwrap().kind
    }

    #[tokio::test]
    async fn a_body_of_exactly_the_limit_passes() {
        let (mut sender, body, cut) = limited(6);
        let sending = async move { send(&mut sender, 3).await && send(&mut sender, 3).await };
        let (body, _) = tokio::join!(body.collect(), sending);
        assert_eq!(body.unwrap().to_bytes().len(), 6);
        assert_eq!(cut.kind(), None);
    }

    #[tokio::test]
    async fn one_byte_more_than_the_limit_is_cut_off() {
        let (mut sender, body, cut) = limited(5);
        let sending = async move { send(&mut sender, 3).await && send(&mut sender, 3).await };
        let (body, _) = tokio::join!(body.collect(), sending);
        assert_eq!(kind(&body.unwrap_err()), FaultKind::BodyTooLarge);
        assert_eq!(cut.kind(), Some(FaultKind::BodyTooLarge));
    }

    #[tokio::test]
    async fn a_body_that_drips_does_not_hold_an_instance() {
        let (mut sender, body, cut) = limited(1 << 20);
        let dripping = async move {
            while send(&mut sender, 1).await {
                tokio::time::sleep(STEP).await;
            }
        };
        let (body, ()) = tokio::join!(body.collect(), dripping);
        assert_eq!(kind(&body.unwrap_err()), FaultKind::BodyTimeout);
        assert_eq!(cut.kind(), Some(FaultKind::BodyTimeout));
    }

    #[tokio::test]
    async fn a_slow_phone_may_upload_for_minutes() {
        let (mut sender, body, _) = limited(1 << 20);
        let uploading = async move {
            for _ in 0..40 {
                assert!(send(&mut sender, 8192).await);
                tokio::time::sleep(STEP).await;
            }
        };
        let (body, ()) = tokio::join!(body.collect(), uploading);
        assert_eq!(body.unwrap().to_bytes().len(), 40 * 8192);
    }

    #[tokio::test]
    async fn a_service_that_reads_late_does_not_cost_the_client_its_time() {
        let (mut sender, mut body, _) = limited(1 << 20);
        assert!(send(&mut sender, 5).await);
        tokio::time::sleep(PACE.grace * 2).await;
        assert!(body.frame().await.unwrap().is_ok());
        let late = async move {
            tokio::time::sleep(PACE.grace / 2).await;
            drop(sender);
        };
        let (end, ()) = tokio::join!(body.frame(), late);
        assert!(end.is_none());
    }
}
