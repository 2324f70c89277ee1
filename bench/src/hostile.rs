//! Each hostile component in turn, beside a neighbour at a fixed rate: what the neighbour notices,
//! what is left behind, and how it was told. At the end two services that call each other back,
//! asked ten times as often as they can run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::task::{JoinSet, spawn_blocking};

use crate::Tools;
use crate::holm::{self, Holm, service};
use crate::pace::{self, Kept, Pace};
use crate::report::{line, machine, memory, table, time};

/// Requests a second to the neighbour.
const RATE: u32 = 500;
/// How long the neighbour is watched, alone and then with company.
const WATCHED: Duration = Duration::from_secs(8);
/// Connections that the hostile component is asked on.
const ATTACKERS: usize = 4;
/// How long nobody asks anything before what is left behind is counted.
const IDLE: Duration = Duration::from_secs(10);
/// What a tick of the engine's clock is; a neighbour's p99 may grow by three.
const TICK: Duration = Duration::from_millis(2);

/// A hostile component, what is asked of it, and how that must end.
struct Attack {
    name: &'static str,
    component: &'static str,
    path: &'static str,
    method: &'static str,
    /// As `kind/blame` in `holm_faults_total`; `None`: the host takes it without a fault.
    fault: Option<&'static str>,
    /// The limit that is counted in `holm_limit_hits_total`.
    limit: Option<&'static str>,
}

const fn attack(
    name: &'static str,
    component: &'static str,
    path: &'static str,
    fault: Option<&'static str>,
    limit: Option<&'static str>,
) -> Attack {
    Attack { name, component, path, method: "GET", fault, limit }
}

const LIMIT: Option<&str> = Some("limit/guest");
const LATE: Option<&str> = Some("deadline/guest");
const TRAP: Option<&str> = Some("trap/guest");

const ATTACKS: &[Attack] = &[
    attack("traps", "trap.wasm", "/", TRAP, None),
    attack("computes for ever", "spin.wasm", "/", LIMIT, Some("limits.cpu")),
    attack("fills 64 MiB in one instruction", "fill-memory.wat", "/", LIMIT, Some("limits.cpu")),
    attack("allocates without end", "eat_memory.wasm", "/", None, Some("limits.memory")),
    attack("grows its table", "grow-table.wat", "/", LIMIT, Some("limits.table_elements")),
    attack("recurses without end", "recurse.wasm", "/", LIMIT, Some("stack")),
    attack("floods its log", "flood_log.wasm", "/", LIMIT, Some("limits.log_rate")),
    attack("floods the host with calls", "flood_host.wasm", "/?call=clock", LIMIT, Some("limits.cpu")),
    attack("asks for much randomness", "flood_host.wasm", "/?call=random&bytes=2097152", LIMIT, Some("random")),
    attack("logs a huge line", "flood_host.wasm", "/?call=log&bytes=33554432", LIMIT, Some("limits.host_call")),
    attack("leaks handles", "leak_handles.wasm", "/", LIMIT, Some("limits.handles")),
    Attack { method: "POST", ..attack("never reads its body", "deaf.wasm", "/?ms=60000", LATE, Some("timeout")) },
    attack("answers without end", "endless.wasm", "/", LIMIT, Some("limits.response_body")),
    attack("sends many headers", "many_headers.wasm", "/?count=101", LIMIT, Some("limits.response_headers")),
    attack("sends large headers", "many_headers.wasm", "/?count=20&bytes=4000", LIMIT, Some("limits.response_head")),
    attack("blocks in a host call", "sleep.wasm", "/?ms=60000", LATE, Some("timeout")),
    attack("answers twice", "answer_twice.wasm", "/", TRAP, None),
    attack("never answers", "no_answer.wasm", "/", TRAP, None),
    attack("traps behind its head", "write_after_head.wasm", "/?trap=1", TRAP, None),
];

/// What one attack did.
struct Seen {
    quiet: Kept,
    company: Kept,
    asked: u64,
    faults: BTreeMap<String, u64>,
    limits: BTreeMap<String, u64>,
    before: u64,
    after: u64,
}

