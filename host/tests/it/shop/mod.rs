//! The shop as its manifest deploys it: orders, and what follows from them in its other services.
//!
//! | file | question it answers |
//! | --- | --- |
//! | `walk` | does an order get from the cart to its buyer's door? |
//! | `unhappy` | and if something is missing, fails, is sent twice or crashes? |
//! | `buyer` | somebody who has signed up, and buys by the cart |
//! | `orders` | what becomes of an order, and what does its buyer see? |
//! | `contracts`, `messages` | does a service in another language do what the one in Rust does? |
//! | `swaps` | do orders notice that the services behind them are exchanged? |
//! | `kills` | do they notice that the host is killed, again and again? |
//! | `buyers` | who buys while hosts are killed, and what do they know? |
//! | `books` | does everything that the services keep fit together? |
//! | this one | a host with the shop, and its buyers |

mod books;
mod buyer;
mod buyers;
mod contracts;
mod kills;
mod messages;
mod orders;
mod swaps;
mod unhappy;
mod walk;

use std::path::Path;
use std::time::{Duration, Instant};

use http::Method;
use serde_json::{Value, json};

use self::books::Books;
use crate::client::{Answer, Client};
use crate::door::PATIENCE;
use crate::process::Host;

/// The shop's manifest.
const SHOP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/shop/holm.toml");

/// How long it may take until all orders are settled: thousands of them on a slow machine.
const SETTLING: Duration = Duration::from_secs(240);
/// So many times in a row nothing was seen to be under way: then nothing is. Services are looked at one after the
/// other, so once means little.
const QUIET: u32 = 20;

/// A running shop.
struct Shop {
    host: Host,
    client: Client,
}

impl Shop {
    /// A host with the shop, and so many of these articles.
    async fn open(stock: &[(&str, u32)]) -> Self {
        let shop = Self::on(Host::start());
        shop.host.done(&["deploy", SHOP]);
        for (sku, on_hand) in stock {
            shop.count(sku, *on_hand).await;
        }
        shop
    }

    /// The same with so many of these articles, each of them for sale at this price in cents.
    async fn stocked(articles: &[(&str, u64, u32)]) -> Self {
        let stock: Vec<_> = articles.iter().map(|(sku, _, on_hand)| (*sku, *on_hand)).collect();
        let shop = Self::open(&stock).await;
        for (sku, price_cents, _) in articles {
            shop.offer(sku, *price_cents).await;
        }
        shop
    }

    /// A host with the shop, but with `new` in the place of `old` in its manifest.
    fn open_with(old: &str, new: &str) -> Self {
        let shop = Self::on(Host::start());
        let examples = Path::new(SHOP).parent().unwrap().display();
        let manifest = std::fs::read_to_string(SHOP).unwrap();
        assert!(manifest.contains(old), "{old}");
        let anywhere = manifest.replace("\"../../", &format!("\"{examples}/../../"));
        let anywhere = anywhere.replace("\"user.proto\"", &format!("\"{examples}/user.proto\""));
        shop.host.deploy_manifest(&anywhere.replace(old, new));
        shop
    }

    /// An article for sale at this price in cents.
    async fn offer(&self, sku: &str, price_cents: u64) {
        let product = json!({"name": format!("The {sku}"), "price_cents": price_cents}).to_string();
        let put = self.client.send(Method::PUT, &format!("/api/products/{sku}"), &product).await;
        assert_eq!(put.status, 201, "{put:?}");
    }

    /// The shop on a host that has it.
    fn on(host: Host) -> Self {
        let client = Client::new(&host.gateway);
        Self { host, client }
    }

    async fn count(&self, sku: &str, on_hand: u32) {
        let body = json!({"on_hand": on_hand}).to_string();
        let counted = self.client.send(Method::PUT, &format!("/api/stock/{sku}"), &body).await;
        assert_eq!(counted.status, 200, "{counted:?}");
    }

