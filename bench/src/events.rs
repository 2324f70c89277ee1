//! Events from one service to another, on both buses, beside a client of NATS that does nothing else.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::task::JoinSet;

use crate::Tools;
use crate::holm::{Holm, app, service};
use crate::nats_bare::Measured;
use crate::pace::{self, Pace};
use crate::peers::nats_server;
use crate::report::{line, machine, median, ratio, table, time};

/// Rounds of each side, in turns.
const ROUNDS: usize = 3;
/// Events of one round: some seconds at the rate of the slowest side.
pub const EVENTS: u32 = 20_000;
/// Bytes of one event.
pub const SIZE: usize = 256;
/// Events under way at once, on their way to the server and with whoever handles them.
pub const WINDOW: usize = 256;
/// Events that a service publishes in one unit of work.
const BATCH: u32 = 50;
/// Requests to the publishing service at once.
const CLIENTS: u32 = 8;
/// For latencies: events a second, and for how long. Nothing queues at this rate.
pub const RATE: u32 = 100;
pub const LASTS: Duration = Duration::from_secs(5);
/// How long all events of a round may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// Where Holm's events go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Bare,
    Jetstream,
    Embedded,
}

impl Side {
    const ALL: [Self; 3] = [Self::Bare, Self::Jetstream, Self::Embedded];

    fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare async-nats",
            Self::Jetstream => "holm on JetStream",
            Self::Embedded => "holm, embedded bus",
        }
    }
}

/// What one side did.
#[derive(Default)]
struct Figures {
    took: Vec<Duration>,
    /// Half of the events, and 99 of 100, took no longer.
    latency: (Duration, Duration),
}

impl Figures {
    fn per_second(&self) -> f64 {
        f64::from(EVENTS) / median(self.took.iter().copied()).unwrap_or_default().as_secs_f64().max(1e-9)
    }
}

/// Runs the bench.
pub async fn run(tools: &Tools) -> anyhow::Result<()> {
    let program = tools.nats.as_deref().context("this bench needs --nats")?;
    let folder = tempfile::tempdir()?;
    let (mut server, address) = nats_server(program, folder.path())?;
    let url = format!("nats://{address}");
    machine();
    line(format!(
        "settings: all sides: {EVENTS} events of {SIZE} bytes a round, {ROUNDS} rounds in turns, at most {WINDOW} under \
         way; every publication confirmed by the server, every acknowledgement too; one stream on disk with the same \
         settings, default sync of the server; latencies at {RATE} events a second\n\
         Holm: published by a service, {BATCH} in a unit of work, {CLIENTS} requests at once; handled by another, which \
         writes a key for each; effects, mark and outbox are durable on disk before anybody is told"
    ));
    let holms = (Holms::start(tools, Some(&url))?, Holms::start(tools, None)?);
    let mut figures: Vec<(Side, Figures)> = Side::ALL.map(|side| (side, Figures::default())).into();
    for _ in 0..ROUNDS {
        for (side, figures) in &mut figures {
            figures.took.push(match side {
                Side::Bare => bare(&url)?.took,
                Side::Jetstream => holms.0.round().await?,
                Side::Embedded => holms.1.round().await?,
            });
            server.check()?;
        }
    }
    for (side, figures) in &mut figures {
        figures.latency = match side {
            Side::Bare => bare(&url)?.latency,
            Side::Jetstream => holms.0.latency().await?,
            Side::Embedded => holms.1.latency().await?,
        };
    }
    server.stop();
    tell(&figures)
}

fn tell(figures: &[(Side, Figures)]) -> anyhow::Result<()> {
    let mut shown = table(&["side", "events/s", "half within", "99 % within"]);
    for (side, figures) in figures {
        let (half, most) = figures.latency;
        shown.add_row([side.name().to_owned(), format!("{:.0}", figures.per_second()), time(half), time(most)]);
    }
    line(shown);
    line(
        "latency: bare: from the publication to the confirmed acknowledgement; holm: to the end of the delivery, from \
          a histogram, as the upper bound of its bucket",
    );
    let of = |wanted: Side| {
        let found = figures.iter().find(|(side, _)| *side == wanted);
        found.map(|(_, figures)| figures.per_second()).context("a side was not measured")
    };
    let bare = of(Side::Bare)?;
    ratio("jetstream-vs-bare-client", of(Side::Jetstream)? / bare);
    ratio("embedded-vs-bare-client", of(Side::Embedded)? / bare);
    Ok(())
}

/// This program again, as a client of NATS.
fn bare(url: &str) -> anyhow::Result<Measured> {
    let output = Command::new(std::env::current_exe()?).args(["bare-nats", url]).output()?;
    if !output.status.success() {
        bail!("the bare client: {}", String::from_utf8_lossy(&output.stderr));
    }
    serde_json::from_slice(&output.stdout).context("the bare client said something else")
}

