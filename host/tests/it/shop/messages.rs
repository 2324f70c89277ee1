//! The notifications in Rust and in Python: the same contract holds for both, and either goes on where the other has
//! stopped.

use std::path::PathBuf;

use http::Method;
use serde_json::{Value, json};

use super::Shop;
use crate::client::Answer;
use crate::process::{component, example};

fn in_python() -> PathBuf {
    example("shop/notifications-py/notifications.wasm")
}

fn publish(shop: &Shop, subject: &str, payload: &Value) {
    shop.host.done(&["events", "publish", subject, &payload.to_string(), "--key", "7"]);
}

fn texts(answer: &Answer) -> Vec<String> {
    let text = |message: &Value| message["text"].as_str().unwrap().to_owned();
    answer.json().as_array().unwrap().iter().map(text).collect()
}

/// What everybody may rely on who takes messages to people.
async fn notifications_keep_their_contract(shop: &Shop) {
    let client = &shop.client;
    publish(shop, "orders.created", &json!({"order_id": "7", "user_id": "ada", "total_cents": 1205}));
    // of what is written in one millisecond, either may stand first
    shop.until_idle().await;
    publish(shop, "orders.confirmed", &json!({"order_id": "7", "user_id": "ada"}));
    // for nobody, and of nothing that is written about
    publish(shop, "orders.confirmed", &json!({"order_id": "8"}));
    publish(shop, "orders.counted", &json!({"user_id": "ada"}));
    shop.until_idle().await;
    let ada = client.get("/api/messages?recipient=ada").await;
    assert_eq!(texts(&ada), ["We have your order 7 for 12.05 EUR.", "Your order 7 is confirmed."]);
    assert_eq!(client.get("/api/messages?recipient=bob").await.json(), json!([]));
    let first = &ada.json()[0];
    assert_eq!((&first["recipient"], &first["subject"]), (&json!("ada"), &json!("orders.created")));
    let path = format!("/api/messages/{}", first["id"].as_str().unwrap());
    assert_eq!(client.get(&path).await.json(), *first);

    let sent = client.send(Method::POST, &format!("{path}/sent"), "").await;
    assert_eq!((sent.status.as_u16(), &sent.json()["text"]), (200, &first["text"]));
    assert!(sent.json()["sent_at"].as_str().unwrap().ends_with('Z'), "{sent:?}");
    assert_eq!(client.send(Method::POST, &format!("{path}/sent"), "").await.json(), sent.json());
    assert_eq!(texts(&client.get("/api/messages?waiting=true").await), ["Your order 7 is confirmed."]);
    let page = client.get("/api/messages?limit=1").await;
    assert_eq!(texts(&client.get(&format!("/api/messages{}", page.next_page())).await), ["Your order 7 is confirmed."]);

    let head = client.send(Method::HEAD, &path, "").await;
    assert_eq!((head.status.as_u16(), &*head.body), (200, ""));
    assert_eq!(client.get(&format!("{path}/")).await.json(), sent.json());

    for (method, path, status) in [
        (Method::GET, "/api/messages/none", 404),
        (Method::GET, "/api/messages?recipient=%ff", 400),
        (Method::GET, "/api/messages?limit=101", 400),
        (Method::POST, "/api/messages/none/sent", 404),
        (Method::POST, "/api/messages", 405),
    ] {
        let answer = client.send(method, path, "").await;
        let expected = (status, "application/problem+json");
        assert_eq!((answer.status.as_u16(), answer.headers["content-type"].to_str().unwrap()), expected, "{answer:?}");
        assert_eq!(answer.json()["detail"], answer.json()["error"]);
    }
    for payload in ["no order at all", r#"{"user_id": "\ud83c"}"#] {
        shop.host.done(&["events", "publish", "orders.created", payload, "--key", "7"]);
    }
    shop.until_idle().await;
    let mine = |letter: &&Value| letter["service"] == "notifications";
    assert_eq!(shop.dead_letters().iter().filter(mine).count(), 2, "{:?}", shop.dead_letters());
}

#[tokio::test]
async fn the_notifications_in_rust_break_their_contract() {
    notifications_keep_their_contract(&Shop::open(&[]).await).await;
}

#[tokio::test]
async fn the_notifications_in_python_break_their_contract() {
    let shop = Shop::open(&[]).await;
    shop.host.deploy("notifications", "2.0.0", &in_python(), &[]);
    notifications_keep_their_contract(&shop).await;
}

#[tokio::test]
async fn a_message_is_lost_or_written_twice_when_another_language_takes_over() {
    const ORDERS: usize = 30;
    let shop = Shop::open(&[("tea", 1000)]).await;
    let swaps = [("2.0.0", in_python()), ("2.0.1", component("notifications")), ("2.0.2", in_python())];
    for (version, path) in &swaps {
        for _ in 0..ORDERS / swaps.len() {
            assert_eq!(shop.order(&[("tea", 1)]).await.status, 201);
        }
        // while what follows from these orders is still under way
        shop.host.deploy("notifications", version, path, &[]);
    }
    shop.until_settled().await;
    shop.until_idle().await;
    let told = texts(&shop.client.get("/api/messages?recipient=ada&limit=100").await);
    assert_eq!(told.len(), 2 * ORDERS, "{told:?}");
    assert_eq!(told.iter().filter(|text| text.ends_with("is confirmed.")).count(), ORDERS);
    assert!(shop.dead_letters().is_empty(), "{:?}", shop.dead_letters());
}
