//! What becomes of an order: it is confirmed or given up, and whatever it took is given back.

use http::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{SHOP, Shop, body, order};

#[tokio::test]
async fn an_order_is_lost_or_promises_nothing_or_costs_nothing() {
    let shop = Shop::open(&[("tea", 5), ("cup", 1)]).await;
    let created = shop.order(&[("tea", 3), ("cup", 1)]).await;
    assert_eq!(created.status, 201, "{created:?}");
    let id = created.json()["id"].clone();
    assert_eq!(created.json()["status"], "created");
    assert_eq!(created.headers["location"].to_str().unwrap(), format!("orders/{}", id.as_str().unwrap()));
    let confirmed = shop.until(&id, "confirmed").await;
    assert_eq!((&confirmed["item_ids"], &confirmed["total_cents"]), (&json!(["tea", "cup"]), &json!(1000)));
    assert_eq!((shop.reserved("tea").await, shop.reserved("cup").await), (3, 1));
    assert_eq!(payment(&shop, &id).await["status"], "charged");
    assert_eq!(shop.client.get("/api/orders?user_id=ada").await.json(), json!([confirmed]));
    assert_eq!(shop.client.get("/api/orders?user_id=bob").await.body, "[]");
    assert_eq!(shop.client.get("/api/orders/none").await.status, 404);
    assert_eq!(shop.until_settled().await.takings(), 1000);
}

#[tokio::test]
async fn an_order_that_its_buyer_gives_up_keeps_the_items_or_the_money() {
    let shop = Shop::open(&[("tea", 5)]).await;
    let mut ids = Vec::new();
    // at once, while it is on its way, and when it has arrived
    for confirmed in [false, true] {
        let id = shop.order(&[("tea", 2)]).await.json()["id"].clone();
        if confirmed {
            shop.until(&id, "confirmed").await;
        }
        for _ in 0..2 {
            let path = format!("/api/orders/{}/cancel", id.as_str().unwrap());
            let cancelled = shop.client.send(Method::POST, &path, "").await;
            assert_eq!((cancelled.status.as_u16(), &cancelled.json()["status"]), (200, &json!("cancelled")));
        }
        ids.push(id);
    }
    let books = shop.until_settled().await;
    assert_eq!((books.takings(), shop.reserved("tea").await), (0, 0));
    assert_eq!(payment(&shop, &ids[1]).await["status"], "refunded");
    assert_eq!(shop.shown(&ids[0]).await["reason"], "Cancelled by the buyer");
}

#[tokio::test]
async fn a_part_of_what_was_ordered_is_reserved() {
    let shop = Shop::open(&[("tea", 5)]).await;
    let refused = shop.order(&[("tea", 2), ("cup", 1)]).await;
    assert_eq!(refused.status, 409, "{refused:?}");
    assert_eq!(refused.headers["content-type"], "application/problem+json");
    assert_eq!(refused.json()["errors"][0]["detail"], "Only 0 of cup are available, 1 are wanted");
    assert_eq!(shop.reserved("tea").await, 0);
    assert_eq!(shop.client.get("/api/orders").await.body, "[]");
    let wrong = shop.order(&[("tea", 0)]).await;
    assert_eq!((wrong.status.as_u16(), &wrong.json()["errors"][0]["pointer"]), (422, &json!("#/items/0/quantity")));
}

