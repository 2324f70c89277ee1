//! The guest's body on its way out: counted, watched, and reported when it ends.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use holm_registry::settings::{Limit, Limits};
use http::{Response, header};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::Notify;
use wasmtime_wasi_http::WasiBody;

use super::invocation::Invocation;
use super::revision::Revision;
use crate::body::BodyError;
use crate::fault::Fault;

/// How far the answer of one invocation has come. Shared by the body, which the client's
/// connection drives, and by whoever watches the guest.
#[derive(Debug)]
pub struct Progress {
    origin: Instant,
    /// Milliseconds from `origin` to the last frame.
    last: AtomicU64,
    ended: AtomicBool,
    on_end: Notify,
    /// The guest is gone before it was done.
    broken_off: AtomicBool,
    /// The host has ended the answer: it was too large.
    cut: AtomicBool,
}

impl Progress {
    /// Nothing has been sent yet.
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            origin: Instant::now(),
            last: AtomicU64::new(0),
            ended: AtomicBool::new(false),
            on_end: Notify::new(),
            broken_off: AtomicBool::new(false),
            cut: AtomicBool::new(false),
        })
    }

    /// When the answer counts as stalled, if nothing more is sent.
    pub fn stalls_at(&self, patience: Duration) -> Instant {
        self.origin + Duration::from_millis(self.last.load(Ordering::Relaxed)) + patience
    }

    /// Resolves when the body was sent whole, or the client has gone.
    pub async fn ended(&self) {
        while !self.ended.load(Ordering::Acquire) {
            let notified = self.on_end.notified();
            if self.ended.load(Ordering::Acquire) {
                return;
            }
            notified.await;
        }
    }

    /// Whether the host has ended the answer, and counted why. Whatever the guest does about it
    /// is neither counted again nor committed.
    pub fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Acquire)
    }

    fn moved(&self) {
        let since = u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(since, Ordering::Relaxed);
    }

    /// The body was sent whole, or nobody wants the rest.
    pub fn end(&self) {
        self.ended.store(true, Ordering::Release);
        self.on_end.notify_one();
    }
}

/// Held while a guest works, in front of its store: dropped before [`AtWork::done`], as by a
/// trap or a deadline, it breaks the answer off. The end of a store alone looks to its body like
/// a regular end, and the client would take half an answer for a whole one.
pub struct AtWork(Option<Arc<Progress>>);

impl AtWork {
    /// The guest begins.
    pub fn on(progress: &Arc<Progress>) -> Self {
        Self(Some(progress.clone()))
    }

    /// The guest has returned.
    pub fn done(mut self) {
        self.0 = None;
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        if let Some(progress) = &self.0 {
            progress.broken_off.store(true, Ordering::Release);
        }
    }
}

/// Bytes of an answer that are taken from the guest before the client asks for them.
const AHEAD: usize = 64 << 10;

/// Refuses a head that is larger than the limits allow, or says that its body will be. Nothing
/// has left for the client yet.
///
/// # Errors
/// Which limit it was.
pub fn check_head(response: &Response<WasiBody>, limits: &Limits) -> Result<(), Fault> {
    let headers = response.headers();
    let count = headers.len();
    if count > limits.response_headers as usize {
        return Err(Fault::over(Limit::ResponseHeaders, format_args!("was reached: {count} header fields")));
    }
    let size: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if size > limits.response_head.as_usize() {
        return Err(Fault::over(Limit::ResponseHead, format_args!("was reached: {size} bytes of header fields")));
    }
    let told = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    match told {
        Some(length) if length > limits.response_body.as_u64() => {
            Err(Fault::over(Limit::ResponseBody, format_args!("was reached: a body of {length} bytes is announced")))
        }
        _ => Ok(()),
    }
}

