//! Orders at a fixed rate while the inventory behind them is well, slow, traps and is gone: what their
//! callers see, and how much of it the inventory is spared.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use bytes::Bytes;

use crate::Tools;
use crate::holm::{self, Holm, service};
use crate::pace::{self, Kept, Pace};
use crate::report::{line, machine, table, time};

/// Orders a second.
const RATE: u32 = 200;
/// How long each state of the inventory is watched.
const WATCHED: Duration = Duration::from_secs(6);
/// The deadline of an order, in the words of the manifest.
const DEADLINE: &str = "1s";
/// How orders calls the inventory: as in the shop, but quicker in all, to see it in a minute.
const POLICY: &str = "timeout = \"250ms\"\nidempotent = [\"check-availability\", \"reserve\"]\n\
                      breaker = { error_threshold = 50, volume_threshold = 10, window = \"2s\", reset_timeout = \"1s\" }\n\
                      fallback = { function = \"check-availability\", value = { ok = { available = false } } }";
const ORDER: &str = r#"{"user_id": "ada", "items": [{"sku": "tea-100", "quantity": 1}]}"#;
/// The status of an order that was taken, and of one that got the fallback.
const TAKEN: u16 = 201;
const FALLBACK: u16 = 503;

/// What became of the orders in one state of the inventory.
struct Watched {
    state: &'static str,
    kept: Kept,
    /// Calls that reached the inventory.
    asked: u64,
    /// How often the breaker opened.
    opened: u64,
}

/// Runs the bench.
pub async fn run(tools: &Tools) -> anyhow::Result<()> {
    let host = Holm::start(tools)?;
    inventory(&host, tools, "well")?;
    let component = tools.root.join("components/target/wasm32-wasip2/release/orders.wasm");
    let grants = "grants = { publish = [\"orders.*\"] }";
    let settings =
        format!("timeout = \"{DEADLINE}\"\n{grants}\n[service.orders.calls.\"shop:inventory/stock\"]\n{POLICY}");
    host.deploy(&holm::app("orders", &[service("orders", &component, &settings)]).replace("\"/\"", "\"/orders\""))?;
    machine();
    line(format!(
        "settings: {RATE} orders a second, {} s for each state; an order's own deadline is {DEADLINE}; its calls:\n{POLICY}",
        WATCHED.as_secs()
    ));
    let mut rows = table(&[
        "inventory is",
        "orders",
        "taken",
        "fallback",
        "other",
        "p50",
        "p99",
        "longest",
        "inventory asked",
        "breaker opened",
    ]);
    let mut recovered = Vec::new();
    add(&mut rows, watch(&host, "well").await?);
    for state in ["slow", "trap", "gone"] {
        if state == "gone" {
            host.cli(&["remove", "inventory", "--force"])?;
        } else {
            inventory(&host, tools, state)?;
        }
        add(&mut rows, watch(&host, state).await?);
        inventory(&host, tools, "well")?;
        recovered.push(format!("{} after {state}", time(until_taken(&host).await?)));
        add(&mut rows, watch(&host, "well").await?);
    }
    line(rows);
    line(format!("orders are taken again: {}", recovered.join(", ")));
    Ok(())
}

/// The stand-in for the inventory, in this state.
fn inventory(host: &Holm, tools: &Tools, state: &str) -> anyhow::Result<()> {
    let component = tools.root.join("components/target/wasm32-wasip2/release/examples/stock.wasm");
    host.deploy(&holm::app(
        "inventory",
        &[service("inventory", &component, &format!("config = {{ mode = \"{state}\" }}"))],
    ))
}

fn orders(host: &Holm, lasts: Duration) -> Pace {
    Pace { post: Some(Bytes::from_static(ORDER.as_bytes())), ..Pace::get(host.gateway, "/orders", RATE, lasts) }
}

async fn watch(host: &Holm, state: &'static str) -> anyhow::Result<Watched> {
    let before = counted(host)?;
    let kept = pace::keep(orders(host, WATCHED)).await?;
    let after = counted(host)?;
    Ok(Watched { state, kept, asked: after.0.saturating_sub(before.0), opened: after.1.saturating_sub(before.1) })
}

/// From now to the first order that is taken.
async fn until_taken(host: &Holm) -> anyhow::Result<Duration> {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(30) {
        let kept = pace::keep(orders(host, Duration::from_millis(20))).await?;
        if kept.statuses.contains_key(&TAKEN) {
            return Ok(began.elapsed());
        }
    }
    bail!("no order was taken for 30 s although the inventory is well")
}

/// Calls that entered the inventory, and openings of the breaker, since the host started.
fn counted(host: &Holm) -> anyhow::Result<(u64, u64)> {
    let metrics = host.metrics()?;
    let sum = |name: &str, label: &str| -> anyhow::Result<u64> {
        let lines = metrics.lines().filter(|line| line.starts_with(name) && line.contains(label));
        let number = |line: &str| line.rsplit(' ').next().and_then(|number| number.parse::<f64>().ok());
        let numbers: Option<Vec<f64>> = lines.map(number).collect();
        Ok(numbers.with_context(|| format!("{name} is no number"))?.iter().sum::<f64>() as u64)
    };
    Ok((
        sum("holm_invocations_total{", "service=\"inventory\"")?,
        sum("holm_breaker_changes_total{", "state=\"open\"")?,
    ))
}

fn add(rows: &mut comfy_table::Table, mut watched: Watched) {
    let of = |status: u16| watched.kept.statuses.get(&status).copied().unwrap_or_default();
    let (all, taken, fallback) = (watched.kept.good + watched.kept.bad, of(TAKEN), of(FALLBACK));
    rows.add_row([
        watched.state.to_owned(),
        all.to_string(),
        taken.to_string(),
        fallback.to_string(),
        (all - taken - fallback).to_string(),
        time(watched.kept.percentile(0.5)),
        time(watched.kept.percentile(0.99)),
        time(watched.kept.percentile(1.0)),
        watched.asked.to_string(),
        watched.opened.to_string(),
    ]);
}
