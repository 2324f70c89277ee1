//! What services write: a bounded memory of the last lines, and a stream for followers.
//!
//! A guest's `wasi:logging`, stdout and stderr land here, and what the host says about a service
//! (started, replaced, failed its probe). Nothing here ever blocks the writer: old lines fall out
//! of the memory, and a follower that is too slow loses lines and is told how many.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use holm_registry::ServiceName;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;
use utoipa::ToSchema;

use super::now_ms;

/// A longer line is cut: a guest that logs a whole body must not fill the memory of the host.
pub const MAX_LINE: usize = 8 * 1024;
/// Lines kept for each service: a few screens, enough to see what led to a failure.
const KEPT_LINES: usize = 1_000;
/// Bytes of text kept for each service, so that long lines cost no more than short ones.
const KEPT_BYTES: usize = 512 * 1024;
/// Lines that a follower may fall behind.
const FOLLOWER_LAG: usize = 1_024;

/// How important a line is; the levels of `wasi:logging`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are those of wasi:logging")]
pub enum LogLevel {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Critical,
}

/// Which way a line came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogSource {
    /// `wasi:logging/logging`.
    Log,
    /// The guest's standard output.
    Stdout,
    /// The guest's standard error.
    Stderr,
    /// Holm, about the service.
    Host,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Milliseconds since 1970.
    pub at: u64,
    /// Whose line.
    pub service: ServiceName,
    /// Of which revision.
    pub revision: u32,
    /// How important.
    pub level: LogLevel,
    /// Which way it came.
    pub source: LogSource,
    /// The context that `wasi:logging` was given; empty otherwise.
    pub context: String,
    /// The text, without a line end, at most [`MAX_LINE`] bytes once it is in the hub.
    pub message: String,
}

impl LogLine {
    /// A line written now, without a context.
    pub fn now(
        service: &ServiceName,
        revision: u32,
        level: LogLevel,
        source: LogSource,
        message: impl Into<String>,
    ) -> Self {
        Self {
            at: now_ms(),
            service: service.clone(),
            revision,
            level,
            source,
            context: String::new(),
            message: message.into(),
        }
    }

    fn weight(&self) -> usize {
        self.message.len() + self.context.len()
    }
}

/// What a follower gets next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Followed {
    /// A line.
    Line(Arc<LogLine>),
    /// The follower was too slow: so many lines are gone.
    Lost(u64),
}

/// The lines of all services.
#[derive(Debug)]
pub struct LogHub {
    kept: Mutex<HashMap<ServiceName, Ring>>,
    followers: broadcast::Sender<Arc<LogLine>>,
}

#[derive(Debug, Default)]
struct Ring {
    lines: VecDeque<Arc<LogLine>>,
    bytes: usize,
}

/// Gets the lines that are written from now on.
#[derive(Debug)]
pub struct Follower(broadcast::Receiver<Arc<LogLine>>);

impl LogHub {
    /// Without any line.
    pub fn new() -> Self {
        Self { kept: Mutex::default(), followers: broadcast::Sender::new(FOLLOWER_LAG) }
    }

    /// Keeps a line and hands it to the followers. Never waits for any of them.
    pub fn write(&self, mut line: LogLine) {
        cut(&mut line.message);
        cut(&mut line.context);
        tell_tracing(&line);
        let line = Arc::new(line);
        let mut kept = self.kept();
        kept.entry(line.service.clone()).or_default().push(line.clone());
        // Sent while the lock is held, so that `tail` neither misses nor repeats a line. An error
        // only says that nobody follows.
        let _nobody = self.followers.send(line);
    }

    /// The last lines, oldest first: of one service, or of all of them by time.
    pub fn recent(&self, service: Option<&ServiceName>, limit: usize) -> Vec<Arc<LogLine>> {
        select(&self.kept(), service, limit)
    }

    /// The lines from now on, of all services.
    pub fn follow(&self) -> Follower {
        Follower(self.followers.subscribe())
    }

    /// The last lines and all that follow them: none missing between the two, none twice.
    pub fn tail(&self, service: Option<&ServiceName>, limit: usize) -> (Vec<Arc<LogLine>>, Follower) {
        let kept = self.kept();
        (select(&kept, service, limit), self.follow())
    }

