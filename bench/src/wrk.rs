//! wrk: as many requests as the other side answers.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};

/// What one run of wrk found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Load {
    /// Answers.
    pub requests: u64,
    /// How long it took.
    pub took: Duration,
    /// Half of the answers came within this time.
    pub p50: Duration,
    /// 99 of 100 answers came within this time.
    pub p99: Duration,
}

/// Asks `url` on `connections` connections for `seconds`. Any error of a socket or answer other
/// than 2xx is an error: a side that fails fast must not look fast.
pub fn run(url: &str, connections: u32, seconds: u32) -> anyhow::Result<Load> {
    run_with(url, connections, seconds, None)
}

/// The same, with a header field in every request.
pub fn run_with(url: &str, connections: u32, seconds: u32, header: Option<&str>) -> anyhow::Result<Load> {
    let mut command = Command::new("wrk");
    command.args(["-t1", &format!("-c{connections}"), &format!("-d{seconds}s"), "--latency"]);
    command.args(header.iter().flat_map(|header| ["-H", *header])).arg(url);
    let output = command.output().context("cannot start wrk")?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        bail!("wrk failed on {url}: {}", String::from_utf8_lossy(&output.stderr));
    }
    read(&text).with_context(|| format!("{url} under wrk: {text}"))
}

fn read(text: &str) -> anyhow::Result<Load> {
    if let Some(line) = text.lines().find(|line| line.contains("Non-2xx") || line.contains("Socket errors")) {
        bail!("not every request was answered: {}", line.trim());
    }
    let summary = text.lines().find(|line| line.contains(" requests in ")).context("no summary")?;
    let (requests, rest) = summary.trim().split_once(" requests in ").context("no count")?;
    let took = duration(rest.split(',').next().unwrap_or_default())?;
    let percentile = |name: &str| {
        let value = text.lines().find_map(|line| line.trim().strip_prefix(name)).context("no percentile")?;
        duration(value.trim())
    };
    Ok(Load { requests: requests.parse()?, took, p50: percentile("50%")?, p99: percentile("99%")? })
}

/// As wrk writes it: `1.23ms`, `870.00us`, `4.00s`, `1.02m`.
fn duration(text: &str) -> anyhow::Result<Duration> {
    let digits = text.find(|c: char| c.is_ascii_alphabetic()).context("a time has no unit")?;
    let (number, unit) = text.split_at(digits);
    let scale = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        _ => bail!("`{text}` is no time"),
    };
    Ok(Duration::from_secs_f64(number.parse::<f64>()? * scale))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "Running 2s test @ http://127.0.0.1:1/\n  1 threads and 32 connections\n  \
        Thread Stats   Avg      Stdev     Max   +/- Stdev\n    Latency   661.05us  293.59us  12.59ms   87.76%\n  \
        Latency Distribution\n     50%  630.00us\n     75%  731.00us\n     90%    0.87ms\n     99%    1.52ms\n  \
        95000 requests in 2.00s, 11.50MB read\nRequests/sec:  47312.20\n";

    #[test]
    fn the_output_of_wrk_is_misread() {
        let load = read(OUTPUT).unwrap();
        assert_eq!((load.requests, load.took), (95_000, Duration::from_secs(2)));
        assert_eq!((load.p50, load.p99), (Duration::from_micros(630), Duration::from_micros(1520)));
    }

    #[test]
    fn answers_that_failed_are_counted_as_fast_ones() {
        assert!(read(&format!("{OUTPUT}  Non-2xx or 3xx responses: 5\n")).is_err());
        assert!(read(&format!("{OUTPUT}  Socket errors: connect 0, read 3\n")).is_err());
    }
}
