//! The life of one request, in order: head, trace, route, body limit, rewrite, target, answer.

use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use bytes::Bytes;
use holm_registry::route::{RouteSpec, Target, check_ties};
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request, Response, Uri, Version, header};
use http_body::Body as HttpBody;
use http_body_util::BodyExt;

use super::access::{Access, AccessBody, Ending, Observer, Tracked};
use super::body_limit::{Cut, LimitedBody};
use super::connection::Peer;
use super::headers;
use super::limits::Limits;
use super::path::CanonicalPath;
use super::respond::Problem;
use super::route::{Found, Router, Rule};
use crate::body::{self, Body, BodyError};
use crate::fault::{Fault, FaultKind};
use crate::hop_by_hop;
use crate::services::{HttpEntry, Lineage, ServedBy};
use crate::telemetry::metrics::{Metrics, RouteMetrics};

/// Answers requests by the rules it was given. `T` calls a service:
/// `Fn(C, HttpEntry, Request<Body>) -> impl Future<Output = Result<Response<Body>, Fault>>`.
/// `C` is what was published with the rules, so that a request's rule and its target are of
/// one snapshot.
pub struct Gateway<T, C> {
    published: ArcSwap<Published<C>>,
    limits: Limits,
    target: T,
    metrics: Arc<Metrics>,
    /// Where requests that no rule takes are counted.
    unrouted: Arc<RouteMetrics>,
    observer: Option<Observer>,
}

/// What requests find.
struct Published<C> {
    router: Router,
    context: C,
}

impl<T, C: Clone> Gateway<T, C> {
    /// A gateway without any route.
    pub fn new(limits: Limits, target: T, context: C, metrics: Arc<Metrics>, observer: Option<Observer>) -> Self {
        let published = ArcSwap::from_pointee(Published { router: Router::default(), context });
        Self { published, limits, target, unrouted: metrics.route("", None), metrics, observer }
    }

    /// Replaces all rules at once, with what their targets need. Requests under way keep theirs.
    ///
    /// # Errors
    /// When two of them tie; the old ones stay.
    pub fn publish(&self, rules: &[RouteSpec], context: C) -> Result<(), Vec<String>> {
        check_ties(rules)?;
        self.published.store(Arc::new(Published { router: Router::new(rules, &self.metrics), context }));
        Ok(())
    }

    fn route(&self, authority: &HeaderValue, method: &Method, uri: &Uri) -> Result<(Arc<Rule>, C), Problem> {
        let path = CanonicalPath::parse(uri.path()).map_err(|error| Problem::BadHead(error.reason()))?;
        let host = headers::hostname(authority).unwrap_or_default();
        let published = self.published.load();
        match published.router.find(host, &path, method) {
            Found::Rule(rule) => Ok((Arc::clone(rule), published.context.clone())),
            Found::NoRule => Err(Problem::NotFound),
            Found::MethodNotAllowed(methods) => Err(Problem::MethodNotAllowed(methods)),
        }
    }
}

