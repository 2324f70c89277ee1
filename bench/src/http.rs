//! A hello component: what a request costs, on every side in turn.

use std::net::TcpStream;
use std::time::Duration;

use anyhow::Context;
use tempfile::TempDir;

use crate::holm::{Holm, REUSE, service};
use crate::peers::{Serve, bare_hyper, free_address, wasmtime_serve};
use crate::process::Process;
use crate::report::{geometric_mean, line, machine, median, memory, ratio, table, time};
use crate::wrk::{self, Load};
use crate::{Tools, holm};

/// Connections of the load: one that waits for each answer, some, and more than there are permits.
const CONNECTIONS: [u32; 3] = [1, 32, 256];
/// One turn of a side.
const TURN: u32 = 5;
/// What a side must have answered before its figure counts.
const REQUESTS: u64 = 50_000;
/// What a side must have been measured for before its figure counts.
const TIME: Duration = Duration::from_secs(10);

/// One side of the comparison.
struct Side {
    name: &'static str,
    url: String,
    /// Which of the processes serves it.
    process: usize,
}

/// What a side did at one number of connections.
#[derive(Default)]
struct Figures {
    loads: Vec<Load>,
    cpu: Duration,
    resident: u64,
}

impl Figures {
    fn requests(&self) -> u64 {
        self.loads.iter().map(|load| load.requests).sum()
    }

    fn took(&self) -> Duration {
        self.loads.iter().map(|load| load.took).sum()
    }

    fn per_second(&self) -> f64 {
        self.requests() as f64 / self.took().as_secs_f64()
    }

    fn is_enough(&self) -> bool {
        self.requests() >= REQUESTS && self.took() >= TIME
    }
}

/// All sides at once; an idle one costs the others nothing.
#[derive(Default)]
struct Running {
    sides: Vec<Side>,
    processes: Vec<Process>,
    /// The hosts' folders; they go with the run.
    folders: Vec<TempDir>,
}

impl Running {
    fn add(&mut self, name: &'static str, url: String, process: Process) {
        self.sides.push(Side { name, url, process: self.processes.len() });
        self.processes.push(process);
    }
}

/// Runs the bench.
pub fn run(tools: &Tools) -> anyhow::Result<()> {
    let Running { sides, mut processes, folders: _folders } = start(tools)?;
    machine();
    line(format!(
        "settings: all sides: the same components, wrk with one thread; reusing: {REUSE} uses an instance; timeout 3 s\n\
         Holm: access log, metrics, traces and all limits on; at most 64 instances; queue of 256"
    ));
    line(format!("an idle host, its tick of 2 ms included, takes {} of processor a second", time(idle(&processes)?)));
    let mut means: Vec<(&str, Vec<f64>)> = Vec::new();
    for connections in CONNECTIONS {
        let figures = measure(&mut processes, &sides, connections)?;
        tell(connections, &sides, &figures);
        for (name, ours, theirs) in COMPARED {
            let of = |wanted: &str| {
                let at = sides.iter().position(|side| side.name == wanted).context("no such side")?;
                figures.get(at).map(Figures::per_second).context("not measured")
            };
            let value = of(ours)? / of(theirs)?;
            ratio(&format!("{name}-{connections}"), value);
            match means.iter_mut().find(|(known, _)| *known == name) {
                Some((_, values)) => values.push(value),
                None => means.push((name, vec![value])),
            }
        }
    }
    line("");
    for (name, values) in means {
        ratio(name, geometric_mean(&values));
    }
    Ok(())
}

/// What the last of the hosts takes of a processor in a second in which nobody asks it anything.
fn idle(processes: &[Process]) -> anyhow::Result<Duration> {
    const WATCHED: u32 = 5;
    let host = processes.last().context("no process")?;
    let before = host.cpu()?;
    std::thread::sleep(Duration::from_secs(1) * WATCHED);
    Ok(host.cpu()?.saturating_sub(before) / WATCHED)
}

