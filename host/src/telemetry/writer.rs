//! A writer that never makes a request wait for a terminal.
//!
//! Formatted lines go through a bounded queue to one thread that owns stderr. When the queue is
//! full, lines are dropped and counted, and the thread says how many as soon as it can write again.

use std::io::{self, BufWriter, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use tracing_subscriber::fmt::MakeWriter;

/// Lines that may wait for stderr: about a tenth of a second of access log under full load.
const QUEUE: usize = 8 * 1024;

/// The side that `tracing` writes to.
#[derive(Clone)]
pub(super) struct LineSender {
    lines: SyncSender<Message>,
    lost: Arc<AtomicU64>,
}

/// Writes what is left when it is dropped.
#[must_use = "the last lines are written when this is dropped"]
pub struct FlushGuard {
    lines: SyncSender<Message>,
    thread: Option<JoinHandle<()>>,
}

enum Message {
    Line(Vec<u8>),
    End,
}

/// Starts the thread that writes to `out`.
pub(super) fn start(out: impl Write + Send + 'static) -> io::Result<(LineSender, FlushGuard)> {
    let (lines, queue) = sync_channel(QUEUE);
    let lost = Arc::new(AtomicU64::new(0));
    let counter = lost.clone();
    let thread = std::thread::Builder::new().name("holm-log".to_owned()).spawn(move || {
        // A closed stderr ends the thread; from then on lines are dropped, the host goes on.
        let _closed = drain(&queue, &counter, BufWriter::new(out));
    })?;
    Ok((LineSender { lines: lines.clone(), lost }, FlushGuard { lines, thread: Some(thread) }))
}

fn drain(queue: &Receiver<Message>, lost: &AtomicU64, mut out: impl Write) -> io::Result<()> {
    while let Ok(first) = queue.recv() {
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Message::Line(line) => out.write_all(&line)?,
                Message::End => return out.flush(),
            }
            next = queue.try_recv().ok();
        }
        let dropped = lost.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            writeln!(out, "{dropped} log lines were dropped: stderr is read too slowly")?;
        }
        out.flush()?;
    }
    Ok(())
}

impl Write for LineSender {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.lines.try_send(Message::Line(line.to_vec())).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for LineSender {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Drop for FlushGuard {
    fn drop(&mut self) {
        let asked = self.lines.send(Message::End);
        if let (Ok(()), Some(thread)) = (asked, self.thread.take()) {
            let _panicked = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use super::*;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_last_lines_are_lost_when_the_host_ends() {
        let out = Shared::default();
        let (mut lines, guard) = start(out.clone()).unwrap();
        for number in 0..100 {
            lines.write_all(format!("line {number}\n").as_bytes()).unwrap();
        }
        drop(guard);
        let text = String::from_utf8(out.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), 100, "{text}");
        assert!(text.ends_with("line 99\n"));
    }
}
