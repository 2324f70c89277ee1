//! The ways of an order that do not end at its buyer's door.

use std::time::Duration;

use http::Method;
use serde_json::json;
use tokio::task::JoinSet;

use super::buyer::Buyer;
use super::buyers::Random;
use super::{SHOP, Shop, body, pause};
use crate::process::{Host, fixture, signal};

/// Kills in the middle of a checkout.
const KILLS: u64 = 6;
/// Milliseconds: a checkout takes about ten.
const LATEST: u64 = 25;

#[tokio::test]
async fn a_cart_is_ordered_of_which_there_is_too_little() {
    let shop = Shop::stocked(&[("tea", 250, 1)]).await;
    let ada = Buyer::new(&shop, "ada@example.com").await;
    assert_eq!(ada.check_out().await.status, 409);
    ada.put("tea", 2).await;
    let refused = ada.check_out().await;
    assert_eq!(refused.status, 409, "{refused:?}");
    assert_eq!(refused.json()["errors"][0]["detail"], "Only 1 of tea are available, 2 are wanted");
    assert_eq!(ada.cart().await["total_cents"], 500);
    ada.put("gone", 1).await;
    let unsold = ada.check_out().await;
    assert_eq!((unsold.status.as_u16(), &unsold.json()["errors"][0]["detail"]), (409, &json!("gone is not for sale")));
    assert_eq!(shop.client.get("/api/orders").await.body, "[]");
}

#[tokio::test]
async fn a_buyer_without_money_keeps_the_items_and_is_told_nothing() {
    let shop = Shop::stocked(&[("teapot", 100_001, 1)]).await;
    let ada = Buyer::new(&shop, "ada@example.com").await;
    ada.put("teapot", 1).await;
    let id = ada.check_out().await.json()["order_id"].clone();
    assert_eq!(shop.until(&id, "cancelled").await["reason"], "The payment was declined");
    assert_eq!(shop.until_settled().await.takings(), 0);
    assert_eq!(shop.stock("teapot").await, (1, 0));
    let told = shop.client.get(&format!("/api/messages?recipient={}", ada.id)).await.json();
    let last = told.as_array().unwrap().last().unwrap()["text"].as_str().unwrap().to_owned();
    assert!(last.ends_with("was given up: The payment was declined."), "{told}");
    assert_eq!(shop.client.get(&format!("/api/parcels?user_id={}", ada.id)).await.body, "[]");
}

#[tokio::test]
async fn orders_wait_or_are_forgotten_while_shipping_is_down() {
    let shop = Shop::stocked(&[("tea", 250, 5)]).await;
    // the fixture does what the words of an event say, and here is one that lets it trap
    shop.host.deploy("shipping", "2.0.0", &fixture("handler"), &[]);
    let created = shop.client.send(Method::POST, "/api/orders", &body("a trap for", &[("tea", 2)], 250)).await;
    let id = created.json()["id"].clone();
    shop.until(&id, "confirmed").await;
    shop.host.until("shipping", "the trap", |service| service["faults"].as_u64() > Some(0));
    shop.host.done(&["rollback", "shipping"]);
    shop.until_parcel(&id, "preparing").await;
    assert!(shop.dead_letters().is_empty(), "{:?}", shop.dead_letters());
}

