//! The life of one request, in order: head, trace, route, pages of other origins, where from, how
//! often, who asks, rewrite, header edits, body limit, target under its policy, answer.

use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use holm_registry::route::authority::{self, hostname};
use holm_registry::route::{CanonicalPath, Head, RouteSpec};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Request, Response, Uri};
use http_body::Body as HttpBody;
use http_body_util::BodyExt;

use super::access::{Access, AccessBody, Ending, Tracked};
use super::auth::{self, Accepted, Denied};
use super::behind::Behind;
use super::body_limit::{Cut, LimitedBody};
use super::connection::Peer;
use super::cors;
use super::grpc::{Builtin, Dialect};
use super::headers;
use super::origin::Origin;
use super::publish::{Gateway, Matched};
use super::rate::{Asking, Told};
use super::reply::Exchange;
use super::respond::Problem;
use super::rule::Rule;
use super::targets::{self, Asked};
use super::upgrade::{self, Wanted};
use crate::body::{self, Body, BodyError};
use crate::fault::{Fault, FaultKind};
use crate::hop_by_hop;
use crate::services::ServedBy;

impl<B: Behind> Gateway<B> {
    /// Answers one request. Never fails: what goes wrong is the answer.
    pub async fn handle<I>(&self, mut request: Request<I>, peer: Peer) -> Response<AccessBody>
    where
        I: HttpBody<Data = Bytes> + Send + Unpin + 'static,
        I::Error: Into<BodyError>,
    {
        let version = request.version();
        let grpc = Dialect::of(request.headers());
        let mut exchange = Exchange::new(self.begin(&mut request), grpc);
        let outcome = self.answer(request, &peer, &mut exchange).await;
        exchange.finish(outcome, version).await
    }

    fn begin<I>(&self, request: &mut Request<I>) -> Tracked {
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

    async fn answer<I>(
        &self,
        mut request: Request<I>,
        peer: &Peer,
        exchange: &mut Exchange,
    ) -> Result<Response<Body>, Problem>
    where
        I: HttpBody<Data = Bytes> + Send + Unpin + 'static,
        I::Error: Into<BodyError>,
    {
        let grpc = exchange.grpc;
        let authority = authority::authority(&request).map_err(Problem::BadHead)?;
        let matched = match self.enter(&request, &authority, exchange) {
            Ok(Entered::Request(matched)) => matched,
            Ok(Entered::Answered(response)) => return Ok(response),
            Err(Problem::NotFound) => return self.builtin(request, grpc).await,
            Err(problem) => return Err(problem),
        };
        let rule = &matched.rule;
        let deadline = exchange.tracked.access.begun + rule.spec.timeout.unwrap_or(self.limits.deadline);
        let origin = Origin::of(peer, request.headers(), &rule.trusted);
        let accepted = admit(rule, &origin, request.headers(), deadline, &mut exchange.told).await?;
        let upgrade = Wanted::take(&mut request, &rule.spec.target);
        prepare(&mut request, &matched, &origin, &authority, accepted.as_ref())?;
        let identity = accepted.map(|accepted| Arc::new(accepted.identity));
        let limit = rule.spec.body_limit.map_or(self.limits.body, |limit| limit.as_u64());
        let (request, cut) = self.limit_body(request, limit)?;
        let access = &mut exchange.tracked.access;
        let asked = Asked {
            behind: &matched.behind,
            rule,
            identity: identity.as_ref(),
            uri: &access.uri,
            authority: &authority,
            deadline,
            request_id: &access.request_id,
            trace: access.trace,
        };
        let result = in_time(deadline, ask(asked, request)).await;
        access.revision =
            result.as_ref().ok().and_then(|response| response.extensions().get()).map(|ServedBy(number)| *number);
        match cut.kind() {
            // whatever the target made of half a body
            Some(kind) => Err(Problem::Fault(Fault::new(kind, "the target read the body to where it was cut off"))),
            None => upgrade::agree(result?, upgrade, &peer.tunnel),
        }
    }

    /// Finds the rule. What a browser asks before a page of another origin may ask is answered here.
    fn enter<I>(
        &self,
        request: &Request<I>,
        authority: &HeaderValue,
        exchange: &mut Exchange,
    ) -> Result<Entered<B>, Problem> {
        let path = CanonicalPath::parse(request.uri().path()).map_err(|error| Problem::BadHead(error.reason()))?;
        let head = Head {
            host: hostname(authority).unwrap_or_default(),
            path: &path,
            method: request.method(),
            headers: request.headers(),
            query: request.uri().query(),
        };
        if let Some(about) = cors::preflight(head.method, head.headers) {
            let rule = self.rule(Head { method: &about, ..head });
            if let Some((rule, cors)) = rule.as_ref().and_then(|rule| Some((rule, rule.spec.chain.cors.as_ref()?))) {
                exchange.enter(rule, head.headers);
                return Ok(Entered::Answered(cors::answer(cors, &about, head.headers)));
            }
        }
        let matched = self.route(head)?;
        exchange.enter(&matched.rule, head.headers);
        Ok(Entered::Request(matched))
    }

    /// What no rule takes may be what every gRPC server answers.
    async fn builtin<I>(&self, request: Request<I>, grpc: Option<Dialect>) -> Result<Response<Body>, Problem>
    where
        I: HttpBody<Data = Bytes> + Send + Unpin + 'static,
        I::Error: Into<BodyError>,
    {
        let builtin = Builtin::of(request.uri(), grpc).ok_or(Problem::NotFound)?;
        let (request, _) = self.limit_body(request, self.limits.body)?;
        Ok(builtin.answer(self.watch(), request).await)
    }

    fn limit_body<I>(&self, request: Request<I>, limit: u64) -> Result<(Request<Body>, Cut), Problem>
    where
        I: HttpBody<Data = Bytes> + Send + Unpin + 'static,
        I::Error: Into<BodyError>,
    {
        let cut = Cut::default();
        if request.body().is_end_stream() {
            return Ok((request.map(|_| body::empty()), cut));
        }
        let announced = request.body().size_hint().lower();
        if announced > limit {
            let detail = format!("a body of {announced} bytes was announced, {limit} are allowed");
            return Err(Problem::Fault(Fault::new(FaultKind::BodyTooLarge, detail)));
        }
        let pace = self.limits.body_pace;
        let request = request.map(|body| LimitedBody::new(body, limit, pace, cut.clone()).boxed_unsync());
        Ok((request, cut))
    }
}

/// What the head of a request has led to.
enum Entered<B> {
    Request(Matched<B>),
    Answered(Response<Body>),
}

/// How often, and who: by address before, so that failed ones count, by what is known of them after.
async fn admit<'a>(
    rule: &'a Rule,
    origin: &Origin,
    headers: &HeaderMap,
    deadline: Instant,
    told: &mut Told,
) -> Result<Option<Accepted<'a>>, Problem> {
    let asking = Asking { address: origin.address, identity: None, headers };
    rule.rate.before(asking, told).map_err(Problem::TooMany)?;
    let accepted = authenticate(rule, headers, deadline).await?;
    let identity = accepted.as_ref().map(|accepted| &accepted.identity);
    rule.rate.after(Asking { identity, ..asking }, told).map_err(Problem::TooMany)?;
    Ok(accepted)
}