impl<T, C, F> Gateway<T, C>
where
    C: Clone,
    T: Fn(C, HttpEntry, Request<Body>) -> F,
    F: Future<Output = Result<Response<Body>, Fault>>,
{
    /// Answers one request. Never fails: what goes wrong is the answer.
    pub async fn handle<B>(&self, mut request: Request<B>, peer: Peer) -> Response<AccessBody>
    where
        B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<BodyError>,
    {
        let version = request.version();
        let mut tracked = self.begin(&mut request);
        let outcome = self.answer(request, &peer, &mut tracked.access).await;
        finish(outcome, version, tracked)
    }

    fn begin<B>(&self, request: &mut Request<B>) -> Tracked {
        let access = Access {
            begun: Instant::now(),
            method: request.method().clone(),
            uri: request.uri().clone(),
            status: None,
            route: None,
            service: None,
            revision: None,
            metrics: Arc::clone(&self.unrouted),
            request_id: headers::request_id(request.headers_mut()),
            trace: headers::enter_trace(request.headers_mut()),
            bytes_out: 0,
            ending: Ending::Cut,
        };
        Tracked::new(access, self.observer.clone())
    }

    async fn answer<B>(
        &self,
        mut request: Request<B>,
        peer: &Peer,
        access: &mut Access,
    ) -> Result<Response<Body>, Problem>
    where
        B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<BodyError>,
    {
        let authority = headers::authority(&request).map_err(Problem::BadHead)?;
        let (rule, context) = self.route(&authority, request.method(), request.uri())?;
        let Target::Service(service) = &rule.spec.target;
        access.route = Some(Arc::clone(&rule.label));
        access.metrics = Arc::clone(&rule.metrics);
        access.service = Some(service.clone());
        *request.uri_mut() = rewrite(&rule.spec, request.uri())?;
        hop_by_hop::strip(request.headers_mut());
        headers::set_forwarded(request.headers_mut(), peer, authority);
        let (request, cut) = self.limit_body(request, &rule.spec)?;
        let entry = HttpEntry {
            service: service.clone(),
            route: Some(Arc::clone(&rule.label)),
            deadline: access.begun + rule.spec.timeout.unwrap_or(self.limits.deadline),
            request_id: headers::text(&access.request_id).into_owned(),
            trace: access.trace,
            lineage: Lineage::default(),
        };
        let result = self.call(context, entry, request).await;
        access.revision =
            result.as_ref().ok().and_then(|response| response.extensions().get()).map(|ServedBy(number)| *number);
        match cut.kind() {
            // whatever the target made of half a body
            Some(kind) => Err(Problem::Fault(Fault::new(kind, "the target read the body to where it was cut off"))),
            None => result.map_err(Problem::Fault),
        }
    }

    fn limit_body<B>(&self, request: Request<B>, rule: &RouteSpec) -> Result<(Request<Body>, Cut), Problem>
    where
        B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<BodyError>,
    {
        let cut = Cut::default();
        if request.body().is_end_stream() {
            return Ok((request.map(|_| body::empty()), cut));
        }
        let limit = rule.body_limit.map_or(self.limits.body, |limit| limit.as_u64());
        let announced = request.body().size_hint().lower();
        if announced > limit {
            let detail = format!("a body of {announced} bytes was announced, {limit} are allowed");
            return Err(Problem::Fault(Fault::new(FaultKind::BodyTooLarge, detail)));
        }
        let pace = self.limits.body_pace;
        let request = request.map(|body| LimitedBody::new(body, limit, pace, cut.clone()).boxed_unsync());
        Ok((request, cut))
    }

    /// The target holds to the deadline itself; this is for one that fails to.
    async fn call(&self, context: C, entry: HttpEntry, request: Request<Body>) -> Result<Response<Body>, Fault> {
        let deadline = tokio::time::Instant::from_std(entry.deadline);
        let call = (self.target)(context, entry, request);
        let late = |_| Fault::new(FaultKind::Deadline, "the target gave no head by the route's deadline");
        tokio::time::timeout_at(deadline, call).await.map_err(late)?
    }
}

/// The path that the target sees, in origin form: the host travels in `host`.
fn rewrite(rule: &RouteSpec, uri: &Uri) -> Result<Uri, Problem> {
    let bad = |_| Problem::BadHead("the rewritten path is not valid");
    let Some(rewrite) = &rule.rewrite else {
        return Ok(uri.path_and_query().cloned().map(Uri::from).unwrap_or_default());
    };
    let captures = rule.path.captures(uri.path()).unwrap_or_default();
    let mut path = rewrite.apply(&captures);
    if let Some(query) = uri.query() {
        path.push('?');
        path.push_str(query);
    }
    PathAndQuery::try_from(path).map(Uri::from).map_err(bad)
}

fn finish(outcome: Result<Response<Body>, Problem>, version: Version, mut tracked: Tracked) -> Response<AccessBody> {
    let access = &mut tracked.access;
    let mut response = match outcome {
        Ok(response) => from_target(response),
        Err(problem) => from_problem(&problem, version, access),
    };
    if access.method == Method::HEAD {
        response = without_body(response);
    }
    access.status = Some(response.status());
    response.headers_mut().insert(headers::REQUEST_ID_HEADER, access.request_id.clone());
    let length = response.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    response.map(|body| AccessBody::new(body, length, tracked))
}

/// How the connection goes on is not the target's to say, nor what runs here.
fn from_target(mut response: Response<Body>) -> Response<Body> {
    hop_by_hop::strip(response.headers_mut());
    response.headers_mut().remove(header::SERVER);
    response
}

fn from_problem(problem: &Problem, version: Version, access: &Access) -> Response<Body> {
    problem.log(&headers::text(&access.request_id), access.trace);
    let mut response = problem.respond(access.uri.path(), access.trace);
    if problem.leaves_body_unread() && version < Version::HTTP_2 {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// The answer to `HEAD`: what `GET` would say of its body, without the body.
fn without_body(mut response: Response<Body>) -> Response<Body> {
    if let Some(length) = response.body().size_hint().exact().filter(|length| *length > 0) {
        response.headers_mut().entry(header::CONTENT_LENGTH).or_insert(HeaderValue::from(length));
    }
    response.map(|_| body::empty())
}