#[tokio::test]
async fn a_parcel_that_cannot_be_delivered_is_paid_all_the_same() {
    let shop = Shop::stocked(&[("tea", 250, 5)]).await;
    let mut ids = Vec::new();
    // one that never left, and one that was on its way
    for leaves in [false, true] {
        let id = shop.order(&[("tea", 2)]).await.json()["id"].clone();
        shop.until_parcel(&id, "preparing").await;
        if leaves {
            shop.parcel(&id, "dispatch", "").await;
            shop.until(&id, "shipped").await;
        }
        let reason = json!({"reason": "Nobody lives there"}).to_string();
        assert_eq!(shop.parcel(&id, "fail", &reason).await["status"], "failed");
        assert_eq!(shop.until(&id, "cancelled").await["reason"], "Nobody lives there");
        ids.push(id);
    }
    let books = shop.until_settled().await;
    assert_eq!((books.takings(), books.cancelled()), (0, 2));
    // what has left the house is counted when it is back
    assert_eq!(shop.stock("tea").await, (3, 0));
    let dispatched = format!("/api/parcels/{}/dispatch", ids[0].as_str().unwrap());
    assert_eq!(shop.client.send(Method::POST, &dispatched, "").await.status, 409);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_button_that_is_pressed_twice_buys_twice() {
    let shop = Shop::stocked(&[("tea", 250, 50)]).await;
    let ada = Buyer::new(&shop, "ada@example.com").await;
    // one who sends a key, and one who does not
    for headers in [&[("idempotency-key", "the button")][..], &[]] {
        ada.put("tea", 2).await;
        let mut presses = JoinSet::new();
        for _ in 0..4 {
            let (ada, headers) = (ada.at(&shop), headers.to_vec());
            presses.spawn(async move { ada.try_check_out(&headers).await.unwrap() });
        }
        let answers = presses.join_all().await;
        let mut taken: Vec<_> =
            answers.iter().filter(|it| it.status == 201).map(|it| it.json()["order_id"].clone()).collect();
        assert!(answers.iter().all(|it| [201, 409].contains(&it.status.as_u16())), "{answers:?}");
        taken.dedup();
        assert_eq!(taken.len(), 1, "{answers:?}");
    }
    let again = ada.try_check_out(&[("idempotency-key", "the button")]).await.unwrap();
    assert_eq!(again.headers["idempotency-replayed"], "true", "{again:?}");
    assert_eq!(shop.until_settled().await.orders().count(), 2);
    assert_eq!(shop.stock("tea").await, (50, 4));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_in_the_middle_of_a_checkout_orders_twice_or_not_at_all() {
    let mut shop = Shop::stocked(&[("tea", 250, 100)]).await;
    let mut ada = Buyer::new(&shop, "ada@example.com").await;
    let mut random = Random(7);
    for round in 1..=KILLS {
        ada.put("tea", 1).await;
        let buyer = ada.at(&shop);
        let mut pressed = JoinSet::new();
        pressed.spawn(async move { buyer.try_check_out(&[]).await });
        // a moment that is not waited for: it is the point of the test
        tokio::time::sleep(Duration::from_millis(random.below(LATEST))).await;
        signal(shop.host.pid(), "KILL");
        let before = pressed.join_next().await.unwrap().unwrap();
        shop = Shop::on(Host::start_in(shop.host.kill(), &[]));
        ada = ada.at(&shop);
        let after = ada.check_out().await;
        // refused only because the cart is empty: then it was ordered
        assert!(after.status == 201 || (after.status == 409 && ada.cart().await["items"] == json!([])), "{after:?}");
        if let Ok(before) = before {
            assert_eq!((before.status.as_u16(), after.status.as_u16()), (201, 409), "{before:?} {after:?}");
        }
        let orders = shop.client.get(&format!("/api/orders?user_id={}", ada.id)).await.json();
        assert_eq!(orders.as_array().unwrap().len() as u64, round, "{orders}");
    }
    let books = shop.until_settled().await;
    assert_eq!((books.confirmed() as u64, shop.stock("tea").await.1 as u64), (KILLS, KILLS));
}

#[tokio::test]
async fn a_cart_shows_nothing_or_is_ordered_for_nothing_while_the_catalog_is_gone() {
    let shop = Shop::stocked(&[("tea", 250, 5)]).await;
    let ada = Buyer::new(&shop, "ada@example.com").await;
    ada.put("tea", 2).await;
    shop.host.done(&["remove", "catalog", "--force"]);
    let cart = ada.cart().await;
    assert_eq!((&cart["items"][0]["quantity"], &cart["total_cents"]), (&json!(2), &json!(null)));
    let refused = ada.check_out().await;
    assert_eq!(refused.status, 503, "{refused:?}");
    assert!(refused.json()["detail"].as_str().unwrap().contains("what things cost"), "{refused:?}");
    shop.host.done(&["deploy", SHOP]);
    pause().await;
    assert_eq!(ada.check_out().await.status, 201);
}