/// Runs the bench.
pub async fn run(tools: &Tools) -> anyhow::Result<()> {
    machine();
    line(format!(
        "settings: a neighbour at {RATE} requests a second, {ATTACKERS} connections to the hostile service, {} s each;\n\
         default limits; the aim for p99 is quiet p99 + 3 ticks of {} ms",
        WATCHED.as_secs(),
        TICK.as_millis()
    ));
    let mut rows = table(&["", "neighbour", "p99 quiet", "p99 beside", "memory before", "after", "counted", ""]);
    let mut failed = Vec::new();
    let meant = |attack: &&Attack| tools.only.as_ref().is_none_or(|only| attack.name.contains(only));
    let attacks: Vec<_> = ATTACKS.iter().filter(meant).collect();
    for attack in &attacks {
        let mut seen = one(tools, attack).await.with_context(|| attack.name)?;
        let problems = judge(attack, &mut seen);
        rows.add_row([
            attack.name.to_owned(),
            format!("{:.2} %", seen.company.success() * 100.0),
            time(seen.quiet.percentile(0.99)),
            time(seen.company.percentile(0.99)),
            memory(seen.before),
            memory(seen.after),
            told(&seen),
            if problems.is_empty() { "ok".to_owned() } else { problems.join("; ") },
        ]);
        if !problems.is_empty() {
            failed.push(attack.name);
        }
    }
    line(rows);
    if tools.only.as_deref().is_none_or(|only| "circle".contains(only)) {
        call_back(tools).await?;
    }
    line(format!("{} of {} as aimed for; not: {failed:?}", attacks.len() - failed.len(), attacks.len()));
    Ok(())
}

async fn one(tools: &Tools, attack: &Attack) -> anyhow::Result<Seen> {
    let host = Holm::start(tools)?;
    let neighbour = component(tools, &host, "echo.wasm")?;
    let hostile = component(tools, &host, attack.component)?;
    host.deploy(&holm::app(
        "hostile",
        &[
            service("neighbour", &neighbour, "isolation = \"reuse\"\n"),
            service("s", &hostile, "isolation = \"reuse\"\n"),
        ],
    ))?;
    let pace = Pace::get(host.gateway, "/neighbour", RATE, WATCHED);
    // what a host needs once: its threads, its pools, its first instances
    pace::keep(Pace { lasts: Duration::from_secs(2), ..pace.clone() }).await?;
    let quiet = pace::keep(pace.clone()).await?;
    let before = host.process.resident()?;

    let mut attackers = JoinSet::new();
    let until = Instant::now() + WATCHED;
    for _ in 0..ATTACKERS {
        let (gateway, path, method) = (host.gateway, attack.path, attack.method);
        attackers.spawn_blocking(move || ask_until(gateway, method, path, until));
    }
    let company = pace::keep(pace).await?;
    let asked = attackers.join_all().await.into_iter().sum();
    tokio::time::sleep(IDLE).await;
    let after = host.process.resident()?;
    let metrics = spawn_blocking(move || host.metrics()).await??;
    Ok(Seen {
        quiet,
        company,
        asked,
        faults: series(&metrics, "holm_faults_total", &["kind", "blame"]),
        limits: series(&metrics, "holm_limit_hits_total", &["limit"]),
        before,
        after,
    })
}

/// What was not as it must be.
fn judge(attack: &Attack, seen: &mut Seen) -> Vec<String> {
    let mut problems = Vec::new();
    if seen.company.bad > 0 || seen.quiet.bad > 0 {
        problems.push(format!("{} of the neighbour's requests failed", seen.company.bad + seen.quiet.bad));
    }
    let allowed = seen.quiet.percentile(0.99) + 3 * TICK;
    if seen.company.percentile(0.99) > allowed {
        problems.push(format!("p99 over {}", time(allowed)));
    }
    if seen.after > seen.before + seen.before / 10 + (32 << 10) {
        problems.push("memory is kept".to_owned());
    }
    let expected: Vec<&str> = attack.fault.into_iter().collect();
    if seen.faults.keys().map(String::as_str).ne(expected) {
        problems.push(format!("faults: {:?}", seen.faults));
    }
    if attack.limit.is_some_and(|limit| !seen.limits.contains_key(limit)) {
        problems.push(format!("limits: {:?}", seen.limits));
    }
    problems
}

fn told(seen: &Seen) -> String {
    let all = seen.faults.iter().chain(&seen.limits).map(|(name, count)| format!("{name} {count}"));
    format!("{} asked: {}", seen.asked, all.collect::<Vec<_>>().join(", "))
}

