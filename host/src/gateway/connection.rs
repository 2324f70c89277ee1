//! One connection: hyper's settings, its run from accept to close, and the body that keeps it
//! marked busy.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, Version, header};
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::TcpStream;

use super::activity::{Activity, Command};
use super::limits;
use super::socket::{Socket, linger};
use crate::body::BodyError;
use crate::shutdown::TaskGroup;

/// hyper's settings, shared by all connections.
pub(super) type Builder = auto::Builder<Executor>;

/// Who is at the other end.
#[derive(Clone, Debug)]
pub struct Peer {
    /// The address as the kernel knows it.
    pub address: SocketAddr,
    /// The address without its port, made once for all requests of the connection.
    pub(super) forwarded_for: HeaderValue,
    /// What is spoken on the connection: `http` or `https`.
    pub(super) scheme: &'static str,
}

impl Peer {
    pub(super) fn new(address: SocketAddr) -> Self {
        let text = address.ip().to_canonical().to_string();
        let forwarded_for = HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("unknown"));
        Self { address, forwarded_for, scheme: "http" }
    }
}

/// Runs the streams of HTTP/2 connections as tasks that a drain waits for.
#[derive(Clone)]
pub(super) struct Executor(TaskGroup);

impl<F> hyper::rt::Executor<F> for Executor
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        self.0.spawn(future);
    }
}

pub(super) fn builder(tasks: TaskGroup) -> Builder {
    let mut builder = auto::Builder::new(Executor(tasks));
    builder
        .http1()
        .max_buf_size(limits::HTTP1_BUFFER)
        // ours: the reaper tells a slow head from an idle connection
        .header_read_timeout(None);
    builder
        .http2()
        // pings do nothing without a timer
        .timer(TokioTimer::new())
        .keep_alive_interval(limits::HTTP2_PING)
        .keep_alive_timeout(limits::HTTP2_PING)
        .max_concurrent_streams(limits::HTTP2_STREAMS)
        .max_header_list_size(limits::HTTP2_HEADER_LIST)
        .initial_stream_window_size(limits::HTTP2_STREAM_WINDOW)
        .initial_connection_window_size(limits::HTTP2_CONNECTION_WINDOW)
        .max_send_buf_size(limits::HTTP2_SEND_BUFFER)
        .max_pending_accept_reset_streams(limits::HTTP2_PENDING_RESETS)
        .max_local_error_reset_streams(limits::HTTP2_ERROR_RESETS);
    builder
}

/// From accept to close.
pub(super) async fn run<H, F, B>(stream: TcpStream, peer: Peer, builder: &Builder, handler: H, activity: Arc<Activity>)
where
    H: Fn(Request<Incoming>, Peer) -> F,
    F: Future<Output = Response<B>> + Send + 'static,
    B: HttpBody<Data = Bytes, Error = BodyError> + Send + Unpin + 'static,
{
    // answers are written whole: waiting for more to send only delays them
    let _ = stream.set_nodelay(true);
    let (socket, mut returned) = Socket::new(stream, Arc::clone(&activity));
    let service = service_fn(|request: Request<Incoming>| {
        let version = request.version();
        let busy = Busy::begin(&activity);
        let answer = handler(request, peer.clone());
        async move { Ok::<_, Infallible>(finish_head(answer.await, version, busy)) }
    });
    let ending = drive(builder.serve_connection(TokioIo::new(socket), service), &activity).await;
    match ending {
        Ending::Aborted => {}
        Ending::Done => {
            if let Ok(stream) = returned.try_recv() {
                linger(stream).await;
            }
        }
    }
}

enum Ending {
    Done,
    Aborted,
}

async fn drive<S, B>(connection: auto::Connection<'_, TokioIo<Socket>, S, Executor>, activity: &Activity) -> Ending
where
    S: hyper::service::Service<Request<Incoming>, Response = Response<BusyBody<B>>, Error = Infallible>,
    S::Future: Send + 'static,
    B: HttpBody<Data = Bytes, Error = BodyError> + Send + Unpin + 'static,
{
    let mut connection = pin!(connection);
    let mut finishing = false;
    poll_fn(|cx| {
        match activity.command(cx) {
            Command::Stay => {}
            Command::Abort => return Poll::Ready(Ending::Aborted),
            Command::Finish => {
                // hyper would drop the part of a head that it has
                if !finishing && !activity.in_head() {
                    connection.as_mut().graceful_shutdown();
                    finishing = true;
                }
            }
        }
        connection.as_mut().poll(cx).map(|result| {
            if let Err(error) = result {
                tracing::debug!(%error, "connection ended with an error");
            }
            Ending::Done
        })
    })
    .await
}

fn finish_head<B>(response: Response<B>, version: Version, busy: Busy) -> Response<BusyBody<B>> {
    let mut response = response.map(|inner| BusyBody { inner, busy });
    if version < Version::HTTP_2 && response.body().busy.0.draining() {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// One request under way on a connection.
struct Busy(Arc<Activity>);

impl Busy {
    fn begin(activity: &Arc<Activity>) -> Self {
        activity.enter();
        Self(Arc::clone(activity))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.leave();
    }
}

/// An answer's body: as long as it lives, its connection is busy.
struct BusyBody<B> {
    inner: B,
    busy: Busy,
}

impl<B> HttpBody for BusyBody<B>
where
    B: HttpBody + Unpin,
{
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.get_mut().inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