/// A host with both services.
struct Holms {
    holm: Holm,
}

impl Holms {
    fn start(tools: &Tools, nats: Option<&str>) -> anyhow::Result<Self> {
        let arguments: Vec<&str> = nats.map(|url| vec!["--nats", url]).unwrap_or_default();
        let holm = Holm::start_with(tools, tempfile::tempdir()?, &arguments)?;
        let fixture = |name: &str| -> PathBuf {
            tools.root.join(format!("components/target/wasm32-wasip2/release/examples/{name}.wasm"))
        };
        let publisher = "grants = { publish = [\"bench.*\"] }\nisolation = \"reuse\"";
        let jot = format!(
            "isolation = \"reuse\"\n[service.jot.limits]\nconcurrency = {WINDOW}\nstate = \"1GiB\"\n\
             [[service.jot.subscribe]]\nsubject = \"bench.*\"\nconcurrency = {WINDOW}\norder = \"none\"\n"
        );
        let parts = [service("publish", &fixture("publish"), publisher), service("jot", &fixture("jot"), &jot)];
        holm.deploy(&app("events", &parts))?;
        Ok(Self { holm })
    }

    /// From the first publication to the last acknowledgement.
    async fn round(&self) -> anyhow::Result<Duration> {
        let before = self.handled()?;
        let begun = Instant::now();
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            let (address, path) = (self.holm.gateway, format!("/publish?subject=bench.a&size={SIZE}&times={BATCH}"));
            clients.spawn(pace::ask_often(address, path, EVENTS / BATCH / CLIENTS));
        }
        while let Some(done) = clients.join_next().await {
            done??;
        }
        while self.handled()? - before < u64::from(EVENTS) {
            if begun.elapsed() > PATIENCE {
                bail!("only {} of {EVENTS} events were handled", self.handled()? - before);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(begun.elapsed())
    }

    async fn latency(&self) -> anyhow::Result<(Duration, Duration)> {
        let before = Histogram::read(&self.holm.metrics()?);
        let path = format!("/publish?subject=bench.a&size={SIZE}");
        pace::keep(Pace::get(self.holm.gateway, &path, RATE, LASTS)).await?;
        // the last of them may still be under way; they are few
        tokio::time::sleep(Duration::from_millis(200)).await;
        let histogram = Histogram::read(&self.holm.metrics()?).since(&before);
        Ok((histogram.within(0.5), histogram.within(0.99)))
    }

    fn handled(&self) -> anyhow::Result<u64> {
        let metrics = self.holm.metrics()?;
        let lines = metrics.lines().filter(|line| line.starts_with("holm_events_delivered_total{"));
        let acked = lines.filter(|line| line.contains("outcome=\"acked\""));
        Ok(acked.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum::<f64>() as u64)
    }
}

/// Upper bounds in seconds, with how many are below.
#[derive(Default)]
struct Histogram(Vec<(f64, u64)>);

impl Histogram {
    fn read(metrics: &str) -> Self {
        let lines = metrics.lines().filter_map(|line| line.strip_prefix("holm_event_delay_seconds_bucket{"));
        let bucket = |line: &str| {
            let bound = line.split_once("le=\"")?.1.split_once('"')?.0.parse().ok()?;
            Some((bound, line.rsplit_once(' ')?.1.parse().ok()?))
        };
        Self(lines.filter_map(bucket).collect())
    }

    fn since(mut self, before: &Self) -> Self {
        for ((_, count), (_, earlier)) in self.0.iter_mut().zip(&before.0) {
            *count -= earlier;
        }
        self
    }

    fn within(&self, share: f64) -> Duration {
        let all = self.0.last().map_or(0, |(_, count)| *count) as f64;
        let found = self.0.iter().find(|(_, count)| *count as f64 >= all * share);
        found.map_or(Duration::ZERO, |(bound, _)| Duration::from_secs_f64(bound.min(3600.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latency_is_read_from_the_wrong_bucket() {
        let metrics = |counts: [u64; 3]| {
            let labels = "service=\"jot\",subscription=\"bench.*\"";
            let [a, b, c] = counts;
            format!(
                "# TYPE x histogram\nholm_event_delay_seconds_bucket{{le=\"0.001\",{labels}}} {a}\n\
                 holm_event_delay_seconds_bucket{{le=\"0.0025\",{labels}}} {b}\n\
                 holm_event_delay_seconds_bucket{{le=\"+Inf\",{labels}}} {c}\n"
            )
        };
        let histogram = Histogram::read(&metrics([110, 199, 200])).since(&Histogram::read(&metrics([50, 100, 100])));
        assert_eq!(histogram.within(0.5), Duration::from_millis(1));
        assert_eq!(histogram.within(0.9), Duration::from_micros(2500));
    }
}