/// A fixture, compiled or in the text format.
fn component(tools: &Tools, host: &Holm, name: &str) -> anyhow::Result<PathBuf> {
    let Some(text) = name.strip_suffix(".wat") else {
        return Ok(tools.root.join("components/target/wasm32-wasip2/release/examples").join(name));
    };
    let wasm = wat::parse_file(tools.root.join(Path::new("components/fixtures/wat").join(name)))?;
    let path = host.file(&format!("{text}.wasm"));
    std::fs::write(&path, wasm)?;
    Ok(path)
}

/// Asks again and again, each time over a connection of its own; what comes back does not matter.
fn ask_until(gateway: std::net::SocketAddr, method: &str, path: &str, until: Instant) -> u64 {
    use std::io::{Read, Write};
    let mut asked = 0;
    let body = if method == "POST" { "x".repeat(512 << 10) } else { String::new() };
    while Instant::now() < until {
        let Ok(mut stream) = std::net::TcpStream::connect(gateway) else { continue };
        let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
        let _ = stream.set_write_timeout(Some(Duration::from_secs(5)));
        let path = path.strip_prefix('/').unwrap_or(path);
        let head = format!(
            "{method} /s{path} HTTP/1.1\r\nhost: bench\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
        let mut rest = [0; 64 << 10];
        while let Ok(1..) = stream.read(&mut rest) {}
        asked += 1;
    }
    asked
}

/// The values of one family for the service `s`, by some of its labels, without those that are 0.
fn series(metrics: &str, family: &str, labels: &[&str]) -> BTreeMap<String, u64> {
    let lines = metrics.lines().filter_map(|line| line.strip_prefix(family)?.strip_prefix('{')?.split_once("} "));
    lines
        .filter(|(set, _)| set.contains("service=\"s\""))
        .filter_map(|(set, value)| {
            let of = |label: &str| Some(set.split_once(&format!("{label}=\""))?.1.split('"').next()?.to_owned());
            let name: Option<Vec<String>> = labels.iter().map(|label| of(label)).collect();
            let value = value.trim().parse().ok()?;
            (value > 0).then_some((name?.join("/"), value))
        })
        .collect()
}

/// Invocations at once of each of the two services that call each other back.
const CAPS: u32 = 16;

/// `a` asks `b`, which asks `a`: what comes through at the caps, and at ten times the caps.
async fn call_back(tools: &Tools) -> anyhow::Result<()> {
    let host = Holm::start(tools)?;
    let relay = component(tools, &host, "relay.wasm")?;
    let settings = format!(
        "grants = {{ services = [\"a\", \"b\"] }}\nlimits = {{ concurrency = {CAPS}, queue = 128, outgoing = 128 }}\n"
    );
    host.deploy(&holm::app("circle", &[tail("a", &relay, &settings), tail("b", &relay, &settings)]))?;
    // each request needs two permits of `a` at once: half of the caps is what can run
    let at_caps = circle(&host, CAPS / 2).await?;
    let beyond = circle(&host, CAPS * 10).await?;
    let share = beyond.0 / at_caps.0;
    line(format!(
        "\na asks b asks a, {CAPS} permits each: {:.0} answers a second at the caps, {:.0} at ten times the caps \
         ({:.0} a second turned away): {:.0} %",
        at_caps.0,
        beyond.0,
        beyond.1,
        share * 100.0
    ));
    crate::report::ratio("goodput-at-ten-times-the-caps", share);
    Ok(())
}

/// A service behind `/NAME/…`.
fn tail(name: &str, component: &Path, settings: &str) -> String {
    service(name, component, settings)
        .replace("\"/\"", "\"/{rest}\"")
        .replace(&format!("path = \"/{name}\""), &format!("path = \"/{name}/{{*rest}}\""))
}

/// Good and bad answers a second with this many clients.
async fn circle(host: &Holm, clients: u32) -> anyhow::Result<(f64, f64)> {
    let mut all = JoinSet::new();
    for _ in 0..clients {
        all.spawn(pace::as_fast_as_possible(host.gateway, "/a/b/a".to_owned(), WATCHED));
    }
    let mut sum = (0, 0);
    while let Some(counts) = all.join_next().await {
        let (good, bad) = counts??;
        sum = (sum.0 + good, sum.1 + bad);
    }
    if sum.0 == 0 {
        bail!("no request came through");
    }
    Ok((sum.0 as f64 / WATCHED.as_secs_f64(), sum.1 as f64 / WATCHED.as_secs_f64()))
}