/// A guest's body, up to `limits.response_body`.
pub struct AnswerBody {
    /// What was read ahead of the client.
    ahead: VecDeque<Result<Frame<Bytes>, BodyError>>,
    bytes_ahead: usize,
    /// Where the rest comes from; `None`: there is no rest.
    inner: Option<WasiBody>,
    progress: Arc<Progress>,
    revision: Arc<Revision>,
    invocation: Arc<Invocation>,
    left: u64,
}

impl AnswerBody {
    /// Watches `inner`, what this revision answers to an invocation.
    pub fn new(inner: WasiBody, progress: Arc<Progress>, revision: Arc<Revision>, invocation: Arc<Invocation>) -> Self {
        let left = revision.settings().limits.response_body.as_u64();
        Self { ahead: VecDeque::new(), bytes_ahead: 0, inner: Some(inner), progress, revision, invocation, left }
    }

    /// Takes a frame from the guest if there is one and there is room for it. Whether there may be
    /// more.
    pub fn read_ahead(&mut self, context: &mut Context<'_>) -> bool {
        if self.bytes_ahead >= AHEAD {
            return false;
        }
        let Some(inner) = &mut self.inner else { return false };
        match Pin::new(inner).poll_frame(context) {
            Poll::Ready(Some(frame)) => {
                let data = frame.as_ref().ok().and_then(Frame::data_ref);
                // an empty frame counts, too: an endless row of them must not hold the request
                self.bytes_ahead += data.map_or(0, Bytes::len).max(1);
                self.ahead.push_back(frame.map_err(Into::into));
                true
            }
            Poll::Ready(None) => {
                self.inner = None;
                self.progress.end();
                true
            }
            Poll::Pending => false,
        }
    }

    /// Whether all that the guest sent was read ahead, up to its regular end.
    pub fn is_read(&self) -> bool {
        self.inner.is_none()
    }

    /// Why the end of the guest's body is not the end of its answer: the guest has been stopped,
    /// or has answered from half of its request.
    fn is_broken(&self) -> bool {
        self.progress.broken_off.load(Ordering::Acquire) || self.invocation.has_failed()
    }

    fn charge(&mut self, frame: &Frame<Bytes>) -> Result<(), BodyError> {
        self.progress.moved();
        let size = frame.data_ref().map_or(0, |data| data.len() as u64);
        match self.left.checked_sub(size) {
            Some(left) => self.left = left,
            None => return Err(self.cut()),
        }
        Ok(())
    }

    /// The client sees a broken answer, since the head has promised a whole one.
    fn cut(&self) -> BodyError {
        let fault = Fault::over(Limit::ResponseBody, "was reached: the answer was broken off");
        if !self.progress.cut.swap(true, Ordering::AcqRel) {
            self.revision.fault_after_head(&fault);
        }
        fault.into()
    }
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        let next = match (this.ahead.pop_front(), &mut this.inner) {
            (Some(frame), _) => Some(frame),
            (None, Some(inner)) => ready!(Pin::new(inner).poll_frame(context)).map(|frame| frame.map_err(Into::into)),
            (None, None) => None,
        };
        Poll::Ready(match next {
            Some(Ok(frame)) => Some(this.charge(&frame).map(|()| frame)),
            Some(Err(error)) => Some(Err(error)),
            None => this.is_broken().then(|| Err("the guest ended before its answer was whole".into())),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.ahead.is_empty() && self.inner.as_ref().is_none_or(HttpBody::is_end_stream) && !self.is_broken()
    }

    fn size_hint(&self) -> SizeHint {
        let ahead: u64 =
            self.ahead.iter().filter_map(|frame| Some(frame.as_ref().ok()?.data_ref()?.len() as u64)).sum();
        let mut hint = match &self.inner {
            Some(inner) => inner.size_hint(),
            // its length would make half an answer look whole
            None if self.is_broken() => SizeHint::new(),
            None => SizeHint::with_exact(0),
        };
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper + ahead);
        }
        hint.set_lower(hint.lower() + ahead);
        hint
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        self.progress.end();
    }
}
