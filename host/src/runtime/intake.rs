//! A request's body on its way into the guest: within `limits.request_body`, and whole or not
//! at all.
//!
//! Whatever the guest makes of half a body is discarded: a body that ends early is the
//! invocation's fault, and what it staged is not committed.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use holm_registry::settings::Limit;
use http_body::{Body as HttpBody, Frame, SizeHint};
use wasmtime_wasi_http::Error;

use super::invocation::Invocation;
use crate::body::{Body, BodyError};
use crate::fault::{Fault, FaultKind};

/// Refuses a request whose head says that its body is too large, before any guest has run.
///
/// # Errors
/// The body's size is known, and over the limit.
pub fn check_announced(body: &Body, limit: u64) -> Result<(), Fault> {
    if body.size_hint().lower() > limit { Err(too_large()) } else { Ok(()) }
}

fn too_large() -> Fault {
    Fault::new(FaultKind::BodyTooLarge, "the body is larger than limits.request_body").at(Limit::RequestBody)
}

/// The body that a guest reads.
pub struct IntakeBody {
    inner: Body,
    invocation: Arc<Invocation>,
    left: u64,
}

impl IntakeBody {
    /// A body of at most `limit` bytes.
    pub fn new(inner: Body, invocation: Arc<Invocation>, limit: u64) -> Self {
        Self { inner, invocation, left: limit }
    }

    fn charge(&mut self, frame: &Frame<Bytes>) -> Result<(), Fault> {
        let size = frame.data_ref().map_or(0, |data| data.len() as u64);
        self.left = self.left.checked_sub(size).ok_or_else(too_large)?;
        Ok(())
    }

    fn cut(&self, fault: Fault) -> Error {
        self.invocation.fail(fault);
        Error::HttpRequestBodySize(None)
    }
}

/// Whose fault it was that a request's body ended early.
pub fn fault_of(error: BodyError) -> Fault {
    match error.downcast::<Fault>() {
        Ok(fault) => *fault,
        Err(other) => Fault::new(FaultKind::BadRequest, format!("the request's body ended early: {other}")),
    }
}

impl HttpBody for IntakeBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match Pin::new(&mut self.inner).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                let charged = self.charge(&frame);
                Poll::Ready(Some(charged.map(|()| frame).map_err(|fault| self.cut(fault))))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(self.cut(fault_of(error))))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
