//! A service's way into the log: one budget for all of its instances.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use holm_registry::ServiceName;
use holm_registry::settings::Limit;

use crate::telemetry::logs::{LogHub, LogLevel, LogLine, LogSource};
use crate::telemetry::metrics::RevisionMetrics;

/// What a line costs besides its text, in bytes: its time, level and place in memory. Without
/// it a flood of empty lines would be free.
const LINE_COST: usize = 64;

/// The log of one revision.
pub struct IslandLog {
    hub: Arc<LogHub>,
    service: ServiceName,
    revision: u32,
    budget: Mutex<Budget>,
    metrics: Arc<RevisionMetrics>,
}

/// Bytes per second, counted in windows of one second.
struct Budget {
    limit: u64,
    window: Instant,
    used: u64,
    dropped: u64,
}

/// What the budget says about one line.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// Write it.
    Write,
    /// Write it, and first say that this many bytes were dropped before it.
    WriteAfterGap(u64),
    /// Drop it.
    Drop,
}

impl IslandLog {
    /// A log that takes `limit` bytes a second, and counts the lines that it drops.
    pub fn new(
        hub: Arc<LogHub>,
        service: ServiceName,
        revision: u32,
        limit: u64,
        metrics: Arc<RevisionMetrics>,
    ) -> Self {
        let budget = Budget { limit, window: Instant::now(), used: 0, dropped: 0 };
        Self { hub, service, revision, budget: Mutex::new(budget), metrics }
    }

    /// Writes one line, unless the service has logged too much within this second.
    pub fn write(&self, source: LogSource, level: LogLevel, context: &str, message: &str) {
        let size = (LINE_COST + context.len() + message.len()) as u64;
        let verdict = self.budget.lock().unwrap_or_else(PoisonError::into_inner).charge(size, Instant::now());
        match verdict {
            Verdict::Write => self.send(source, level, context, message),
            Verdict::WriteAfterGap(lost) => {
                let gap = format!("{lost} bytes of log were dropped: more than limits.log_rate");
                self.send(LogSource::Host, LogLevel::Warn, "", &gap);
                self.send(source, level, context, message);
            }
            Verdict::Drop => self.metrics.limit_hit(Limit::LogRate),
        }
    }

    fn send(&self, source: LogSource, level: LogLevel, context: &str, message: &str) {
        let mut line = LogLine::now(&self.service, self.revision, level, source, message);
        line.context.push_str(context);
        self.hub.write(line);
    }
}

impl Budget {
    fn charge(&mut self, size: u64, now: Instant) -> Verdict {
        if now.saturating_duration_since(self.window) >= Duration::from_secs(1) {
            self.window = now;
            self.used = 0;
        }
        if self.used.saturating_add(size) > self.limit {
            self.dropped = self.dropped.saturating_add(size);
            return Verdict::Drop;
        }
        self.used += size;
        match std::mem::take(&mut self.dropped) {
            0 => Verdict::Write,
            lost => Verdict::WriteAfterGap(lost),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_that_floods_its_log_loses_lines_and_is_told_how_many() {
        let start = Instant::now();
        let mut budget = Budget { limit: 10, window: start, used: 0, dropped: 0 };
        assert_eq!(budget.charge(8, start), Verdict::Write);
        assert_eq!(budget.charge(8, start), Verdict::Drop);
        assert_eq!(budget.charge(2, start), Verdict::WriteAfterGap(8));
        assert_eq!(budget.charge(9, start + Duration::from_secs(1)), Verdict::Write);
    }
}