const COMPARED: [(&str, &str, &str); 3] = [
    ("fresh-vs-serve", "holm fresh", "serve fresh"),
    ("reuse-vs-serve", "holm reuse", "serve reuse"),
    ("p3-vs-serve", "holm 0.3", "serve 0.3"),
];

fn start(tools: &Tools) -> anyhow::Result<Running> {
    let wasmtime = tools.wasmtime.as_deref().context("this bench needs --wasmtime")?;
    let guests = tools.root.join("examples/guests");
    let p2 = guests.join("hello-wasip2/target/wasm32-wasip2/release/hello_wasip2.wasm");
    let p3 = guests.join("hello-wasip3/target/wasm32-wasip2/release/hello_wasip3.wasm");
    let mut running = Running::default();

    let address = free_address()?;
    running.add("bare hyper", format!("http://{address}/"), bare_hyper(address)?);
    for (name, component, how) in
        [("serve fresh", &p2, Serve::Fresh), ("serve reuse", &p2, Serve::Reuse), ("serve 0.3", &p3, Serve::Reuse)]
    {
        let address = free_address()?;
        running.add(name, format!("http://{address}/"), wasmtime_serve(wasmtime, component, how, address)?);
    }
    for (name, component, isolation) in
        [("holm fresh", &p2, "invocation"), ("holm reuse", &p2, "reuse"), ("holm 0.3", &p3, "reuse")]
    {
        let settings =
            format!("isolation = \"{isolation}\"\nreuse = {REUSE}\ntimeout = \"3s\"\nlimits = {{ queue = 256 }}");
        let host = Holm::start(tools)?;
        host.deploy(&holm::app("bench", &[service("hello", component, &settings)]))?;
        let url = host.url("/hello");
        let (process, folder) = host.into_parts();
        running.add(name, url, process);
        running.folders.push(folder);
    }
    for (side, process) in running.sides.iter().zip(&mut running.processes) {
        let address = side.url.trim_start_matches("http://").split('/').next().unwrap_or_default();
        process.wait_until("the start", || TcpStream::connect(address).is_ok())?;
        // the first requests fill caches on every side
        wrk::run(&side.url, 8, 1)?;
    }
    Ok(running)
}

/// Every side in turn, again and again, until each has enough.
fn measure(processes: &mut [Process], sides: &[Side], connections: u32) -> anyhow::Result<Vec<Figures>> {
    let mut figures: Vec<Figures> = sides.iter().map(|_| Figures::default()).collect();
    while figures.iter().any(|figures| !figures.is_enough()) {
        for (side, figures) in sides.iter().zip(&mut figures).filter(|(_, figures)| !figures.is_enough()) {
            let process = processes.get_mut(side.process).context("no process")?;
            let before = process.cpu()?;
            figures.loads.push(wrk::run(&side.url, connections, TURN)?);
            figures.cpu += process.cpu()?.saturating_sub(before);
            figures.resident = figures.resident.max(process.resident()?);
            process.check()?;
        }
    }
    Ok(figures)
}

fn tell(connections: u32, sides: &[Side], figures: &[Figures]) {
    let mut rows = table(&["", "req/s", "p50", "p99", "CPU/request", "resident", "requests"]);
    for (side, figures) in sides.iter().zip(figures) {
        let cpu = figures.cpu.as_secs_f64() / figures.requests().max(1) as f64;
        let middle = |of: fn(&Load) -> Duration| median(figures.loads.iter().map(of)).unwrap_or_default();
        rows.add_row([
            side.name.to_owned(),
            format!("{:.0}", figures.per_second()),
            time(middle(|load| load.p50)),
            time(middle(|load| load.p99)),
            time(Duration::from_secs_f64(cpu)),
            memory(figures.resident),
            figures.requests().to_string(),
        ]);
    }
    line(format!("\n{connections} connections\n{rows}"));
}