/// What the target sees of the head: its own path, no field of the connection, who asks and from where.
fn prepare<I, B>(
    request: &mut Request<I>,
    matched: &Matched<B>,
    origin: &Origin,
    authority: &HeaderValue,
    accepted: Option<&Accepted<'_>>,
) -> Result<(), Problem> {
    let spec = &matched.rule.spec;
    *request.uri_mut() = rewrite(spec, request.uri())?;
    let headers = request.headers_mut();
    hop_by_hop::strip(headers);
    origin.tell(headers, authority.clone());
    auth::forget(headers, &matched.told);
    if let Some(accepted) = accepted {
        accepted.tell(headers);
    }
    spec.chain.request.apply(headers);
    Ok(())
}

/// Asks the target, under its policy if it has one.
async fn ask<B: Behind>(asked: Asked<'_, B>, request: Request<Body>) -> Result<Response<Body>, Problem> {
    match &asked.rule.guard {
        Some(guard) => guard.ask(asked, request).await,
        None => targets::dispatch(asked, &asked.rule.spec.target, request).await,
    }
}

/// A target holds to the deadline itself; this is for one that fails to.
async fn in_time<T>(deadline: Instant, answer: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
    let late = |_| Problem::Fault(Fault::new(FaultKind::Deadline, "the target gave no head by the route's deadline"));
    tokio::time::timeout_at(deadline.into(), answer).await.map_err(late)?
}

/// Who asks, if the rule wants to know.
async fn authenticate<'a>(
    rule: &'a Rule,
    headers: &HeaderMap,
    deadline: Instant,
) -> Result<Option<Accepted<'a>>, Problem> {
    let Some(auth) = &rule.auth else { return Ok(None) };
    auth.authenticate(headers, deadline.into()).await.map(Some).map_err(|denied| match denied {
        Denied::Unknown(challenges) => Problem::Unauthenticated(challenges),
        Denied::Refused(refusal) => Problem::Refused(refusal),
    })
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
