//! An order's whole way, as its buyer and the people of the shop go it through the gateway.

use http::Method;
use serde_json::{Value, json};

use super::Shop;
use super::buyer::{Buyer, sign_in};

#[tokio::test]
async fn an_order_is_lost_between_the_cart_and_the_door_of_its_buyer() {
    let shop = Shop::stocked(&[("tea-100", 1290, 5), ("cup", 500, 5)]).await;
    let ada = Buyer::new(&shop, "ada@example.com").await;
    ada.put("tea-100", 1).await;
    ada.put("cup", 1).await;
    let cart = ada.put("tea-100", 2).await;
    assert_eq!((&cart["total_cents"], &cart["items"][1]["name"]), (&json!(3080), &json!("The tea-100")));

    let ordered = ada.check_out().await;
    assert_eq!(ordered.status, 201, "{ordered:?}");
    let id = ordered.json()["order_id"].clone();
    assert_eq!(ordered.headers["location"].to_str().unwrap(), format!("../orders/{}", id.as_str().unwrap()));
    assert_eq!(ada.cart().await["items"], json!([]));
    let confirmed = shop.until(&id, "confirmed").await;
    assert_eq!((&confirmed["user_id"], &confirmed["total_cents"]), (&json!(ada.id), &json!(3080)));
    assert_eq!(shop.stock("tea-100").await, (5, 2));

    shop.until_parcel(&id, "preparing").await;
    assert_eq!(shop.parcel(&id, "dispatch", "").await["status"], "dispatched");
    shop.until(&id, "shipped").await;
    let too_late = shop.client.send(Method::POST, &format!("/api/orders/{}/cancel", id.as_str().unwrap()), "").await;
    assert_eq!(too_late.status, 409, "{too_late:?}");
    assert_eq!(shop.parcel(&id, "deliver", "").await["history"].as_array().unwrap().len(), 3);
    shop.until(&id, "delivered").await;
    shop.until_settled().await;
    assert_eq!((shop.stock("tea-100").await, shop.stock("cup").await), ((3, 0), (4, 0)));

    let part = json!({"amount_cents": 80}).to_string();
    let path = format!("/api/payments/{}/refunds", id.as_str().unwrap());
    assert_eq!(shop.client.send(Method::POST, &path, &part).await.status, 201);
    let too_much = shop.client.send(Method::POST, &path, &json!({"amount_cents": 3001}).to_string()).await;
    assert_eq!(too_much.status, 422, "{too_much:?}");
    assert_eq!(booked(&shop, &ada).await, [("charge".to_owned(), 3080), ("refund".to_owned(), 80)]);

    shop.until_idle().await;
    let told: Vec<String> = messages(&shop, &ada).await;
    let (created, rest) = told.split_first().unwrap();
    assert_eq!(created, &format!("We have your order {} for 30.80 EUR.", id.as_str().unwrap()));
    let said: Vec<_> = rest.iter().map(|text| text.replace(id.as_str().unwrap(), "7")).collect();
    let expected = [
        "Your order 7 is confirmed.",
        "Your order 7 is on its way.",
        "Your order 7 has arrived.",
        "You get 0.80 EUR back for your order 7.",
    ];
    assert_eq!(said, expected);
}

#[tokio::test]
async fn somebody_buys_without_signing_in_or_as_somebody_else() {
    let shop = Shop::stocked(&[("tea", 250, 5)]).await;
    let ada = Buyer::new(&shop, " Ada@Example.com ").await;
    let bob = Buyer::new(&shop, "bob@example.com").await;
    ada.put("tea", 2).await;
    assert_eq!(bob.cart().await["items"], json!([]));
    let nobody = shop.client.get("/api/cart").await;
    assert_eq!(nobody.status, 401, "{nobody:?}");
    let claimed = [("x-user-id", ada.id.as_str())];
    let claimed = shop.client.try_send_with(Method::GET, "/api/cart", &claimed, "").await.unwrap();
    assert_eq!(claimed.status, 401, "{claimed:?}");
    for (email, password) in [("ada@example.com", "wrong password"), ("eve@example.com", "correct horse battery")] {
        let refused = sign_in(&shop.client, email, password).await;
        assert_eq!(refused.status, 401, "{refused:?}");
    }
    let again = json!({"email": "ADA@example.com", "name": "Eve", "password": "another password"}).to_string();
    assert_eq!(shop.client.send(Method::POST, "/api/accounts", &again).await.status, 409);
    let wrong = json!({"email": "eve", "name": "", "password": "short"}).to_string();
    let wrong = shop.client.send(Method::POST, "/api/accounts", &wrong).await.json();
    let pointers: Vec<_> = wrong["errors"].as_array().unwrap().iter().map(|error| error["pointer"].clone()).collect();
    assert_eq!(pointers, ["#/email", "#/name", "#/password"]);
}

/// All that was booked for somebody.
async fn booked(shop: &Shop, buyer: &Buyer) -> Vec<(String, u64)> {
    let booked = shop.client.get(&format!("/api/transactions?user_id={}", buyer.id)).await.json();
    let one = |one: &Value| (one["kind"].as_str().unwrap().to_owned(), one["amount_cents"].as_u64().unwrap());
    booked.as_array().unwrap().iter().map(one).collect()
}

/// What somebody was told, in this order.
async fn messages(shop: &Shop, buyer: &Buyer) -> Vec<String> {
    let messages = shop.client.get(&format!("/api/messages?recipient={}&waiting=true", buyer.id)).await.json();
    messages.as_array().unwrap().iter().map(|message| message["text"].as_str().unwrap().to_owned()).collect()
}
