//! `wasi:cli/stdout` and `stderr`: lines of the service's log.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use crate::runtime::guest::Island;
use crate::telemetry::logs::{LogLevel, LogSource};

/// A line that does not end is written out at this length.
const LONGEST_LINE: usize = 8 << 10;

/// What a stream accepts in one write.
const WRITE_PERMIT: usize = 64 << 10;

/// One of the two streams of an instance.
#[derive(Clone)]
pub struct LogStream {
    island: Arc<Island>,
    source: LogSource,
    /// The line that has not ended yet.
    line: Arc<Mutex<Vec<u8>>>,
}

impl LogStream {
    /// A stream into the island's log.
    pub fn new(island: Arc<Island>, source: LogSource) -> Self {
        Self { island, source, line: Arc::default() }
    }

    fn accept(&self, bytes: &[u8]) {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        for &byte in bytes {
            if byte != b'\n' {
                line.push(byte);
            }
            if byte == b'\n' || line.len() >= LONGEST_LINE {
                self.emit(&line);
                line.clear();
            }
        }
    }

    fn emit(&self, line: &[u8]) {
        let level = if self.source == LogSource::Stderr { LogLevel::Warn } else { LogLevel::Info };
        self.island.log.write(self.source, level, "", &String::from_utf8_lossy(line));
    }
}

/// What is left of a line when the instance goes is part of the log too.
impl Drop for LogStream {
    fn drop(&mut self) {
        if Arc::strong_count(&self.line) > 1 {
            return;
        }
        let line = std::mem::take(&mut *self.line.lock().unwrap_or_else(PoisonError::into_inner));
        if !line.is_empty() {
            self.emit(&line);
        }
    }
}

impl IsTerminal for LogStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for LogStream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait::async_trait]
impl Pollable for LogStream {
    async fn ready(&mut self) {}
}

#[async_trait::async_trait]
impl OutputStream for LogStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.accept(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_PERMIT)
    }
}

impl AsyncWrite for LogStream {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.accept(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
