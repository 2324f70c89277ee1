//! From a rule to whoever answers: one file for each kind of target.
//!
//! A request comes here when all stages of its rule have let it through: its path is rewritten, its
//! fields are edited, its body is limited. Policies stand around all of it.

mod compose;
mod function;
mod grpc;
mod openapi;
mod redirect;
mod respond;
mod service;
mod upstream;

pub(super) use compose::PartProblem;
pub(super) use function::FunctionProblem;

use std::sync::Arc;
use std::time::Instant;

use futures::FutureExt;
use holm_registry::route::Target;
use http::{HeaderValue, Request, Response, Uri};

use super::behind::Behind;
use super::headers;
use super::respond::Problem;
use super::rule::Rule;
use crate::body::Body;
use crate::identity::Identity;
use crate::services::{CallEntry, Lineage};
use crate::telemetry::trace::TraceContext;

/// What targets need to know of a request beside the request that they get.
pub(super) struct Asked<'a, B> {
    pub(super) behind: &'a B,
    pub(super) rule: &'a Rule,
    /// Who asks, if the rule wants to know.
    pub(super) identity: Option<&'a Arc<Identity>>,
    /// As the client asked, before any rewriting.
    pub(super) uri: &'a Uri,
    /// The host that the client asked for, with its port.
    pub(super) authority: &'a HeaderValue,
    /// When the answer's head is due.
    pub(super) deadline: Instant,
    pub(super) request_id: &'a HeaderValue,
    pub(super) trace: TraceContext,
}

impl<B> Clone for Asked<'_, B> {
    fn clone(&self) -> Self {
        *self
    }
}

// derived, it would ask that `B` is
impl<B> Copy for Asked<'_, B> {}

/// How a typed call enters a service.
fn call_entry<B>(asked: &Asked<'_, B>) -> CallEntry {
    CallEntry {
        deadline: asked.deadline,
        request_id: headers::text(asked.request_id).into_owned(),
        correlation: None,
        trace: asked.trace,
        lineage: Lineage::default(),
    }
}

/// Lets the target of the rule answer.
///
/// # Errors
/// Why it does not.
pub(super) async fn dispatch<B: Behind>(
    asked: Asked<'_, B>,
    target: &Target,
    request: Request<Body>,
) -> Result<Response<Body>, Problem> {
    match target {
        Target::Service(name) => service::ask(asked, name, request).await,
        Target::Upstream(url) => upstream::ask(asked, url, request).await,
        Target::Redirect(redirect) => redirect::answer(asked, redirect),
        Target::Respond(answer) => Ok(respond::answer(answer)),
        Target::OpenApi(service) => openapi::answer(asked, service),
        // boxed, since every request would carry the room for the largest of them
        Target::Compose(plan) => compose::ask(asked, plan, request).boxed().await,
        Target::Function(function) => function::ask(asked, function, request).boxed().await,
        Target::Grpc(service) => grpc::ask(asked, service, request).boxed().await,
    }
}