    async fn order(&self, items: &[(&str, u32)]) -> Answer {
        order(&self.client, items).await
    }

    async fn shown(&self, id: &Value) -> Value {
        self.client.get(&format!("/api/orders/{}", id.as_str().unwrap())).await.json()
    }

    async fn reserved(&self, sku: &str) -> u64 {
        self.stock(sku).await.1
    }

    /// How much of an article is on hand, and how much of it is reserved.
    async fn stock(&self, sku: &str) -> (u64, u64) {
        let stock = self.client.get(&format!("/api/stock/{sku}")).await.json();
        (stock["on_hand"].as_u64().unwrap(), stock["reserved"].as_u64().unwrap())
    }

    /// Says what becomes of an order's parcel: the parcel then.
    async fn parcel(&self, id: &Value, what: &str, body: &str) -> Value {
        let path = format!("/api/parcels/{}/{what}", id.as_str().unwrap());
        let moved = self.client.send(Method::POST, &path, body).await;
        assert_eq!(moved.status, 200, "{moved:?}");
        moved.json()
    }

    /// Polls until the parcel of an order has this status.
    async fn until_parcel(&self, id: &Value, status: &str) {
        let (path, end) = (format!("/api/parcels/{}", id.as_str().unwrap()), Instant::now() + PATIENCE);
        loop {
            let parcel = self.client.get(&path).await;
            if parcel.status == 200 && parcel.json()["status"] == status {
                return;
            }
            assert!(Instant::now() < end, "it never was {status}: {parcel:?}");
            pause().await;
        }
    }

    /// Polls until an order has this status: the order.
    async fn until(&self, id: &Value, status: &str) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let order = self.shown(id).await;
            if order["status"] == status {
                return order;
            }
            assert!(Instant::now() < end, "it never was {status}: {order}");
            pause().await;
        }
    }

    /// Polls until every order is settled, the books balance and nothing is under way: the books. What is wrong in
    /// them for good, is told.
    async fn until_settled(&self) -> Books {
        let (end, mut quiet) = (Instant::now() + SETTLING, 0);
        loop {
            quiet = if self.nothing_is_under_way() { quiet + 1 } else { 0 };
            let books = Books::of(&self.host);
            let wrong = books.wrong();
            if quiet > 0 && books.open() == 0 && wrong.is_empty() {
                return books;
            }
            assert!(quiet < QUIET && Instant::now() < end, "{} orders are open, and {wrong:#?}", books.open());
            pause().await;
        }
    }

    /// Polls until everything that was published is handled.
    async fn until_idle(&self) {
        let end = Instant::now() + PATIENCE;
        while !self.nothing_is_under_way() {
            assert!(Instant::now() < end, "{}", self.host.done(&["events", "consumers"]));
            pause().await;
        }
    }

    fn nothing_is_under_way(&self) -> bool {
        let consumers: Vec<Value> = serde_json::from_str(&self.host.done(&["events", "consumers", "--json"])).unwrap();
        consumers.iter().all(|consumer| consumer["lag"] == 0 && consumer["in_flight"] == 0)
    }

    fn dead_letters(&self) -> Vec<Value> {
        serde_json::from_str(&self.host.done(&["events", "dlq", "ls", "--json"])).unwrap()
    }
}

async fn order(client: &Client, items: &[(&str, u32)]) -> Answer {
    client.send(Method::POST, "/api/orders", &body("ada", items, 250)).await
}

/// What a buyer sends: each of the articles at the same price.
fn body(user: &str, items: &[(&str, u32)], price_cents: u64) -> String {
    let item = |(sku, quantity): &(&str, u32)| json!({"sku": sku, "quantity": quantity, "price_cents": price_cents});
    json!({"user_id": user, "items": items.iter().map(item).collect::<Vec<_>>()}).to_string()
}

async fn pause() {
    tokio::time::sleep(Duration::from_millis(20)).await;
}
