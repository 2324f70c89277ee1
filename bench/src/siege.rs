//! Far more requests than the limits let through: does the host stay up, and does it answer the others?

use std::net::SocketAddr;
use std::process::Command;

use anyhow::{Context, bail};

use crate::process::Process;
use crate::report::{line, memory, table};

/// Requests over HTTP/2, on connections with so many streams each.
const REQUESTS: u32 = 200_000;
const CONNECTIONS: u32 = 64;
const STREAMS: u32 = 100;
/// The same over HTTP/1.1, for so many seconds.
const SECONDS: u32 = 5;
/// How much memory may grow meanwhile, in KiB: by what a refused stream takes, for all that there may be at once.
/// Measured were 28 for each; more than this would be a leak.
const GROWTH: u64 = (CONNECTIONS * STREAMS) as u64 * 40;

/// What one program counted.
#[derive(Debug, Default, PartialEq)]
struct Counted {
    let_through: u64,
    refused: u64,
    failed: u64,
}

/// Lays siege to a path whose limit lets a hundred through, and looks at the host afterwards.
///
/// # Errors
/// When it has ended, has failed at a request, or has grown without bound.
pub fn run(host: &mut Process, address: SocketAddr, limited: &str) -> anyhow::Result<()> {
    let url = format!("http://{address}{limited}");
    let before = host.resident()?;
    let sides = [("wrk, HTTP/1.1", over_http1(&url)?), ("h2load, HTTP/2", over_http2(&url)?)];
    host.check()?;
    let grown = host.peak()?.saturating_sub(before);
    let mut rows = table(&["under siege", "let through", "refused", "failed"]);
    for (name, counted) in &sides {
        let Counted { let_through, refused, failed } = counted;
        rows.add_row([(*name).to_owned(), let_through.to_string(), refused.to_string(), failed.to_string()]);
    }
    line(format!("\n{rows}\nmemory has grown by {}\n", memory(grown)));
    if let Some((name, counted)) = sides.iter().find(|(_, counted)| counted.failed > 0 || counted.refused == 0) {
        bail!("{name}: {counted:?}");
    }
    if grown > GROWTH {
        bail!("the host has grown by {} under siege, {} are allowed", memory(grown), memory(GROWTH));
    }
    Ok(())
}

fn over_http1(url: &str) -> anyhow::Result<Counted> {
    let (connections, seconds) = (format!("-c{CONNECTIONS}"), format!("-d{SECONDS}s"));
    let text = output(Command::new("wrk").args(["-t1", &connections, &seconds, url]))?;
    of_wrk(&text).with_context(|| format!("wrk said {text}"))
}

fn over_http2(url: &str) -> anyhow::Result<Counted> {
    let numbers = [("-n", REQUESTS), ("-c", CONNECTIONS), ("-m", STREAMS)].map(|(flag, n)| format!("{flag}{n}"));
    let text = output(Command::new("h2load").args(numbers).arg(url))?;
    of_h2load(&text).with_context(|| format!("h2load said {text}"))
}

fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output().with_context(|| format!("cannot start {command:?}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// wrk does not tell 4xx from 5xx: what is refused by a limit it counts with what failed. What it tells apart are
/// answers and sockets that broke.
fn of_wrk(text: &str) -> Option<Counted> {
    let all = number_before(text, " requests in ")?;
    let refused = text.lines().find_map(|line| line.trim().strip_prefix("Non-2xx or 3xx responses: "));
    let refused = refused.map_or(Some(0), |number| number.parse().ok())?;
    let broken = text.lines().find(|line| line.contains("Socket errors")).map(numbers).unwrap_or_default();
    Some(Counted { let_through: all.checked_sub(refused)?, refused, failed: broken.iter().sum() })
}

/// `status codes: 100 2xx, 0 3xx, 199900 4xx, 0 5xx`, and the errors of its first line.
fn of_h2load(text: &str) -> Option<Counted> {
    let codes = text.lines().find_map(|line| line.strip_prefix("status codes: ")).map(|line| {
        let counts = line.split(", ").filter_map(|part| part.split(' ').next()?.parse::<u64>().ok());
        counts.collect::<Vec<u64>>()
    })?;
    let &[good, elsewhere, refused, failed] = codes.as_slice() else { return None };
    let errored = number_before(text, " errored")?;
    Some(Counted { let_through: good + elsewhere, refused, failed: failed + errored })
}

fn number_before(text: &str, words: &str) -> Option<u64> {
    let before = text.split_once(words)?.0;
    before.rsplit(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn numbers(line: &str) -> Vec<u64> {
    line.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_that_breaks_down_is_taken_for_one_that_refuses() {
        let calm = "  95000 requests in 5.00s, 11MB read\n  Non-2xx or 3xx responses: 94900\nRequests/sec: 19000\n";
        assert_eq!(of_wrk(calm), Some(Counted { let_through: 100, refused: 94_900, failed: 0 }));
        let broken = format!("{calm}  Socket errors: connect 0, read 3, write 1, timeout 2\n");
        assert_eq!(of_wrk(&broken).unwrap().failed, 6);
        let h2 = "requests: 200 total, 200 started, 199 done, 100 succeeded, 100 failed, 1 errored, 0 timeout\n\
                  status codes: 100 2xx, 0 3xx, 98 4xx, 1 5xx\n";
        assert_eq!(of_h2load(h2), Some(Counted { let_through: 100, refused: 98, failed: 2 }));
        assert_eq!(of_h2load("nothing"), None);
    }
}
