//! The shop under a mix of browsing, carts and orders, with everything on, on both buses; and its books afterwards.

mod books;
mod buyer;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use http::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use self::books::balance;
use self::buyer::{Buyer, Visit};
use crate::Tools;
use crate::holm::Holm;
use crate::peers::nats_server;
use crate::report::{line, machine, ratio, table, time};

/// How long buyers come and go.
const LASTS: Duration = Duration::from_secs(60);
/// Buyers at once, each with one request under way.
const BUYERS: u8 = 16;
/// What is for sale, and how much of each: more than a minute's orders.
const ARTICLES: u32 = 20;
const ON_HAND: u32 = 1_000_000;
/// How long the last orders may take to be settled.
const SETTLING: Duration = Duration::from_secs(120);

/// Runs the bench.
pub async fn run(tools: &Tools) -> anyhow::Result<()> {
    machine();
    line(format!(
        "settings: the shop of examples/shop, {BUYERS} buyers for {} s, each with one request under way: of ten, seven \
         look at products and stock, two fill and show a cart, one orders it; tokens, limits, policies, metrics and \
         log as in the manifest",
        LASTS.as_secs()
    ));
    let embedded = visit(tools, &[]).await.context("on the embedded bus")?;
    tell("embedded bus", embedded)?;
    let program = tools.nats.as_deref().context("this bench needs --nats")?;
    let folder = tempfile::tempdir()?;
    let (mut server, address) = nats_server(program, folder.path())?;
    let nats = visit(tools, &["--nats", &format!("nats://{address}")]).await.context("on NATS")?;
    server.stop();
    tell("NATS JetStream", nats)
}

/// What became of one minute.
struct Outcome {
    visits: Vec<Visit>,
    /// From the last answer until every order was settled.
    settled: Duration,
    orders: usize,
}

async fn visit(tools: &Tools, arguments: &[&str]) -> anyhow::Result<Outcome> {
    let host = Holm::start_with(tools, tempfile::tempdir()?, arguments)?;
    let manifest = tools.root.join("examples/shop/holm.toml");
    host.cli(&["deploy", manifest.to_str().context("the path is no text")?])?;
    let keeper = Buyer::nobody(&host, [127, 0, 0, 1])?;
    for article in 0..ARTICLES {
        let sku = sku(article);
        let product = json!({ "name": format!("Article {article}"), "price_cents": 500 });
        keeper.must(Method::PUT, &format!("/api/products/{sku}"), &product).await?;
        keeper.must(Method::PUT, &format!("/api/stock/{sku}"), &json!({ "on_hand": ON_HAND })).await?;
    }
    let mut buyers = Vec::new();
    for number in 0..BUYERS {
        // an address each: signing in is limited by address
        buyers.push(Buyer::sign_up(&host, [127, 0, 1, number + 1]).await?);
    }
    let until = Instant::now() + LASTS;
    let mut shopping = JoinSet::new();
    for (number, buyer) in (0u32..).zip(buyers) {
        shopping.spawn(buyer.shop_until(until, number));
    }
    let mut visits = Vec::new();
    while let Some(visit) = shopping.join_next().await {
        visits.push(visit??);
    }
    let since = Instant::now();
    settle(&host).await?;
    let settled = since.elapsed();
    let orders = balance(&keeper, &visits).await?;
    Ok(Outcome { visits, settled, orders })
}

fn sku(article: u32) -> String {
    format!("article-{article}")
}

/// Waits until no event waits for anybody.
async fn settle(host: &Holm) -> anyhow::Result<()> {
    let end = Instant::now() + SETTLING;
    loop {
        let output = host.cli(&["events", "consumers", "--json"])?;
        let consumers: Vec<Value> = serde_json::from_slice(&output.stdout)?;
        let number = |consumer: &Value, name: &str| consumer.get(name).and_then(Value::as_u64).unwrap_or(0);
        if consumers.iter().all(|one| number(one, "lag") + number(one, "in_flight") == 0) {
            let letters = host.cli(&["events", "dlq", "ls", "--json"])?;
            let letters: Vec<Value> = serde_json::from_slice(&letters.stdout)?;
            ensure!(letters.is_empty(), "{} events were given up, such as {:?}", letters.len(), letters.first());
            return Ok(());
        }
        if Instant::now() > end {
            bail!("events still wait after {} s: {consumers:?}", SETTLING.as_secs());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn tell(bus: &str, outcome: Outcome) -> anyhow::Result<()> {
    let mut latencies = BTreeMap::<&str, Vec<Duration>>::new();
    let mut errors = 0;
    for visit in outcome.visits {
        errors += visit.errors;
        for (route, took) in visit.answers {
            latencies.entry(route).or_default().push(took);
        }
    }
    let all: usize = latencies.values().map(Vec::len).sum();
    let per_second = all as f64 / LASTS.as_secs_f64();
    let mut rows = table(&["route", "requests", "p50", "p99"]);
    for (route, mut took) in latencies {
        took.sort_unstable();
        let at = |share: f64| took.get((took.len() as f64 * share) as usize).copied().unwrap_or_default();
        rows.add_row([route.to_owned(), took.len().to_string(), time(at(0.5)), time(at(0.99))]);
    }
    line(format!("\n{bus}: {per_second:.0} requests a second, {errors} errors"));
    line(rows);
    line(format!(
        "{} orders; the last was settled {} after the last answer; the books balance",
        outcome.orders,
        time(outcome.settled)
    ));
    ratio(
        &format!("orders-a-second-{}", bus.split(' ').next().unwrap_or(bus)),
        outcome.orders as f64 / LASTS.as_secs_f64(),
    );
    ensure!(errors == 0, "{errors} requests failed");
    Ok(())
}
