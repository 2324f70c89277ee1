//! New revisions of the shop's services while orders flow through them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::Method;
use tokio::task::JoinSet;

use super::{Shop, body, order};
use crate::client::Client;
use crate::process::{component, fixture};

const SWAPS: usize = 20;

/// Buys tea until it is told to stop, and says how often.
async fn buy(client: Client, done: Arc<AtomicBool>) -> usize {
    let mut bought = 0;
    while !done.load(Ordering::Relaxed) {
        let created = order(&client, &[("tea", 2)]).await;
        assert_eq!(created.status, 201, "after {bought}: {created:?}");
        bought += 1;
    }
    bought
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_swap_loses_an_order_or_what_follows_from_it() {
    let shop = Shop::open(&[("tea", 1_000_000)]).await;
    let done = Arc::new(AtomicBool::new(false));
    let mut buyers = JoinSet::new();
    for _ in 0..3 {
        buyers.spawn(buy(shop.client.clone(), done.clone()));
    }
    for swap in 1..=SWAPS {
        let (version, isolation) = (format!("1.{swap}.0"), if swap % 2 == 0 { "reuse" } else { "invocation" });
        // the components alone, one of all that have a part in an order: who may publish and hears of what, stays
        for service in if swap % 4 == 0 { &["inventory", "payments", "orders"][..] } else { &["inventory"] } {
            let told = shop.host.deploy(service, &version, &component(service), &["--isolation", isolation]);
            assert!(told.contains("settings of revision"), "{told}");
        }
    }
    done.store(true, Ordering::Relaxed);
    let bought: usize = buyers.join_all().await.into_iter().sum();
    let books = shop.until_settled().await;
    println!("{bought} orders over {SWAPS} swaps");
    assert_eq!((books.confirmed(), books.cancelled()), (bought, 0));
    assert_eq!(shop.reserved("tea").await, 2 * bought as u64);
    assert!(shop.dead_letters().is_empty(), "{:?}", shop.dead_letters());
}

#[tokio::test]
async fn a_revision_that_fails_at_every_event_costs_the_orders_that_it_met() {
    let shop = Shop::open(&[("tea", 5)]).await;
    // the fixture does what the words of an event say, and here is one that lets it trap
    shop.host.deploy("payments", "2.0.0", &fixture("handler"), &[]);
    let created = shop.client.send(Method::POST, "/api/orders", &body("a trap for", &[("tea", 2)], 250)).await;
    shop.host.until("payments", "the trap", |service| service["faults"].as_u64() > Some(0));
    shop.host.done(&["rollback", "payments"]);
    shop.until(&created.json()["id"], "confirmed").await;
    let books = shop.until_settled().await;
    assert_eq!((books.confirmed(), books.takings()), (1, 500));
    assert!(shop.dead_letters().is_empty(), "{:?}", shop.dead_letters());
}
