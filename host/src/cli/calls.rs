//! `holm calls`.

use std::time::Duration;

use super::Context;
use super::host::HostArgs;
use crate::admin::api::CallLine;

/// Show who calls whom, how often, how it goes, and which breakers are open
///
/// RATE is calls a second in the last ten seconds, ERRORS the share of failed attempts in the breaker's window; all other
/// numbers count from the start of the host. FAILED are the calls without an answer; REFUSED those of them that an
/// open breaker or a full bulkhead did not let through.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Show them again every second, until Ctrl-C
    #[arg(long)]
    watch: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    host: HostArgs,
}

/// Half a window of most breakers would be too late to see one open.
const AGAIN: Duration = Duration::from_secs(1);

const HEADER: [&str; 11] = [
    "CALLER",
    "TARGET",
    "BREAKER",
    "RATE",
    "ERRORS",
    "CALLS",
    "FAILED",
    "REFUSED",
    "RETRIES",
    "FALLBACKS",
    "P50 / P99",
];

impl Args {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<()> {
        let client = self.host.client(&context.environment)?;
        loop {
            let calls = client.calls().await?;
            match (self.json, self.watch) {
                (true, false) => context.output.json(&calls)?,
                (true, true) => context.output.json_line(&calls)?,
                (false, _) => self.show(context, &calls)?,
            }
            if !self.watch {
                return Ok(());
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    fn show(&self, context: &Context, calls: &[CallLine]) -> anyhow::Result<()> {
        if self.watch {
            context.output.clear()?;
        }
        if calls.is_empty() {
            context.output.note("no service calls another one, by an interface or by name");
        }
        Ok(context.output.table(&HEADER, calls.iter().map(row).collect())?)
    }
}

fn row(line: &CallLine) -> Vec<String> {
    vec![
        line.caller.clone(),
        target(line),
        breaker(line),
        format!("{:.1}/s", line.per_second),
        format!("{:.0}%", line.error_share * 100.0),
        line.calls.to_string(),
        line.failures.to_string(),
        refused(line),
        line.retries.to_string(),
        line.fallbacks.to_string(),
        times(line),
    ]
}

/// Of an interface, the service behind it, too.
fn target(line: &CallLine) -> String {
    match &line.service {
        Some(service) if !line.target.starts_with("http") => format!("{service} {}", line.target),
        _ => line.target.clone(),
    }
}

fn breaker(line: &CallLine) -> String {
    match line.retry_in_ms {
        Some(0) => format!("{}, next call tries", line.breaker),
        Some(wait) => format!("{}, tries in {} s", line.breaker, wait.div_ceil(1000)),
        None => line.breaker.clone(),
    }
}

fn refused(line: &CallLine) -> String {
    match (line.refused_open, line.refused_full) {
        (0, 0) => "0".to_owned(),
        (open, 0) => format!("{open} open"),
        (0, full) => format!("{full} full"),
        (open, full) => format!("{open} open, {full} full"),
    }
}

fn times(line: &CallLine) -> String {
    match (line.p50_ms, line.p99_ms) {
        (Some(p50), Some(p99)) => format!("{} / {}", took(p50), took(p99)),
        _ => "-".to_owned(),
    }
}

/// With two digits that count: `3.2 µs`, `45 ms`, `2.1 s`.
fn took(millis: f64) -> String {
    let (value, unit) = match millis {
        under if under < 1.0 => (millis * 1e3, "µs"),
        under if under < 1e3 => (millis, "ms"),
        _ => (millis / 1e3, "s"),
    };
    if value < 10.0 { format!("{value:.1} {unit}") } else { format!("{value:.0} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_hard_to_read() {
        let times = [0.0032, 0.045, 0.99, 1.0, 45.2, 999.0, 2_140.0, 10_000.0].map(took);
        assert_eq!(times, ["3.2 µs", "45 µs", "990 µs", "1.0 ms", "45 ms", "999 ms", "2.1 s", "10 s"]);
    }
}
