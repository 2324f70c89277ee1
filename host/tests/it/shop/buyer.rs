//! Somebody who has signed up, and buys by the cart.

use http::Method;
use serde_json::{Value, json};

use super::Shop;
use crate::client::{Answer, Client};

const PASSWORD: &str = "correct horse battery";

pub(super) struct Buyer {
    /// The id of the profile, which every token of theirs names.
    pub(super) id: String,
    client: Client,
    bearer: String,
}

impl Buyer {
    /// Signs up and in.
    pub(super) async fn new(shop: &Shop, email: &str) -> Self {
        let account = json!({"email": email, "name": "Ada", "password": PASSWORD}).to_string();
        let account = shop.client.send(Method::POST, "/api/accounts", &account).await;
        assert_eq!(account.status, 201, "{account:?}");
        let session = sign_in(&shop.client, email, PASSWORD).await;
        assert_eq!(session.status, 201, "{session:?}");
        assert_eq!(session.json()["user_id"], account.json()["id"]);
        let bearer = format!("Bearer {}", session.json()["token"].as_str().unwrap());
        Self { id: account.json()["id"].as_str().unwrap().to_owned(), client: shop.client.clone(), bearer }
    }

    /// The same person at a host that has come back elsewhere.
    pub(super) fn at(&self, shop: &Shop) -> Self {
        Self { id: self.id.clone(), client: shop.client.clone(), bearer: self.bearer.clone() }
    }

    /// Puts so many of an article into the cart: the cart then.
    pub(super) async fn put(&self, sku: &str, quantity: u32) -> Value {
        let body = json!({"quantity": quantity}).to_string();
        let answer = self.send(Method::PUT, &format!("/api/cart/items/{sku}"), &[], &body).await.unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    pub(super) async fn cart(&self) -> Value {
        self.send(Method::GET, "/api/cart", &[], "").await.unwrap().json()
    }

    /// Orders what is in the cart.
    pub(super) async fn check_out(&self) -> Answer {
        self.try_check_out(&[]).await.unwrap()
    }

    pub(super) async fn try_check_out(&self, headers: &[(&str, &str)]) -> Result<Answer, String> {
        self.send(Method::POST, "/api/cart/checkout", headers, "").await
    }

    async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Result<Answer, String> {
        let own = [("authorization", self.bearer.as_str()), ("content-type", "application/json")];
        self.client.try_send_with(method, path, &[&own, headers].concat(), body).await
    }
}

pub(super) async fn sign_in(client: &Client, email: &str, password: &str) -> Answer {
    let body = json!({"email": email, "password": password}).to_string();
    client.send(Method::POST, "/api/sessions", &body).await
}
