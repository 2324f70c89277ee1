//! A call from one service to another, on every side in turn: the engine alone, Holm's typed call,
//! Holm's HTTP by name, and HTTP with JSON between two processes.

use std::time::Duration;

use anyhow::Context;

use crate::Tools;
use crate::bare::Bare;
use crate::holm::{self, Holm, service};
use crate::loopback::{self, Client};
use crate::peers::free_address;
use crate::process::Process;
use crate::report::{line, machine, median, ratio, table};

/// How often every side has its turn.
const TURNS: usize = 15;
/// Calls of a typed side in one turn.
const CALLS: u32 = 100_000;
/// Requests of an HTTP side in one turn: each takes far longer.
const REQUESTS: u32 = 5_000;
/// Calls with 64 KiB in one turn.
const LARGE: u32 = 100;

/// The sides, in the order of their turns.
const SIDES: [&str; 4] = [
    "wasmtime alone, store to store",
    "Holm, typed call",
    "Holm, http://NAME/ with JSON",
    "two processes, HTTP on loopback with JSON",
];

/// Everything that is measured, started and warm.
struct Running {
    bare: Bare,
    host: Holm,
    client: Client,
    _server: Process,
}

/// Nanoseconds of one call, by turn, of every side.
#[derive(Default)]
struct Figures {
    small: [Vec<f64>; 4],
    large: [Vec<f64>; 4],
}

/// Runs the bench.
pub async fn run(tools: &Tools) -> anyhow::Result<()> {
    let mut running = start(tools).await?;
    machine();
    line(format!(
        "settings: {TURNS} turns of every side, the middle one counts; {CALLS} calls or {REQUESTS} requests with three\n\
         items a turn, {LARGE} with 64 KiB, the empty loop subtracted; Holm: default policy, limits and grants, metrics,\n\
         traces and a unit of work for each call, instances used {REUSE} times"
    ));
    let mut figures = Figures::default();
    for _ in 0..TURNS {
        running.turn(&mut figures).await?;
    }
    running.host.process.check()?;
    tell(&figures)
}

/// Between two new instances of the service that is called: its default.
const REUSE: &str = "128";

async fn start(tools: &Tools) -> anyhow::Result<Running> {
    let fixtures = tools.root.join("components/target/wasm32-wasip2/release/examples");
    let (caller, callee) = (fixtures.join("loops.wasm"), fixtures.join("tally.wasm"));
    let long = "timeout = \"60s\"\nlimits = { cpu = \"60s\" }\ngrants = { services = [\"tally\"] }";
    let manifest =
        holm::app("bench", &[service("tally", &callee, &format!("reuse = {REUSE}")), service("loops", &caller, long)]);
    let host = Holm::start(tools)?;
    host.deploy(&manifest)?;
    let address = free_address()?;
    let mut server = loopback::server(address)?;
    server.wait_until("the start", || std::net::TcpStream::connect(address).is_ok())?;
    let client = Client::connect(address).await?;
    let mut running = Running { bare: Bare::start(&caller, &callee).await?, host, client, _server: server };
    // what is made once is not what is measured
    running.turn_of(&mut Figures::default(), 10).await?;
    Ok(running)
}

impl Running {
    async fn turn(&mut self, figures: &mut Figures) -> anyhow::Result<()> {
        self.turn_of(figures, 1).await
    }

    /// One turn of every side, with only a part of its calls.
    async fn turn_of(&mut self, figures: &mut Figures, part: u32) -> anyhow::Result<()> {
        let (calls, requests, large) = (CALLS / part, REQUESTS / part, LARGE / part);
        let [small_bare, small_call, small_http, small_loopback] = &mut figures.small;
        let [large_bare, large_call, large_http, large_loopback] = &mut figures.large;
        let empty = self.bare.run("none", calls).await? as f64 / f64::from(calls);
        small_bare.push(self.bare.run("total", calls).await? as f64 / f64::from(calls) - empty);
        small_call.push(self.holm("total", calls)? - empty);
        small_http.push(self.holm("http-total", requests)? - empty);
        small_loopback.push(each(self.client.total(requests).await?, requests));
        large_bare.push(self.bare.run("weigh", large).await? as f64 / f64::from(large) - empty);
        large_call.push(self.holm("weigh", large)? - empty);
        large_http.push(self.holm("http-weigh", large)? - empty);
        large_loopback.push(each(self.client.weigh(large).await?, large));
        Ok(())
    }

    /// The guest's loop in Holm, and what it says each call took.
    fn holm(&self, call: &str, times: u32) -> anyhow::Result<f64> {
        let nanos = self.host.ask(&format!("/loops?call={call}&times={times}"))?;
        Ok(nanos.trim().parse::<f64>().with_context(|| nanos.clone())? / f64::from(times))
    }
}

fn each(took: Duration, times: u32) -> f64 {
    took.as_nanos() as f64 / f64::from(times)
}

fn tell(figures: &Figures) -> anyhow::Result<()> {
    let middle = |values: &[f64]| {
        let nanos = values.iter().map(|value| value.max(0.0) as u64);
        median(nanos).map(|nanos| nanos as f64).context("nothing was measured")
    };
    let micros = |nanos: f64| format!("{:.2} µs", nanos / 1e3);
    let mut rows = table(&["", "three items", "slowest turn", "64 KiB"]);
    for ((name, small), large) in SIDES.iter().zip(&figures.small).zip(&figures.large) {
        let slowest = small.iter().copied().fold(0.0, f64::max);
        rows.add_row([(*name).to_owned(), micros(middle(small)?), micros(slowest), micros(middle(large)?)]);
    }
    line(rows);
    let [bare, call, http, loopback] = &figures.small;
    line(format!("Holm's HTTP by name takes {:.1} times as long as its typed call", against(http, call)?));
    ratio("loopback-http-vs-call", against(loopback, call)?);
    ratio("bare-call-vs-call", against(bare, call)?);
    Ok(())
}

/// How many times as long one side took as another: in each turn, where both had the same neighbours, and of
/// these the middle one.
fn against(side: &[f64], other: &[f64]) -> anyhow::Result<f64> {
    let mut ratios: Vec<f64> = side.iter().zip(other).map(|(side, other)| side / other).collect();
    ratios.sort_unstable_by(f64::total_cmp);
    ratios.get(ratios.len() / 2).copied().context("nothing was measured")
}
