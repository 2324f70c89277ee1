//! What rules lead to: everything behind the gateway, as one snapshot that is published with them.

use std::sync::Arc;
use std::time::Instant;

use futures::future::BoxFuture;
use holm_registry::ServiceName;
use holm_registry::discovery::url::HttpUrl;
use http::{Request, Response};

use crate::body::Body;
use crate::fault::Fault;
use crate::services::{CallError, Described, Function, GrpcServices, HttpEntry};

/// What comes of a request to a target.
pub type Answer = BoxFuture<'static, Result<Response<Body>, Fault>>;

/// Everything behind the gateway. The host has its services there; the gateway's own tests have one
/// that echoes.
pub trait Behind: Clone + Send + Sync + 'static {
    /// Asks a service of this host, or an instance of one that is not Wasm, by its name.
    fn service(&self, entry: HttpEntry, request: Request<Body>) -> Answer;

    /// Asks whoever listens at a URL: the path of the request goes below the URL's own.
    fn upstream(&self, url: &HttpUrl, deadline: Instant, request: Request<Body>) -> Answer;

    /// Finds a function of a service. Of the interface's name, as much as leaves no choice will do.
    ///
    /// # Errors
    /// When there is none.
    fn function(&self, service: &ServiceName, interface: &str, name: &str) -> Result<Function, CallError>;

    /// What of a service's functions rules lead to; `None`: it is not live.
    fn describe(&self, service: &ServiceName) -> Option<Described>;

    /// What is answered over gRPC.
    fn grpc(&self) -> Arc<GrpcServices>;
}
