//! The shop as its manifest deploys it: orders that call the inventory.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::Method;
use tokio::task::JoinSet;

use crate::client::{Answer, Client};
use crate::process::{Host, component};

/// The shop's manifest.
const SHOP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/shop/holm.toml");

/// A host with the shop, and so much tea.
async fn open(tea: u32) -> (Host, Client) {
    let host = Host::start();
    host.done(&["deploy", SHOP]);
    let client = Client::new(&host.gateway);
    count(&client, "tea", tea).await;
    (host, client)
}

async fn count(client: &Client, sku: &str, on_hand: u32) {
    let counted = client.send(Method::PUT, &format!("/api/stock/{sku}"), &format!("{{\"on_hand\": {on_hand}}}")).await;
    assert_eq!(counted.status, 200, "{counted:?}");
}

async fn order(client: &Client, items: &[(&str, u32)]) -> Answer {
    let items: Vec<_> =
        items.iter().map(|(sku, quantity)| serde_json::json!({"sku": sku, "quantity": quantity})).collect();
    let body = serde_json::json!({"user_id": "ada", "items": items});
    client.send(Method::POST, "/api/orders", &body.to_string()).await
}

async fn reserved(client: &Client, sku: &str) -> u64 {
    client.get(&format!("/api/stock/{sku}")).await.json()["reserved"].as_u64().unwrap()
}

#[tokio::test]
async fn an_order_is_lost_or_promises_nothing() {
    let (_host, client) = open(5).await;
    count(&client, "cup", 1).await;
    let created = order(&client, &[("tea", 3), ("cup", 1)]).await;
    assert_eq!(created.status, 201, "{created:?}");
    let shown = created.json();
    assert_eq!((&shown["status"], &shown["item_ids"]), (&"created".into(), &serde_json::json!(["tea", "cup"])));
    assert_eq!((reserved(&client, "tea").await, reserved(&client, "cup").await), (3, 1));
    let location = created.headers["location"].to_str().unwrap().to_owned();
    assert_eq!(client.get(&format!("/api/{location}")).await.json(), shown);
    assert_eq!(client.get("/api/orders?user_id=ada").await.json(), serde_json::json!([shown]));
    assert_eq!(client.get("/api/orders?user_id=bob").await.body, "[]");

    for _ in 0..2 {
        let cancelled = client.send(Method::POST, &format!("/api/{location}/cancel"), "").await;
        assert_eq!((cancelled.status.as_u16(), &cancelled.json()["status"]), (200, &"cancelled".into()));
        assert_eq!((reserved(&client, "tea").await, reserved(&client, "cup").await), (0, 0));
    }
    assert_eq!(client.get("/api/orders/none").await.status, 404);
}

#[tokio::test]
async fn a_part_of_what_was_ordered_is_reserved() {
    let (_host, client) = open(5).await;
    let refused = order(&client, &[("tea", 2), ("cup", 1)]).await;
    assert_eq!(refused.status, 409, "{refused:?}");
    assert_eq!(refused.headers["content-type"], "application/problem+json");
    assert_eq!(refused.json()["errors"][0]["detail"], "Only 0 of cup are available, 1 are wanted");
    assert_eq!(reserved(&client, "tea").await, 0);
    assert_eq!(client.get("/api/orders").await.body, "[]");
    let wrong = order(&client, &[("tea", 0)]).await;
    assert_eq!((wrong.status.as_u16(), &wrong.json()["errors"][0]["pointer"]), (422, &"#/items/0/quantity".into()));
}

#[tokio::test]
async fn orders_hang_or_are_taken_while_the_inventory_is_gone() {
    let (host, client) = open(5).await;
    host.done(&["remove", "inventory", "--force"]);
    let refused = order(&client, &[("tea", 1)]).await;
    assert_eq!(refused.status, 503, "{refused:?}");
    assert_eq!(refused.json()["detail"], "It is not known at the moment what is in stock, try again later");
    assert_eq!(client.get("/api/orders").await.body, "[]");
    host.done(&["deploy", SHOP]);
    count(&client, "tea", 5).await;
    assert_eq!(order(&client, &[("tea", 1)]).await.status, 201);
}

/// How many orders there are, page by page.
async fn orders(client: &Client) -> usize {
    let (mut path, mut count) = ("/api/orders?limit=100".to_owned(), 0);
    loop {
        let page = client.get(&path).await;
        count += page.json().as_array().unwrap().len();
        let Some(link) = page.headers.get("link").map(|link| link.to_str().unwrap()) else { return count };
        path = format!("/api/orders{}", link.trim_start_matches('<').split_once('>').unwrap().0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_swap_of_the_inventory_loses_an_order_or_what_it_promised() {
    const SWAPS: usize = 20;
    let (host, client) = open(1_000_000).await;
    let done = Arc::new(AtomicBool::new(false));
    let mut buyers = JoinSet::new();
    for _ in 0..4 {
        let (client, done) = (client.clone(), done.clone());
        buyers.spawn(async move {
            let mut bought = 0;
            while !done.load(Ordering::Relaxed) {
                let created = order(&client, &[("tea", 2)]).await;
                assert_eq!(created.status, 201, "after {bought}: {created:?}");
                bought += 1;
            }
            bought
        });
    }
    for swap in 1..=SWAPS {
        let (version, isolation) = (format!("1.{swap}.0"), if swap % 2 == 0 { "reuse" } else { "invocation" });
        host.deploy("inventory", &version, &component("inventory"), &["--isolation", isolation]);
    }
    done.store(true, Ordering::Relaxed);
    let bought: usize = buyers.join_all().await.into_iter().sum();
    println!("{bought} orders over {SWAPS} swaps");
    assert_eq!(orders(&client).await, bought);
    assert_eq!(reserved(&client, "tea").await, 2 * bought as u64);
}
