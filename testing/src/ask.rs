//! Asking services: over HTTP as clients do, and by their functions as other services do.

use anyhow::{Context, Result};
use bytes::Bytes;
use holm::admin::api::Call;
use http::{Method, Request, Response, header};
use http_body_util::{BodyExt, Full};
use serde_json::Value;

use crate::TestHost;

impl TestHost {
    /// Sends a request through the gateway and waits for the whole answer. Its URI is a path.
    ///
    /// # Errors
    /// When there is no answer, or its body is no text.
    pub fn send(&self, request: Request<String>) -> Result<Response<String>> {
        let (mut head, body) = request.into_parts();
        head.uri = format!("{}{}", self.gateway, head.uri).parse()?;
        let request = Request::from_parts(head, Full::new(Bytes::from(body)));
        self.runtime.block_on(async {
            let (head, body) = self.pooled.request(request).await?.into_parts();
            let body = body.collect().await?.to_bytes().to_vec();
            Ok(Response::from_parts(head, String::from_utf8(body).context("the answer is no text")?))
        })
    }

    /// `GET` of a path.
    ///
    /// # Errors
    /// As [`TestHost::send`].
    pub fn get(&self, path: &str) -> Result<Response<String>> {
        self.send(Request::get(path).body(String::new())?)
    }

    /// Sends JSON to a path.
    ///
    /// # Errors
    /// As [`TestHost::send`].
    pub fn send_json(&self, method: Method, path: &str, json: &Value) -> Result<Response<String>> {
        let request = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(json.to_string())?)
    }

    /// Calls a function of a service, with all arguments in their order or an object with their names.
    ///
    /// # Errors
    /// When it has not answered. An `err` of a result is an answer.
    pub fn call(&self, service: &str, interface: &str, function: &str, arguments: Value) -> Result<Value> {
        let (interface, function) = (interface.to_owned(), function.to_owned());
        let call = Call { interface, function, arguments, timeout: None };
        let called = self.runtime.block_on(self.admin.call(&service.parse()?, &call))?;
        Ok(called.result)
    }
}
