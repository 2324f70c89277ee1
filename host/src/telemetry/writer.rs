//! A writer that never makes a request wait for a terminal.
//!
//! Formatted lines are collected in one bounded buffer, and one thread, which owns stderr, writes
//! all that has come together every few milliseconds. When the buffer is full, lines are dropped
//! and counted, and the thread says how many as soon as it can write again.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// Bytes that may wait for stderr: about a fifth of a second of access log under full load.
const BUFFER: usize = 2 << 20;

/// How long the first line of a batch waits for others: nobody who reads a log notices it, and it
/// saves a system call and a switch of threads for nearly every line.
const BATCH: Duration = Duration::from_millis(5);

/// The side that lines are written to.
#[derive(Clone)]
pub(super) struct LineSender(Arc<Shared>);

/// Writes what is left when it is dropped.
#[must_use = "the last lines are written when this is dropped"]
pub struct FlushGuard {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    /// Signalled when the first line of a batch comes, and at the end.
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    lines: Vec<u8>,
    lost: u64,
    ended: bool,
}

/// Starts the thread that writes to `out`.
pub(super) fn start(out: impl Write + Send + 'static) -> io::Result<(LineSender, FlushGuard)> {
    let shared = Arc::new(Shared::default());
    let writing = shared.clone();
    let thread = std::thread::Builder::new().name("holm-log".to_owned()).spawn(move || {
        if writing.write_to(out).is_err() {
            // a closed stderr: from now on lines are dropped, the host goes on
            writing.lock().ended = true;
        }
    })?;
    Ok((LineSender(shared.clone()), FlushGuard { shared, thread: Some(thread) }))
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, line: &[u8]) {
        let mut waiting = self.lock();
        if waiting.ended || waiting.lines.len().saturating_add(line.len()) > BUFFER {
            waiting.lost += 1;
            return;
        }
        let first = waiting.lines.is_empty();
        waiting.lines.extend_from_slice(line);
        drop(waiting);
        if first {
            self.changed.notify_one();
        }
    }

    fn write_to(&self, mut out: impl Write) -> io::Result<()> {
        let mut batch = Vec::new();
        loop {
            let (lost, ended) = self.next(&mut batch);
            out.write_all(&batch)?;
            if lost > 0 {
                writeln!(out, "{lost} log lines were dropped: stderr is read too slowly")?;
            }
            out.flush()?;
            batch.clear();
            if ended {
                return Ok(());
            }
        }
    }

    /// Waits for lines, and a little for more of them; takes them all.
    fn next(&self, batch: &mut Vec<u8>) -> (u64, bool) {
        let idle = |waiting: &mut Waiting| waiting.lines.is_empty() && !waiting.ended;
        let waiting = self.changed.wait_while(self.lock(), idle).unwrap_or_else(PoisonError::into_inner);
        let more = self.changed.wait_timeout_while(waiting, BATCH, |waiting| !waiting.ended);
        let (mut waiting, _) = more.unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut waiting.lines, batch);
        (std::mem::take(&mut waiting.lost), waiting.ended)
    }
}

impl Write for LineSender {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.push(line);
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
        self.shared.lock().ended = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[derive(Clone, Default)]
    struct Terminal(Arc<Mutex<Vec<u8>>>);

    impl Terminal {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Terminal {
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
        let out = Terminal::default();
        let (mut lines, guard) = start(out.clone()).unwrap();
        for number in 0..100 {
            lines.write_all(format!("line {number}\n").as_bytes()).unwrap();
        }
        drop(guard);
        let text = out.text();
        assert_eq!(text.lines().count(), 100, "{text}");
        assert!(text.ends_with("line 99\n"));
    }

    /// A terminal that does not take anything until it is told to.
    struct Stuck(mpsc::Receiver<()>, Terminal);

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            self.1.write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_terminal_that_is_stuck_makes_the_host_grow_or_wait() {
        let (release, stuck) = mpsc::channel();
        let out = Terminal::default();
        let (mut lines, guard) = start(Stuck(stuck, out.clone())).unwrap();
        let line = [b'x'; 1024];
        for _ in 0..3 * BUFFER / line.len() {
            lines.write_all(&line).unwrap();
        }
        assert!(lines.0.lock().lines.len() <= BUFFER);
        drop(release);
        drop(guard);
        assert!(out.text().contains("log lines were dropped"));
    }
}
