//! Somebody who looks around, fills a cart and orders it, one request after the other.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use super::{ARTICLES, sku};
use crate::holm::Holm;

const PASSWORD: &str = "correct horse battery";

/// A client of the shop.
pub struct Buyer {
    pooled: Client<HttpConnector, Full<Bytes>>,
    gateway: String,
    bearer: Option<String>,
}

/// What one buyer has seen.
#[derive(Default)]
pub struct Visit {
    /// The kind of each request, and how long its answer took.
    pub answers: Vec<(&'static str, Duration)>,
    /// Answers other than 2xx, and those that did not come.
    pub errors: u64,
    /// The id of each order that was taken, with its article and how many of that.
    pub orders: Vec<(String, u32, u32)>,
}

impl Buyer {
    /// Somebody without an account, who asks from this loopback address.
    pub fn nobody(host: &Holm, address: [u8; 4]) -> anyhow::Result<Self> {
        let mut connector = HttpConnector::new();
        connector.set_local_address(Some(Ipv4Addr::from(address).into()));
        connector.set_nodelay(true);
        let pooled = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self { pooled, gateway: host.url(""), bearer: None })
    }

    /// Somebody who has signed up and in.
    pub async fn sign_up(host: &Holm, address: [u8; 4]) -> anyhow::Result<Self> {
        let buyer = Self::nobody(host, address)?;
        let email = format!("buyer-{}@example.com", address[3]);
        let account = json!({ "email": email, "name": "Ada", "password": PASSWORD });
        buyer.must(Method::POST, "/api/accounts", &account).await?;
        let session = json!({ "email": email, "password": PASSWORD });
        let session = buyer.must(Method::POST, "/api/sessions", &session).await?;
        let token = session.get("token").and_then(Value::as_str).context("there is no token")?;
        Ok(Self { bearer: Some(format!("Bearer {token}")), ..buyer })
    }

    /// Asks, and takes nothing but a good answer.
    pub async fn must(&self, method: Method, path: &str, body: &Value) -> anyhow::Result<Value> {
        let (status, answer) = self.ask(method, path, body).await?;
        ensure!(status.is_success(), "{path}: {status} {answer}");
        Ok(answer)
    }

    async fn ask(&self, method: Method, path: &str, body: &Value) -> anyhow::Result<(StatusCode, Value)> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.gateway));
        if let Some(bearer) = &self.bearer {
            request = request.header(header::AUTHORIZATION, bearer);
        }
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = request.header(header::CONTENT_TYPE, "application/json").body(Full::from(body))?;
        let (head, body) = self.pooled.request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok((head.status, serde_json::from_slice(&body).unwrap_or(Value::Null)))
    }

    /// Ten requests in turns. `number` lets buyers begin with different articles.
    pub async fn shop_until(self, end: Instant, number: u32) -> anyhow::Result<Visit> {
        let mut visit = Visit::default();
        for turn in number.. {
            let (article, quantity) = (turn % ARTICLES, 1 + turn % 2);
            let sku = sku(article);
            let none = Value::Null;
            for _ in 0..2 {
                self.note(&mut visit, "GET /api/products", "/api/products?limit=20", &none).await;
                self.note(&mut visit, "GET /api/products/{id}", &format!("/api/products/{sku}"), &none).await;
                self.note(&mut visit, "GET /api/stock/{sku}", &format!("/api/stock/{sku}"), &none).await;
            }
            self.note(&mut visit, "GET /api/products?q=", "/api/products?q=article&limit=5", &none).await;
            let put = json!({ "quantity": quantity });
            self.note(&mut visit, "PUT /api/cart/items/{sku}", &format!("/api/cart/items/{sku}"), &put).await;
            self.note(&mut visit, "GET /api/cart", "/api/cart", &none).await;
            let order = self.note(&mut visit, "POST /api/cart/checkout", "/api/cart/checkout", &none).await;
            if let Some(id) = order.as_ref().and_then(|order| order.get("order_id")).and_then(Value::as_str) {
                visit.orders.push((id.to_owned(), article, quantity));
            }
            if Instant::now() >= end {
                break;
            }
        }
        Ok(visit)
    }

    /// The answer, if it was a good one. Its method is the first word of the kind.
    async fn note(&self, visit: &mut Visit, kind: &'static str, path: &str, body: &Value) -> Option<Value> {
        let method = kind.split(' ').next().and_then(|method| method.parse().ok()).unwrap_or(Method::GET);
        let since = Instant::now();
        match self.ask(method, path, body).await {
            Ok((status, answer)) if status.is_success() => {
                visit.answers.push((kind, since.elapsed()));
                Some(answer)
            }
            _ => {
                visit.errors += 1;
                None
            }
        }
    }
}