#[tokio::test]
async fn an_order_that_is_not_paid_keeps_its_items() {
    let shop = Shop::open(&[("tea", 5)]).await;
    let dear = shop.client.send(Method::POST, "/api/orders", &body("ada", &[("tea", 5)], 20_001)).await;
    assert_eq!(dear.status, 201, "{dear:?}");
    let given_up = shop.until(&dear.json()["id"], "cancelled").await;
    assert_eq!(given_up["reason"], "The payment was declined");
    let books = shop.until_settled().await;
    assert_eq!((books.takings(), shop.reserved("tea").await), (0, 0));
    let id = shop.order(&[("tea", 5)]).await.json()["id"].clone();
    shop.until(&id, "confirmed").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_piece_is_sold_twice_or_not_at_all() {
    const BUYERS: usize = 12;
    let shop = Shop::open(&[("tea", 1)]).await;
    let mut buyers = JoinSet::new();
    for _ in 0..BUYERS {
        let client = shop.client.clone();
        buyers.spawn(async move { order(&client, &[("tea", 1)]).await });
    }
    for answer in buyers.join_all().await {
        // too late for a place in the queue, or for the piece
        assert!([201, 409].contains(&answer.status.as_u16()), "{answer:?}");
    }
    let books = shop.until_settled().await;
    assert_eq!((books.confirmed(), shop.reserved("tea").await), (1, 1));
    for order in books.orders().filter(|order| order["status"] == "cancelled") {
        assert_eq!(order["reason"], "Only 0 of tea are available, 1 are wanted");
    }
    assert!(shop.dead_letters().is_empty());
}

#[tokio::test]
async fn orders_hang_or_are_taken_while_the_inventory_is_gone() {
    let shop = Shop::open(&[("tea", 5)]).await;
    shop.host.done(&["remove", "inventory", "--force"]);
    let refused = shop.order(&[("tea", 1)]).await;
    assert_eq!(refused.status, 503, "{refused:?}");
    assert_eq!(refused.json()["detail"], "It is not known at the moment what is in stock, try again later");
    assert_eq!(shop.client.get("/api/orders").await.body, "[]");
    shop.host.done(&["deploy", SHOP]);
    let id = shop.order(&[("tea", 1)]).await.json()["id"].clone();
    shop.until(&id, "confirmed").await;
}

#[tokio::test]
async fn an_order_that_was_given_up_is_reserved_when_a_dead_letter_is_replayed() {
    let shop = Shop::open(&[("tea", 5)]).await;
    let created =
        json!({"order_id": "7", "user_id": "ada", "items": [{"sku": "tea", "quantity": 2}], "total_cents": 1});
    for (subject, payload) in [("orders.cancelled", json!({"order_id": "7"})), ("orders.created", created)] {
        shop.host.done(&["events", "publish", subject, &payload.to_string(), "--key", "7"]);
    }
    let id = shop.order(&[("tea", 1)]).await.json()["id"].clone();
    shop.until(&id, "confirmed").await;
    shop.until_idle().await;
    assert_eq!(shop.reserved("tea").await, 1);
}

#[tokio::test]
async fn an_event_that_nobody_understands_stops_the_orders_behind_it() {
    let shop = Shop::open(&[("tea", 50)]).await;
    let publish = |subject: &str, payload: &str| {
        shop.host.done(&["events", "publish", subject, payload, "--key", "poison"]);
    };
    publish("orders.created", "no order at all");
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(shop.order(&[("tea", 1)]).await.json()["id"].clone());
        publish("payments.charged", "{\"order_id\": \"nobody's\"}");
    }
    for id in &ids {
        shop.until(id, "confirmed").await;
    }
    let books = shop.until_settled().await;
    assert_eq!((books.confirmed(), books.takings()), (5, 5 * 250));
    let mut reasons: Vec<Value> = shop.dead_letters().iter().map(|letter| letter["reason"].clone()).collect();
    reasons.sort_by_key(|reason| reason.as_str().map(str::to_owned));
    assert_eq!(reasons.len(), 6, "{reasons:?}");
    assert!(reasons[..5].iter().all(|reason| reason == "Order not found"), "{reasons:?}");
    assert!(reasons[5].as_str().unwrap().contains("not what orders.created should have"), "{reasons:?}");
}

/// The payment of an order, as the gateway shows it.
async fn payment(shop: &Shop, id: &Value) -> Value {
    shop.client.get(&format!("/api/payments/{}", id.as_str().unwrap())).await.json()
}
