//! The one way off an island. The mesh implements it; the runtime only knows this port.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use holm_registry::ServiceName;
use holm_registry::settings::CallRules;
use http::{Request, Response};

use super::call::{Ends, Line};
use super::lineage::Lineage;
use crate::body::Body;
use crate::telemetry::trace::TraceContext;

/// A future of an answer from outside. What goes wrong in its body is an [`OutboundError`], too.
pub type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, OutboundError>> + Send>>;

/// Leaves the island. The text of what arrives here was granted: method, scheme, host, port and
/// path. Whether the address behind a name is one that may be reached is decided here.
pub trait Outbound: Send + Sync {
    /// Sends an HTTP request to the outside.
    fn http(&self, request: Request<Body>, terms: Terms) -> Answer;

    /// A line to an interface of another service, for as long as a revision lives.
    fn line(&self, ends: Ends, rules: CallRules) -> Arc<dyn Line>;

    /// The way to another service by its name, for as long as a revision lives.
    fn upstream(&self, caller: &ServiceName, service: &ServiceName, rules: CallRules) -> Arc<dyn Upstream>;
}

/// The way from one service to another one by its name: what `http://inventory/` leads to.
pub trait Upstream: Send + Sync {
    /// Sends an HTTP request.
    fn http(self: Arc<Self>, request: Request<Body>, terms: Terms) -> Answer;
}

/// Under which terms a request leaves.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Who asks. Connections are never shared between services.
    pub service: ServiceName,
    /// The asking service, and those that wait for it in turn.
    pub lineage: Lineage,
    /// The id of the request from outside that all this is for.
    pub request_id: String,
    /// What that was caused by in its turn, if it was not the beginning.
    pub correlation: Option<Arc<str>>,
    /// Its place in the trace.
    pub trace: TraceContext,
    /// When the answer's head is due.
    pub deadline: Instant,
    /// How long the answer's body may pause.
    pub pause: Duration,
    /// How large the answer's body may be, in bytes.
    pub body_limit: u64,
    /// Addresses that may be reached although they are not the open internet, sorted.
    pub named: Vec<IpAddr>,
}

/// Why there is no answer from outside. The guest sees it as the `error-code` of `wasi:http`.
#[derive(Clone, Debug, thiserror::Error)]
pub enum OutboundError {
    /// The name does not resolve, or may not be looked up.
    #[error("the name {0} cannot be resolved")]
    UnknownName(String),
    /// The name leads inside, and nothing else.
    #[error(
        "{host} is at {address}, which is {purpose}; if that is meant, grant the address too, as in `http://{address}/`"
    )]
    Prohibited {
        /// As in the URL.
        host: String,
        /// One of its addresses.
        address: IpAddr,
        /// What such addresses are for.
        purpose: &'static str,
    },
    /// Nobody listens there.
    #[error("the connection was refused: {0}")]
    Refused(String),
    /// The connection broke.
    #[error("the connection ended early: {0}")]
    Terminated(String),
    /// No answer in time, or its body paused for too long.
    #[error("there was no answer in time")]
    Timeout,
    /// The other side's certificate or TLS is wrong.
    #[error("TLS failed: {0}")]
    Tls(String),
    /// The other side does not speak HTTP as it should.
    #[error("the answer is not valid HTTP: {0}")]
    Protocol(String),
    /// The answer's body is larger than it may be.
    #[error("the answer's body is larger than limits.outgoing_body, {0} bytes")]
    TooLarge(u64),
}
