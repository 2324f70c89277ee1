//! One connection: hyper's settings, its run from accept to close, and the body that keeps it
//! marked busy.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

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
use super::tls::{self, Tls};
use super::transport::Transport;
use super::upgrade::{Slot, Tunnel};
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
    /// The certificate that the client has shown and that was verified, as a field tells it.
    pub(super) certificate: Option<HeaderValue>,
    /// What the connection goes on as, once that is agreed upon.
    pub(super) tunnel: Slot,
}

impl Peer {
    pub(super) fn new(address: SocketAddr) -> Self {
        let text = address.ip().to_canonical().to_string();
        let forwarded_for = HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("unknown"));
        Self { address, forwarded_for, scheme: "http", certificate: None, tunnel: Slot::default() }
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

/// The stream of a connection, after its handshake if there is one: that is as due as a head.
pub(super) async fn open(stream: TcpStream, tls: Option<&Tls>, peer: &mut Peer, limit: Duration) -> Option<Transport> {
    // answers are written whole: waiting for more to send only delays them
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else { return Some(Transport::Plain(stream)) };
    peer.scheme = "https";
    match tokio::time::timeout(limit, tls.accept(stream)).await {
        Ok(Ok(stream)) => {
            peer.certificate = tls::certificate_of(&stream);
            Some(Transport::Tls(Box::new(stream)))
        }
        Ok(Err(error)) => {
            tracing::debug!(%error, "a TLS handshake failed");
            None
        }
        Err(_) => None,
    }
}

/// From there to close.
pub(super) async fn run<H, F, B>(stream: Transport, peer: Peer, builder: &Builder, handler: H, activity: Arc<Activity>)
where
    H: Fn(Request<Incoming>, Peer) -> F,
    F: Future<Output = Response<B>> + Send + 'static,
    B: HttpBody<Data = Bytes, Error = BodyError> + Send + Unpin + 'static,
{
    let (socket, mut returned) = Socket::new(stream, Arc::clone(&activity));
    let service = service_fn(|request: Request<Incoming>| {
        let version = request.version();
        let busy = Busy::begin(&activity);
        let answer = handler(request, peer.clone());
        async move { Ok::<_, Infallible>(finish_head(answer.await, version, busy)) }
    });
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(socket), service);
    let ending = drive(connection, &activity).await;
    match ending {
        Ending::Aborted => {}
        Ending::Done => {
            if let Some(tunnel) = Tunnel::of(&peer.tunnel) {
                tunnel.run(&activity).await;
            }
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

async fn drive<S, B>(
    connection: auto::UpgradeableConnection<'_, TokioIo<Socket>, S, Executor>,
    activity: &Activity,
) -> Ending
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

fn finish_head<B>(response: Response<B>, version: Version, mut busy: Busy) -> Response<BusyBody<B>> {
    busy.waits(false);
    let mut response = response.map(|inner| BusyBody { inner, busy });
    if version < Version::HTTP_2 && response.body().busy.activity.ending() {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// One request under way on a connection.
struct Busy {
    activity: Arc<Activity>,
    /// Whether the next step is the target's; else the client's.
    waits: bool,
}

impl Busy {
    fn begin(activity: &Arc<Activity>) -> Self {
        activity.enter();
        activity.wait();
        Self { activity: Arc::clone(activity), waits: true }
    }

    fn waits(&mut self, waits: bool) {
        match (self.waits, waits) {
            (true, false) => self.activity.resume(),
            (false, true) => self.activity.wait(),
            _ => {}
        }
        self.waits = waits;
        self.activity.ask();
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.waits(false);
        self.activity.leave();
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
        let this = self.get_mut();
        let frame = Pin::new(&mut this.inner).poll_frame(cx);
        this.busy.waits(frame.is_pending());
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
