//! The lines that a program writes, as they come: a program that goes silent fails its test.

use std::io::{BufRead, BufReader, Read};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// The lines of one stream: what comes through two of them has no order.
pub(crate) struct Lines {
    lines: Receiver<String>,
    within: Duration,
    seen: Vec<String>,
}

impl Lines {
    /// Of a program that takes at most so long for any of them.
    pub(crate) fn of(from: impl Read + Send + 'static, within: Duration) -> Self {
        let (tell, lines) = channel();
        std::thread::spawn(move || {
            BufReader::new(from).lines().map_while(Result::ok).try_for_each(|line| tell.send(line))
        });
        Self { lines, within, seen: Vec::new() }
    }

    /// The next line with this in it.
    pub(crate) fn until(&mut self, part: &str) -> String {
        let end = Instant::now() + self.within;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).unwrap_or_else(|_| panic!("no {part:?} in {:#?}", self.seen));
            self.seen.push(line.clone());
            if line.contains(part) {
                return line;
            }
        }
    }

    /// All that has come so far.
    pub(crate) fn seen(&self) -> &[String] {
        &self.seen
    }
}
