//! The client of the admin API, for the command line.
//!
//! | file | question it answers |
//! | --- | --- |
//! | `error` | what went wrong, and what can the user do? |
//! | `form` | how do components and JSON travel in one body? |
//! | `events` | how do bytes become server-sent events? |
//! | `lines` | how do bytes become JSON, line by line? |
//! | `query` | how does a text stand in a URL? |
//! | `bus`, `state` | what can be asked about events, and about what services keep? |
//! | this file | what can be asked? |

mod bus;
mod error;
mod events;
mod form;
mod lines;
mod query;
mod state;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use holm_registry::gateway::GatewaySettings;
use holm_registry::route::RouteSpec;
use holm_registry::{Digest, ServiceName};
use http::{Method, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::de::DeserializeOwned;

use super::api::{Call, CallLine, CallResult, Function, Token};
use super::api::{
    Deployed, Inspection, MakeToken, NewToken, OutsideService, Plan, Problem, Revision, Rollback, Service,
};
use super::tokens::Scope;
use crate::audit::Entry;
use crate::body::{self, Body};
use crate::config::TOKEN_FILE;

pub use error::ClientError;
pub use events::{Events, LogEvent};
pub use lines::Lines;
use query::query;

/// Where a host is looked for when nobody names one.
pub const DEFAULT_URL: &str = "http://127.0.0.1:7070";
/// A host that lives accepts at once; longer than this is a wrong address or a firewall.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Largest answer that is kept in memory: lists, never components.
const ANSWER_LIMIT: usize = 16 << 20;

/// How to find a host and be let in.
#[derive(Clone, Debug)]
pub struct Target {
    /// `http://HOST:PORT`.
    pub url: String,
    /// The token, when it was given by itself.
    pub token: Option<String>,
    /// The data directory, where the token is looked for otherwise.
    pub data: PathBuf,
}

/// Asks one host.
#[derive(Clone, Debug)]
pub struct Client {
    base: Uri,
    authorization: Option<String>,
    pool: Pool<HttpConnector, Body>,
}

impl Client {
    /// Checks the address and finds the token. Nothing is sent yet; without a token the host
    /// will say where it is.
    pub fn new(target: &Target) -> Result<Self, ClientError> {
        let base = parse_base(&target.url)?;
        let token = match &target.token {
            Some(token) => Some(token.clone()),
            None => read_token(&target.data)?,
        };
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        connector.set_nodelay(true);
        let pool = Pool::builder(TokioExecutor::new()).build(connector);
        Ok(Self { base, authorization: token.map(|token| format!("Bearer {token}")), pool })
    }

    /// All services.
    pub async fn services(&self) -> Result<Vec<Service>, ClientError> {
        self.get("/api/services").await
    }

    /// All services that are not Wasm.
    pub async fn outside(&self) -> Result<Vec<OutsideService>, ClientError> {
        self.get("/api/outside").await
    }

    /// Makes a token.
    pub async fn make_token(&self, scope: Scope, note: String) -> Result<NewToken, ClientError> {
        let json = serde_json::to_vec(&MakeToken { scope, note }).map_err(ClientError::unreadable)?;
        self.send(Method::POST, "/api/tokens", Some(("application/json".to_owned(), body::full(json)))).await
    }

    /// All tokens, without the tokens.
    pub async fn tokens(&self) -> Result<Vec<Token>, ClientError> {
        self.get("/api/tokens").await
    }

    /// Makes a token worth nothing.
    pub async fn revoke_token(&self, id: &str) -> Result<(), ClientError> {
        self.ask(Method::DELETE, &format!("/api/tokens/{id}"), None).await.map(drop)
    }

    /// The live and kept revisions of a service.
    pub async fn revisions(&self, service: &ServiceName) -> Result<Vec<Revision>, ClientError> {
        self.get(&format!("/api/services/{service}/revisions")).await
    }

    /// All gateway rules.
    pub async fn routes(&self) -> Result<Vec<RouteSpec>, ClientError> {
        self.get("/api/routes").await
    }

    /// What they refer to by name, by app.
    pub async fn gateway(&self) -> Result<BTreeMap<String, GatewaySettings>, ClientError> {
        self.get("/api/gateway").await
    }

    /// Whether the host has this component.
    pub async fn has_component(&self, digest: &Digest) -> Result<bool, ClientError> {
        match self.ask(Method::HEAD, &format!("/api/components/{digest}"), None).await {
            Ok(_) => Ok(true),
            Err(ClientError::Refused(problem)) if problem.status == StatusCode::NOT_FOUND.as_u16() => Ok(false),
            Err(other) => Err(other),
        }
    }

    /// Deploys a set. `components` are those that the host does not have.
    pub async fn deploy(&self, plan: &Plan, components: Vec<(Digest, Bytes)>) -> Result<Vec<Deployed>, ClientError> {
        let mut form = form::Form::new();
        form.json("plan", &serde_json::to_vec(plan).map_err(ClientError::unreadable)?);
        for (digest, bytes) in components {
            form.wasm(&digest.to_string(), bytes);
        }
        let (kind, body) = form.finish();
        self.send(Method::POST, "/api/deployments", Some((kind, body))).await
    }

    /// Makes a kept revision live again.
    pub async fn rollback(&self, service: &ServiceName, to: Option<u32>) -> Result<Deployed, ClientError> {
        let json = serde_json::to_vec(&Rollback { to }).map_err(ClientError::unreadable)?;
        let body = Some(("application/json".to_owned(), body::full(json)));
        self.send(Method::POST, &format!("/api/services/{service}/rollback"), body).await
    }

    /// Takes a service away.
    pub async fn remove(&self, service: &ServiceName, force: bool) -> Result<(), ClientError> {
        self.ask(Method::DELETE, &format!("/api/services/{service}?force={force}"), None).await.map(drop)
    }

    /// Calls a function of a service.
    pub async fn call(&self, service: &ServiceName, call: &Call) -> Result<CallResult, ClientError> {
        let json = serde_json::to_vec(call).map_err(ClientError::unreadable)?;
        let body = Some(("application/json".to_owned(), body::full(json)));
        self.send(Method::POST, &format!("/api/services/{service}/call"), body).await
    }

    /// Who calls whom.
    pub async fn calls(&self) -> Result<Vec<CallLine>, ClientError> {
        self.get("/api/calls").await
    }

    /// The functions that a service offers to others.
    pub async fn functions(&self, service: &ServiceName) -> Result<Vec<Function>, ClientError> {
        self.get(&format!("/api/services/{service}/functions")).await
    }

    /// Asks about a component that need not be deployed.
    pub async fn inspect(&self, component: Bytes) -> Result<Inspection, ClientError> {
        let body = Some(("application/wasm".to_owned(), body::full(component)));
        self.send(Method::POST, "/api/inspect", body).await
    }

    /// Asks about the live component of a service.
    pub async fn inspect_service(&self, service: &ServiceName) -> Result<Inspection, ClientError> {
        self.get(&format!("/api/services/{service}/inspect")).await
    }

    /// Who changed what: the last entries, the latest at the end.
    pub async fn audit(&self, limit: usize) -> Result<Vec<Entry>, ClientError> {
        self.get(&format!("/api/audit?limit={limit}")).await
    }

    /// The log: the last lines, and new ones until the host stops when `follow` is set.
    pub async fn logs(
        &self,
        service: Option<&ServiceName>,
        follow: bool,
        limit: Option<usize>,
    ) -> Result<Events, ClientError> {
        let mut query = format!("follow={follow}");
        query.extend(service.map(|name| format!("&service={name}")));
        query.extend(limit.map(|limit| format!("&limit={limit}")));
        let response = self.ask(Method::GET, &format!("/api/logs?{query}"), None).await?;
        Ok(Events::new(response.into_body()))
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.send(Method::GET, path, None).await
    }

    async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<(String, Body)>,
    ) -> Result<T, ClientError> {
        let response = self.ask(method, path, body).await?;
        let bytes = whole(response.into_body()).await?;
        serde_json::from_slice(&bytes).map_err(ClientError::unreadable)
    }

    /// One request; an answer that is no success becomes an error.
    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<(String, Body)>,
    ) -> Result<Response<Incoming>, ClientError> {
        let request = self.request(method, path, body)?;
        let response = self.pool.request(request).await.map_err(|error| self.unanswered(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let bytes = whole(response.into_body()).await.unwrap_or_default();
        Err(ClientError::Refused(Box::new(Problem::read(status, &bytes))))
    }

    fn request(&self, method: Method, path: &str, body: Option<(String, Body)>) -> Result<Request<Body>, ClientError> {
        let (kind, body) = body.map_or((None, body::empty()), |(kind, body)| (Some(kind), body));
        let uri = format!("{}{path}", self.base.to_string().trim_end_matches('/'));
        let mut request = Request::builder().method(method).uri(uri);
        if let Some(kind) = kind {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        if let Some(authorization) = &self.authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        request.body(body).map_err(|error| ClientError::Address { url: self.base.to_string(), why: error.to_string() })
    }

    fn unanswered(&self, error: &hyper_util::client::legacy::Error) -> ClientError {
        let url = self.base.to_string().trim_end_matches('/').to_owned();
        if error.is_connect() {
            return ClientError::NoHost { url, why: error::innermost(error) };
        }
        ClientError::BrokeOff(error::innermost(error))
    }
}

fn parse_base(url: &str) -> Result<Uri, ClientError> {
    let wrong = |why: &str| ClientError::Address { url: url.to_owned(), why: why.to_owned() };
    let uri: Uri = url.parse().map_err(|error: http::uri::InvalidUri| wrong(&error.to_string()))?;
    match (uri.scheme_str(), uri.authority()) {
        (Some("http"), Some(_)) => Ok(uri),
        (Some("https"), _) => Err(wrong("the admin API speaks plain HTTP; reach a remote host through a tunnel")),
        _ => Err(wrong("it is not of the form http://HOST:PORT")),
    }
}

fn read_token(data: &Path) -> Result<Option<String>, ClientError> {
    let path = data.join(TOKEN_FILE);
    match super::token::read(&path) {
        Ok(token) => Ok(Some(token)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(reason) => Err(ClientError::Token { path, reason }),
    }
}

async fn whole(body: Incoming) -> Result<Bytes, ClientError> {
    let collected = Limited::new(body, ANSWER_LIMIT).collect().await;
    collected.map(|body| body.to_bytes()).map_err(|error| ClientError::BrokeOff(error.to_string()))
}

impl Problem {
    /// The problem document that the host sent, or one made of what it sent instead.
    fn read(status: StatusCode, body: &[u8]) -> Self {
        serde_json::from_slice(body).unwrap_or_else(|_| {
            let text = String::from_utf8_lossy(body).trim().to_owned();
            Self::new(status, "unknown", status.canonical_reason().unwrap_or("The host refused."), text)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_admin_url_ends_in_a_strange_connection_error() {
        for (url, expected) in [("127.0.0.1:7070", "http://HOST:PORT"), ("https://holm.example", "tunnel"), ("", "")] {
            let error = parse_base(url).unwrap_err().to_string();
            assert!(error.contains(expected), "{url}: {error}");
        }
        assert!(parse_base(DEFAULT_URL).is_ok());
    }

    #[test]
    fn an_answer_of_something_else_on_that_port_is_unreadable() {
        let problem = Problem::read(StatusCode::BAD_GATEWAY, b"<h1>nginx</h1>");
        assert_eq!((problem.status, problem.detail.as_str()), (502, "<h1>nginx</h1>"));
    }
}
