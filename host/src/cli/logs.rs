//! `holm logs`.

use holm_registry::ServiceName;

use super::Context;
use super::host::HostArgs;
use crate::admin::api::LogLine;
use crate::admin::client::LogEvent;
use crate::telemetry::logs::{LogLevel, LogSource};

/// Print what services wrote: their log, stdout and stderr
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Name of the service [default: all]
    service: Option<ServiceName>,
    /// Go on with new lines until the host stops
    #[arg(short, long)]
    follow: bool,
    /// How many of the last lines come first [default: 100]
    #[arg(short = 'n', long, value_name = "COUNT")]
    lines: Option<usize>,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    host: HostArgs,
}

impl Args {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<()> {
        let client = self.host.client(&context.environment)?;
        let mut events = client.logs(self.service.as_ref(), self.follow, self.lines).await?;
        while let Some(event) = events.next().await? {
            match event {
                LogEvent::Line(line) if self.json => context.output.json_line(&line)?,
                LogEvent::Line(line) => context.output.line(text(&line))?,
                LogEvent::Lost(lost) => context.output.note(format_args!("{lost} lines came too fast and are missing")),
            }
        }
        Ok(())
    }
}

fn text(line: &LogLine) -> String {
    let LogLine { at, service, revision, message, context, .. } = line;
    let tag = match line.source {
        LogSource::Log => level(line.level),
        LogSource::Stdout => "stdout",
        LogSource::Stderr => "stderr",
        LogSource::Host => "holm",
    };
    let context = if context.is_empty() { String::new() } else { format!("[{context}] ") };
    format!("{at} {service}#{revision} {tag:<8} {context}{message}")
}

fn level(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Trace => "trace",
        LogLevel::Debug => "debug",
        LogLevel::Info => "info",
        LogLevel::Warn => "warn",
        LogLevel::Error => "error",
        LogLevel::Critical => "critical",
    }
}
