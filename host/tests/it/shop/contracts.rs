//! A service in another language in the place of one in Rust: the same contract holds, the same data goes on, and
//! those who ask do not notice.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::buyer::Buyer;
use super::{Shop, pause};
use crate::client::{Answer, Client};
use crate::process::{component, example};

/// An instance of the JavaScript engine answers one request.
const FRESH: &[&str] = &["--isolation", "invocation"];
const REUSE: &[&str] = &["--isolation", "reuse"];

fn in_typescript() -> PathBuf {
    example("shop/catalog-ts/catalog.wasm")
}

async fn send(client: &Client, method: Method, path: &str, body: &Value) -> Answer {
    client.send(method, path, &body.to_string()).await
}

/// What everybody may rely on who asks the catalog.
async fn catalog_keeps_its_contract(shop: &Shop) {
    let client = &shop.client;
    let made = send(client, Method::POST, "/api/products", &json!({"name": " Grüner Tee ", "price_cents": 1290})).await;
    let product = made.json();
    let id = product["id"].as_str().unwrap();
    assert_eq!((made.status.as_u16(), made.headers["location"].to_str().unwrap()), (201, &*format!("products/{id}")));
    assert_eq!(
        (&product["name"], &product["description"], &product["currency"]),
        (&json!("Grüner Tee"), &json!(""), &json!("EUR"))
    );
    assert!(id.len() == 36 && product["created_at"].as_str().unwrap().ends_with('Z'), "{product}");
    assert_eq!(client.get(&format!("/api/products/{id}")).await.json(), product);

    let cup = json!({"name": "Cup", "description": "for tea", "price_cents": 500});
    let put = send(client, Method::PUT, "/api/products/cup", &cup).await;
    assert_eq!((put.status.as_u16(), &put.json()["id"]), (201, &json!("cup")));
    let again = send(client, Method::PUT, "/api/products/cup", &cup).await;
    assert_eq!((again.status.as_u16(), again.json()), (200, put.json()));

    assert_eq!(client.get(&format!("/api/products?ids=cup,none,{id}")).await.json(), json!([put.json(), product]));
    assert_eq!(client.get("/api/products?q=TEA+for").await.json(), json!([put.json()]));
    assert_eq!(client.get("/api/products?q=GR%C3%9CNER").await.json(), json!([product]));
    let first = client.get("/api/products?limit=1").await;
    let second = client.get(&format!("/api/products{}", first.next_page())).await;
    assert_eq!(json!([first.json()[0], second.json()[0]]), json!([product, put.json()]));
    assert!(!second.headers.contains_key("link"), "{second:?}");

    assert_eq!(client.get("/api/products/cup/").await.json(), put.json());
    let head = client.send(Method::HEAD, "/api/products/cup", "").await;
    assert_eq!((head.status.as_u16(), &*head.body), (200, ""));

    let wrong = json!({"name": " ", "price_cents": 1_000_000_001});
    for (method, path, body, status) in [
        (Method::GET, "/api/products/none", json!(null), 404),
        (Method::GET, "/api/products?limit=0", json!(null), 400),
        (Method::GET, "/api/products?q=%ff", json!(null), 400),
        (Method::POST, "/api/products/cup", json!({}), 405),
        (Method::POST, "/api/products", wrong, 422),
        (Method::POST, "/api/products", json!({"name": "Tea", "price_cents": 12.9}), 422),
        (Method::POST, "/api/products", json!({"nmae": "Tea", "price_cents": 1}), 422),
    ] {
        let answer = send(client, method, path, &body).await;
        let expected = (status, "application/problem+json");
        assert_eq!((answer.status.as_u16(), answer.headers["content-type"].to_str().unwrap()), expected, "{answer:?}");
        let problem = answer.json();
        assert_eq!((&problem["status"], &problem["detail"]), (&json!(status), &problem["error"]), "{problem}");
        if body["name"] == " " {
            let pointers: Vec<_> =
                problem["errors"].as_array().unwrap().iter().map(|it| it["pointer"].clone()).collect();
            assert_eq!(pointers, ["#/name", "#/price_cents"]);
        }
    }

    // nobody could read it back
    let half = client.send(Method::POST, "/api/products", r#"{"name": "\ud83c", "price_cents": 1}"#).await;
    assert_eq!(half.status, 400, "{half:?}");

    // the other way in: typed calls, by hand and by the cart
    let ids = |count| json!([vec!["cup"; count]]).to_string();
    let quote = |count| shop.host.done(&["call", "catalog", "shop:catalog/prices", "quote", &ids(count)]);
    let quote = |count| serde_json::from_str::<Value>(&quote(count)).unwrap();
    assert_eq!(quote(1)["ok"]["products"][0]["price-cents"], "500");
    assert!(quote(101)["err"]["invalid"].is_string(), "{}", quote(101));
    let ada = Buyer::new(shop, "ada@example.com").await;
    ada.put("none", 1).await;
    let cart = ada.put("cup", 2).await;
    let line = json!({"sku": "cup", "quantity": 2, "name": "Cup", "price_cents": 500, "currency": "EUR"});
    assert_eq!((&cart["items"][0], &cart["items"][1]["price_cents"]), (&line, &json!(null)));
}

#[tokio::test]
async fn the_catalog_in_rust_breaks_its_contract() {
    catalog_keeps_its_contract(&Shop::open(&[]).await).await;
}

#[tokio::test]
async fn the_catalog_in_typescript_breaks_its_contract() {
    let shop = Shop::open(&[]).await;
    shop.host.deploy("catalog", "2.0.0", &in_typescript(), FRESH);
    catalog_keeps_its_contract(&shop).await;
}

/// Looks at a product and at a cart with it until told to stop: how often.
async fn browse(ada: Buyer, client: Client, done: Arc<AtomicBool>) -> usize {
    let mut looked = 0;
    while !done.load(Ordering::Relaxed) {
        let product = client.get("/api/products/tea").await;
        assert_eq!((product.status.as_u16(), &product.json()["price_cents"]), (200, &json!(250)), "after {looked}");
        assert_eq!(ada.cart().await["total_cents"], 500, "after {looked}");
        looked += 1;
        pause().await;
    }
    looked
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn buyers_notice_that_the_catalog_speaks_another_language() {
    // on a busy machine, carts would sooner be shown without prices than wait for the catalog
    let quote = "[service.cart.calls.\"shop:catalog/prices\"]\ntimeout = ";
    let shop = Shop::open_with(&format!("{quote}\"1s\""), &format!("{quote}\"20s\""));
    shop.offer("tea", 250).await;
    shop.count("tea", 5).await;
    let ada = Buyer::new(&shop, "ada@example.com").await;
    ada.put("tea", 2).await;
    let (done, mut buyers) = (Arc::new(AtomicBool::new(false)), JoinSet::new());
    for _ in 0..3 {
        buyers.spawn(browse(ada.at(&shop), shop.client.clone(), done.clone()));
    }
    let (rust, typescript) = (component("catalog"), in_typescript());
    for (version, path, isolation) in
        [("2.0.0", &typescript, FRESH), ("2.0.1", &rust, REUSE), ("2.0.2", &typescript, FRESH)]
    {
        shop.host.deploy("catalog", version, path, isolation);
        let product = shop.client.get("/api/products/tea").await;
        assert_eq!(product.json()["name"], "The tea");
    }
    done.store(true, Ordering::Relaxed);
    let looked: usize = buyers.join_all().await.into_iter().sum();
    println!("{looked} looks over three swaps");
    assert_eq!(ada.check_out().await.status, 201);
}
