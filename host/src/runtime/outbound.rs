//! The one way off an island. The mesh implements it; the runtime only knows this port.

use std::future::Future;
use std::pin::Pin;
use std::time::Instant;

use http::{Request, Response};

use crate::body::Body;

/// A future of an answer from outside.
pub type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, OutboundError>> + Send>>;

/// Leaves the island. What arrives here was granted.
pub trait Outbound: Send + Sync {
    /// Sends an HTTP request to the outside. The answer's head is due at `deadline`.
    fn http(&self, request: Request<Body>, deadline: Instant) -> Answer;
}

/// Why there is no answer from outside. The guest sees it as the `error-code` of `wasi:http`.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// The name does not resolve, or may not be looked up.
    #[error("the name {0} cannot be resolved")]
    UnknownName(String),
    /// Nobody listens there.
    #[error("the connection was refused: {0}")]
    Refused(String),
    /// The connection broke.
    #[error("the connection ended early: {0}")]
    Terminated(String),
    /// No answer in time.
    #[error("there was no answer in time")]
    Timeout,
    /// The other side's certificate or TLS is wrong.
    #[error("TLS failed: {0}")]
    Tls(String),
    /// The other side does not speak HTTP as it should.
    #[error("the answer is not valid HTTP: {0}")]
    Protocol(String),
}
