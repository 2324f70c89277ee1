//! The socket under hyper: it tells the connection's [`Activity`] what happens on it, and comes
//! back when hyper is done, so that it can be closed without destroying the last answer.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::sync::oneshot;

use super::activity::Activity;
use super::limits::LINGER;
use super::transport::Transport;

/// What every HTTP/2 connection begins with, as far as it takes to tell it from HTTP/1.1.
const HTTP2_PREFACE: &[u8] = b"PRI";

/// hyper owns its socket and drops it when done; this one then travels back to its connection.
pub(super) struct Socket {
    // always there until drop
    stream: Option<Transport>,
    way_back: Option<oneshot::Sender<Transport>>,
    activity: Arc<Activity>,
}

impl Socket {
    pub(super) fn new(stream: Transport, activity: Arc<Activity>) -> (Self, oneshot::Receiver<Transport>) {
        let (way_back, returned) = oneshot::channel();
        (Self { stream: Some(stream), way_back: Some(way_back), activity }, returned)
    }

    fn parts(self: Pin<&mut Self>) -> io::Result<(Pin<&mut Transport>, &Activity)> {
        let this = self.get_mut();
        let stream = this.stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        Ok((Pin::new(stream), &this.activity))
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if let (Some(stream), Some(way_back)) = (self.stream.take(), self.way_back.take()) {
            // nobody waits for it when the connection was given up
            let _ = way_back.send(stream);
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let (stream, activity) = self.parts()?;
        let before = buf.filled().len();
        let result = stream.poll_read(cx, buf);
        if result.is_ready() {
            let read = buf.filled().get(before..).unwrap_or_default();
            activity.read(read.len(), || HTTP2_PREFACE.starts_with(read) || read.starts_with(HTTP2_PREFACE));
        }
        result
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let (stream, activity) = self.parts()?;
        activity.wrote(stream.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let (stream, activity) = self.parts()?;
        activity.wrote(stream.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.parts()?.0.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.parts()?.0.poll_shutdown(cx)
    }
}

/// Says that nothing more is sent, then reads to nowhere until the client has closed too.
pub(super) async fn linger(mut stream: Transport) {
    let drained = async {
        stream.shutdown().await?;
        let mut scratch = [0; 4096];
        while stream.read(&mut scratch).await? > 0 {}
        io::Result::Ok(())
    };
    // an error or a client that stays: the socket is closed all the same
    let _ = tokio::time::timeout(LINGER, drained).await;
}
