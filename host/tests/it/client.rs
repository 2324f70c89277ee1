//! An HTTP client for tests: keep-alive connections, whole answers.

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client as Pooled;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use crate::door::within;

/// A client of one address.
#[derive(Clone)]
pub(crate) struct Client {
    address: String,
    pooled: Pooled<HttpConnector, Full<Bytes>>,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Client {
    pub(crate) fn new(address: &str) -> Self {
        Self { address: address.to_owned(), pooled: Pooled::builder(TokioExecutor::new()).build_http() }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, "").await
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: &str) -> Answer {
        self.try_send(method, path, body).await.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// The answer, or why there is none: a broken connection or a body that ended early.
    pub(crate) async fn try_send(&self, method: Method, path: &str, body: &str) -> Result<Answer, String> {
        self.try_send_with(method, path, &[("content-type", "application/json")], body).await
    }

    /// The same with headers.
    pub(crate) async fn try_send_with(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Answer, String> {
        within(self.try_send_bytes(method, path, headers, Bytes::copy_from_slice(body.as_bytes()))).await
    }

    /// The same with any bytes, and for as long as it takes.
    pub(crate) async fn try_send_bytes(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Answer, String> {
        let mut request = Request::builder().method(method).uri(format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.answer(request.body(Full::new(body)).unwrap()).await
    }

    async fn answer(&self, request: Request<Full<Bytes>>) -> Result<Answer, String> {
        let response = self.pooled.request(request).await.map_err(|error| format!("{error:?}"))?;
        let (head, body) = response.into_parts();
        let body = body.collect().await.map_err(|error| format!("body: {error:?}"))?.to_bytes();
        let body = String::from_utf8_lossy(&body).into_owned();
        Ok(Answer { status: head.status, headers: head.headers, body })
    }
}

impl Answer {
    /// The fault that the gateway told, by its name.
    pub(crate) fn fault(&self) -> String {
        assert_eq!(self.headers["content-type"], "application/problem+json", "{self:?}");
        let kind = self.json()["type"].as_str().unwrap_or_default().to_owned();
        kind.strip_prefix("urn:holm:fault:").unwrap_or_else(|| panic!("{self:?}")).to_owned()
    }

    /// Where the next page of a list is: the reference of its `Link`.
    pub(crate) fn next_page(&self) -> &str {
        self.headers["link"].to_str().unwrap().strip_prefix('<').unwrap().split_once('>').unwrap().0
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}
