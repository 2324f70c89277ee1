//! Orders while the inventory behind them is slow, traps or is gone: what their callers see, how much of it the
//! inventory is spared, and when it is asked again.

use std::time::{Duration, Instant};

use http::Method;
use tokio::task::JoinSet;

use crate::client::{Answer, Client};
use crate::door::within;
use crate::outgoing::metric;
use crate::process::{Host, component, fixture, manifest};

/// What `orders` has for an answer, whatever the inventory does.
const DEADLINE: Duration = Duration::from_secs(2);
const POLICY: &str = "timeout = \"2s\"\ngrants = { publish = [\"orders.*\"] }\n\
                      [service.orders.calls.\"shop:inventory/stock\"]\ntimeout = \"100ms\"\n\
                      retry = { attempts = 1 }\n\
                      breaker = { volume_threshold = 5, window = \"1s\", reset_timeout = \"300ms\" }\n\
                      fallback = { function = \"check-availability\", value = { ok = { available = false } } }\n";
const RESET: Duration = Duration::from_millis(300);
const CLIENTS: u32 = 8;
const ORDERS: u32 = 15;

/// The stand-in of the inventory, which does what `mode` says.
fn inventory(host: &Host, mode: &str) {
    let settings = format!("config = {{ mode = \"{mode}\" }}");
    host.deploy_manifest(&manifest("inventory", &fixture("stock"), &settings));
}

async fn order(client: &Client) -> (Answer, Duration) {
    let began = Instant::now();
    let body = r#"{"user_id": "ada", "items": [{"sku": "tea", "quantity": 1}]}"#;
    (client.send(Method::POST, "/orders/orders", body).await, began.elapsed())
}

/// Orders of several clients at once.
async fn crowd(client: &Client) -> Vec<(Answer, Duration)> {
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let client = client.clone();
        clients.spawn(async move {
            let mut answers = Vec::new();
            for _ in 0..ORDERS {
                answers.push(order(&client).await);
            }
            answers
        });
    }
    clients.join_all().await.into_iter().flatten().collect()
}

async fn breaker(host: &Host) -> u64 {
    metric(host, "holm_breaker_state{caller=\"orders\",target=\"shop:inventory/stock@1.0.0\"}").await
}

/// Callers see the fallback, within their own deadline.
fn check_fallback(mode: &str, (answer, took): &(Answer, Duration)) {
    assert_eq!(answer.status, 503, "{mode}: {answer:?}");
    let detail = &answer.json()["detail"];
    assert_eq!(detail, "It is not known at the moment what is in stock, try again later", "{mode}");
    assert!(*took < DEADLINE, "{mode}: an answer took {took:?}");
}

fn asked(host: &Host, mode: &str) -> u128 {
    if mode == "gone" { 0 } else { host.service("inventory")["requests"].as_u64().unwrap().into() }
}

async fn check_fails(host: &Host, client: &Client, mode: &str) {
    // what went well before counts as long as it is in the window
    while breaker(host).await == 0 {
        check_fallback(mode, &order(client).await);
    }
    let (before, began) = (asked(host, mode), Instant::now());
    for answer in crowd(client).await {
        check_fallback(mode, &answer);
    }
    // one for each time that the breaker was half-open
    let (asked, probes) = (asked(host, mode) - before, began.elapsed().as_millis() / RESET.as_millis() + 1);
    assert!(asked <= probes, "{mode}: the inventory was asked {asked} times, and {probes} were due");
    assert_ne!(breaker(host).await, 0, "{mode}: the breaker is closed");
}

async fn check_recovers(host: &Host, client: &Client, mode: &str) {
    inventory(host, "well");
    within(async {
        while order(client).await.0.status != 201 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    assert_eq!(breaker(host).await, 0, "{mode}: orders are taken, and the breaker is not closed");
    for (answer, _) in crowd(client).await {
        assert_eq!(answer.status, 201, "after {mode}: {answer:?}");
    }
}

#[tokio::test]
pub(crate) async fn an_inventory_that_is_slow_or_traps_or_is_gone_takes_orders_along() {
    let host = Host::start();
    inventory(&host, "well");
    host.deploy_manifest(&manifest("orders", &component("orders"), POLICY));
    let client = Client::new(&host.gateway);
    assert_eq!(order(&client).await.0.status, 201);
    for mode in ["slow", "trap", "gone"] {
        if mode == "gone" {
            host.done(&["remove", "inventory", "--force"]);
        } else {
            inventory(&host, mode);
        }
        check_fails(&host, &client, mode).await;
        check_recovers(&host, &client, mode).await;
    }
}