    /// Drops the lines of a service that was removed.
    pub fn forget(&self, service: &ServiceName) {
        self.kept().remove(service);
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<ServiceName, Ring>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for LogHub {
    fn default() -> Self {
        Self::new()
    }
}

impl Follower {
    /// The next line, or how many were missed. `None` when the hub is gone.
    pub async fn next(&mut self) -> Option<Followed> {
        match self.0.recv().await {
            Ok(line) => Some(Followed::Line(line)),
            Err(broadcast::error::RecvError::Lagged(lost)) => Some(Followed::Lost(lost)),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

impl Ring {
    fn push(&mut self, line: Arc<LogLine>) {
        self.bytes += line.weight();
        self.lines.push_back(line);
        while self.lines.len() > KEPT_LINES || self.bytes > KEPT_BYTES {
            let Some(oldest) = self.lines.pop_front() else { break };
            self.bytes -= oldest.weight();
        }
    }
}

fn select(kept: &HashMap<ServiceName, Ring>, service: Option<&ServiceName>, limit: usize) -> Vec<Arc<LogLine>> {
    let rings = kept.iter().filter(|(name, _)| service.is_none_or(|wanted| wanted == *name));
    let mut lines: Vec<_> = rings.flat_map(|(_, ring)| ring.lines.iter().rev().take(limit).rev().cloned()).collect();
    lines.sort_by_key(|line| line.at);
    lines.split_off(lines.len().saturating_sub(limit))
}

/// Cuts at a character's border and drops the line end.
fn cut(text: &mut String) {
    text.truncate(text.trim_end_matches(['\r', '\n']).len());
    if text.len() > MAX_LINE {
        text.truncate(text.floor_char_boundary(MAX_LINE - '…'.len_utf8()));
        text.push('…');
    }
}

fn tell_tracing(line: &LogLine) {
    tracing::debug!(
        target: "holm::guest",
        service = %line.service, revision = line.revision, level = ?line.level, source = ?line.source,
        context = line.context, "{}", line.message
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ServiceName {
        text.parse().unwrap()
    }

    fn line(service: &str, message: impl Into<String>) -> LogLine {
        LogLine::now(&name(service), 1, LogLevel::Info, LogSource::Log, message)
    }

    fn texts(lines: &[Arc<LogLine>]) -> Vec<&str> {
        lines.iter().map(|line| line.message.as_str()).collect()
    }

    #[test]
    fn the_logs_of_a_chatty_service_push_out_those_of_a_quiet_one() {
        let hub = LogHub::new();
        hub.write(line("quiet", "here"));
        for number in 0..3 * KEPT_LINES {
            hub.write(line("chatty", number.to_string()));
        }
        assert_eq!(texts(&hub.recent(Some(&name("quiet")), 10)), ["here"]);
        assert_eq!(hub.recent(Some(&name("chatty")), usize::MAX).len(), KEPT_LINES);
    }

    #[test]
    fn long_lines_fill_the_memory_of_the_host() {
        let hub = LogHub::new();
        for _ in 0..KEPT_LINES {
            hub.write(line("big", "é".repeat(MAX_LINE)));
        }
        let kept = hub.recent(None, usize::MAX);
        assert!(kept.iter().all(|line| line.message.len() <= MAX_LINE && line.message.ends_with('…')));
        assert!(kept.iter().map(|line| line.weight()).sum::<usize>() <= KEPT_BYTES);
    }

    #[test]
    fn the_limit_gives_the_oldest_lines_instead_of_the_newest() {
        let hub = LogHub::new();
        for number in 0..10 {
            hub.write(line("a", number.to_string()));
        }
        assert_eq!(texts(&hub.recent(None, 3)), ["7", "8", "9"]);
    }

    #[tokio::test]
    async fn a_follower_misses_a_line_or_sees_it_twice() {
        let hub = LogHub::new();
        hub.write(line("a", "before"));
        let (recent, mut follower) = hub.tail(None, 10);
        hub.write(line("a", "after\n"));
        assert_eq!(texts(&recent), ["before"]);
        let Some(Followed::Line(next)) = follower.next().await else { panic!("no line") };
        assert_eq!(next.message, "after");
    }

    #[tokio::test]
    async fn a_slow_follower_is_not_told_what_it_lost() {
        let hub = LogHub::new();
        let mut follower = hub.follow();
        for _ in 0..FOLLOWER_LAG + 5 {
            hub.write(line("a", "x"));
        }
        assert_eq!(follower.next().await, Some(Followed::Lost(5)));
    }
}
