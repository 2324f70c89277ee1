//! What is told of a request when it is over: one line in the access log, and a call to whoever
//! counts.
//!
//! A request is over when the last byte of its answer was handed to the connection or when
//! nobody wants it any more; [`Tracked`] and [`AccessBody`] see to it that either is told once.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use holm_registry::ServiceName;
use http::{HeaderValue, Method, StatusCode, Uri};
use http_body::{Body as HttpBody, Frame, SizeHint};

use super::headers;
use crate::body::{Body, BodyError};
use crate::telemetry::access::{self, AccessLine};
use crate::telemetry::metrics::RouteMetrics;
use crate::telemetry::trace::TraceContext;

/// One request from outside, from its head to its end.
#[derive(Debug)]
pub struct Access {
    /// As asked.
    pub method: Method,
    /// As asked, before any rewriting. The query may hold secrets: not for logs.
    pub uri: Uri,
    /// The answer's status; `None`: the client left before there was one.
    pub status: Option<StatusCode>,
    /// The path pattern of the rule; `None`: no rule.
    pub route: Option<Arc<str>>,
    /// Who was to answer.
    pub service: Option<ServiceName>,
    /// Where the rule's requests are counted.
    pub metrics: Arc<RouteMetrics>,
    /// Which revision of it answered.
    pub revision: Option<u32>,
    /// As in `x-request-id`.
    pub request_id: HeaderValue,
    /// This invocation's place in its trace.
    pub trace: TraceContext,
    /// When its head was read.
    pub begun: Instant,
    /// Bytes of the answer's body that were handed to the connection.
    pub bytes_out: u64,
    /// How it ended.
    pub ending: Ending,
}

/// How the answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The whole answer was handed to the connection.
    Whole,
    /// The client left, or the answer's body failed.
    Cut,
}

/// As nginx has it: the client closed the request.
const CLIENT_CLOSED: u16 = 499;

/// Called once for every request that is over. It runs where the request ran: quick and without
/// waiting.
pub type Observer = Arc<dyn Fn(&Access) + Send + Sync>;

impl Access {
    /// Since the head was read.
    pub fn duration(&self) -> Duration {
        self.begun.elapsed()
    }

    /// A client that left before there was an answer is counted as 499, as in the log.
    fn count(&self) {
        let status = self.status.map_or(CLIENT_CLOSED, |status| status.as_u16());
        self.metrics.observe(&self.method, status, self.revision.unwrap_or(0), self.duration());
    }

    fn log(&self) {
        access::write(&AccessLine {
            method: self.method.as_str(),
            path: self.uri.path(),
            status: self.status.map_or(CLIENT_CLOSED, |status| status.as_u16()),
            route: self.route.as_deref(),
            service: self.service.as_ref().map(ServiceName::as_str),
            request_id: &headers::text(&self.request_id),
            trace: self.trace,
            bytes: self.bytes_out,
            duration: self.duration(),
            cut: self.ending == Ending::Cut,
        });
    }
}

/// A request that is told of when dropped.
pub(super) struct Tracked {
    pub(super) access: Access,
    observer: Option<Observer>,
}

impl Tracked {
    pub(super) fn new(access: Access, observer: Option<Observer>) -> Self {
        Self { access, observer }
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        self.access.log();
        self.access.count();
        if let Some(observer) = &self.observer {
            observer(&self.access);
        }
    }
}

/// An answer's body, counted.
pub struct AccessBody {
    inner: Body,
    /// What the head says that it is long.
    length: Option<u64>,
    tracked: Tracked,
}

impl AccessBody {
    pub(super) fn new(inner: Body, length: Option<u64>, tracked: Tracked) -> Self {
        Self { inner, length, tracked }
    }
}

impl HttpBody for AccessBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.inner).poll_frame(cx);
        let access = &mut this.tracked.access;
        match &result {
            Poll::Ready(Some(Ok(frame))) => {
                let bytes = frame.data_ref().map_or(0, Buf::remaining);
                access.bytes_out += u64::try_from(bytes).unwrap_or(u64::MAX);
            }
            Poll::Ready(None) => access.ending = Ending::Whole,
            Poll::Ready(Some(Err(_))) | Poll::Pending => {}
        }
        result
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for AccessBody {
    fn drop(&mut self) {
        // a body that knows its end, or is as long as its head says, is not asked once more
        let access = &mut self.tracked.access;
        if self.inner.is_end_stream() || self.length == Some(access.bytes_out) {
            access.ending = Ending::Whole;
        }
    }
}
