//! Discovery over HTTP, as clients of Consul's agent speak it: on the admin port for tokens of
//! scope `discovery`, and on a listener of its own with nothing else on it.
//!
//! | file | question it answers |
//! | --- | --- |
//! | `fields`, `register` | what does a registration say, in any spelling of its keys? |
//! | `query`, `wait` | what does a query string ask for, and when is it answered? |
//! | `agent`, `look` | what does each path do? |
//! | `answer` | how do instances and checks look to clients? |
//! | `refusal` | how does a failure look? |
//! | `own` | how do Holm's own services get there? |
//! | `listener` | who may ask on the listener of its own? |
//!
//! One node, `holm`, in one datacenter, `dc1`. Left out, and answered with 404: KV, sessions,
//! ACLs, Connect. Refused: checks that run scripts or containers on the host.

mod agent;
mod answer;
mod fields;
mod listener;
mod look;
mod own;
mod query;
mod refusal;
mod register;
mod wait;

pub use listener::{Listener, serve};
pub(super) use refusal::Refusal;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, put};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::discovery::Discovery;
use crate::services::Services;

/// Every path of this API begins so.
pub(super) const PREFIX: &str = "/v1/";
/// What needs no token in Consul either, so that clients send none: it tells an address.
const OPEN: [&str; 2] = ["/v1/status/leader", "/v1/status/peers"];
/// Bytes of one registration: sixteen checks with some headers fit, and ten thousand of the largest
/// are less than a gigabyte in the store.
const BODY_LIMIT: usize = 64 << 10;
/// Clients that wait for a change at a time: each holds a connection and little more.
const WAITERS: usize = 4096;

/// What the handlers work with; cloned for every request.
#[derive(Clone)]
pub struct ConsulState {
    discovery: Discovery,
    services: Services,
    /// Where Holm's own services answer.
    gateway: SocketAddr,
    waiters: Arc<Semaphore>,
    stop: CancellationToken,
}

/// Whether a path needs no token.
pub(super) fn is_open(path: &str) -> bool {
    OPEN.contains(&path)
}

impl ConsulState {
    /// `gateway`: where Holm's own services answer. `stop` ends those who wait.
    pub fn new(discovery: Discovery, services: Services, gateway: SocketAddr, stop: CancellationToken) -> Self {
        Self { discovery, services, gateway, waiters: Arc::new(Semaphore::new(WAITERS)), stop }
    }
}

/// All paths, below [`PREFIX`].
pub(super) fn router(state: ConsulState) -> Router {
    Router::new().nest("/v1", paths(state)).layer(DefaultBodyLimit::max(BODY_LIMIT))
}

/// The ids of clients may have slashes, which some of them do not escape.
fn paths(state: ConsulState) -> Router {
    Router::new()
        .route("/agent/service/register", put(agent::register))
        .route("/agent/service/deregister/{*id}", put(agent::deregister))
        .route("/agent/service/{*id}", get(agent::service))
        .route("/agent/services", get(agent::services))
        .route("/agent/check/register", put(agent::register_check))
        .route("/agent/check/deregister/{*id}", put(agent::deregister_check))
        .route("/agent/check/pass/{*id}", put(agent::pass))
        .route("/agent/check/warn/{*id}", put(agent::warn))
        .route("/agent/check/fail/{*id}", put(agent::fail))
        .route("/agent/check/update/{*id}", put(agent::update))
        .route("/agent/checks", get(agent::checks))
        .route("/agent/self", get(look::agent_self))
        .route("/health/service/{name}", get(look::health_service))
        .route("/health/checks/{name}", get(look::health_checks))
        .route("/health/state/{state}", get(look::health_state))
        .route("/catalog/services", get(look::catalog_services))
        .route("/catalog/service/{name}", get(look::catalog_service))
        .route("/catalog/nodes", get(look::catalog_nodes))
        .route("/catalog/datacenters", get(look::datacenters))
        .route("/status/leader", get(look::leader))
        .route("/status/peers", get(look::peers))
        .fallback(refusal::no_such_path)
        .method_not_allowed_fallback(refusal::no_such_method)
        .with_state(state)
}
