//! The end of every answer, whoever gives it: the target, or the gateway in its place.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Version, header};
use http_body::Body as HttpBody;

use super::access::{AccessBody, Tracked};
use super::compress::compress;
use super::cors;
use super::grpc::{Dialect, Status, refusal};
use super::headers;
use super::rate::Told;
use super::respond::Problem;
use super::rule::Rule;
use super::upgrade;
use crate::body::{self, Body};
use crate::hop_by_hop;

/// What becomes known of a request on its way, and belongs into its answer.
pub(super) struct Exchange {
    pub(super) tracked: Tracked,
    /// The limits that it has met.
    pub(super) told: Told,
    /// In which words of gRPC a failure is told, if not in those of HTTP.
    pub(super) grpc: Option<Dialect>,
    /// Its rule, once it has one.
    ruled: Option<Ruled>,
}

/// What a rule has to say to the answer, and what of the request decides about it.
struct Ruled {
    rule: Arc<Rule>,
    /// Which page asks.
    origin: Option<HeaderValue>,
    /// How small the answer may be made.
    accepted: Option<HeaderValue>,
}

impl Exchange {
    pub(super) fn new(tracked: Tracked, grpc: Option<Dialect>) -> Self {
        Self { tracked, told: Told::default(), grpc, ruled: None }
    }

    /// The request belongs to this rule.
    pub(super) fn enter(&mut self, rule: &Arc<Rule>, asked: &HeaderMap) {
        let access = &mut self.tracked.access;
        access.route = Some(Arc::clone(&rule.label));
        access.metrics = Arc::clone(&rule.metrics);
        access.service = rule.spec.target.service().cloned();
        let chain = &rule.spec.chain;
        let origin = chain.cors.as_ref().and_then(|_| asked.get(header::ORIGIN).cloned());
        // also for who takes nothing: a cache must be told that others do
        let accepted = asked.get(header::ACCEPT_ENCODING).cloned();
        let accepted = chain.compress.then(|| accepted.unwrap_or(HeaderValue::from_static("identity")));
        self.ruled = Some(Ruled { rule: Arc::clone(rule), origin, accepted });
    }

    /// The answer, whichever way it went.
    pub(super) async fn finish(
        mut self,
        outcome: Result<Response<Body>, Problem>,
        version: Version,
    ) -> Response<AccessBody> {
        let mut response = match outcome {
            Ok(response) => from_target(response),
            Err(problem) => self.explain(&problem, version),
        };
        if let Some(ruled) = self.ruled.take() {
            response = ruled.finish(response).await;
        }
        let access = &mut self.tracked.access;
        if access.method == Method::HEAD {
            response = without_body(response);
        }
        access.status = Some(response.status());
        response.headers_mut().insert(headers::REQUEST_ID_HEADER, access.request_id.clone());
        self.told.tell(response.headers_mut());
        let length = response.headers().get(header::CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
        response.map(|body| AccessBody::new(body, length, self.tracked))
    }

    fn explain(&self, problem: &Problem, version: Version) -> Response<Body> {
        let access = &self.tracked.access;
        problem.log(&headers::text(&access.request_id), access.trace);
        let mut response = match self.grpc {
            Some(dialect) => refusal(dialect, &Status::of(problem)),
            None => problem.respond(access.uri.path(), access.trace),
        };
        if problem.leaves_body_unread() && version < Version::HTTP_2 {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

impl Ruled {
    /// Edits, then who may see it, then its size.
    async fn finish(self, mut response: Response<Body>) -> Response<Body> {
        let chain = &self.rule.spec.chain;
        chain.response.apply(response.headers_mut());
        if let Some(cors) = &chain.cors {
            cors::tell(cors, self.origin.as_ref(), response.headers_mut());
        }
        match self.accepted {
            Some(accepted) => compress(response, accepted).await,
            None => response,
        }
    }
}

/// How the connection goes on is not the target's to say, nor what runs here.
fn from_target(mut response: Response<Body>) -> Response<Body> {
    hop_by_hop::strip(response.headers_mut());
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        upgrade::announce(response.headers_mut());
    }
    response.headers_mut().remove(header::SERVER);
    if !length_holds(&response) {
        response.headers_mut().remove(header::CONTENT_LENGTH);
    }
    response
}

/// Whether the length that a target names is one, and that of its body as far as that is known: what
/// goes over the wire is framed by it. An answer to `HEAD`, and a 304, names what it leaves away.
fn length_holds(response: &Response<Body>) -> bool {
    let mut named = response.headers().get_all(header::CONTENT_LENGTH).iter();
    let (Some(length), rest) = (named.next(), named.next()) else { return true };
    let digits = length.as_bytes().iter().all(u8::is_ascii_digit);
    let length: Option<u64> =
        length.to_str().ok().filter(|_| digits && rest.is_none()).and_then(|text| text.parse().ok());
    let known = response.body().size_hint().exact().filter(|size| *size > 0);
    length.is_some_and(|length| known.is_none_or(|known| known == length))
}

/// The answer to `HEAD`: what `GET` would say of its body, without the body.
fn without_body(mut response: Response<Body>) -> Response<Body> {
    if let Some(length) = response.body().size_hint().exact().filter(|length| *length > 0) {
        response.headers_mut().entry(header::CONTENT_LENGTH).or_insert(HeaderValue::from(length));
    }
    response.map(|_| body::empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_s_word_on_its_length_frames_the_answer() {
        let answer = |lengths: &[&'static str], body: &'static str| {
            let mut response = Response::new(if body.is_empty() { body::empty() } else { body::full(body) });
            for length in lengths {
                response.headers_mut().append(header::CONTENT_LENGTH, HeaderValue::from_static(length));
            }
            from_target(response).headers().contains_key(header::CONTENT_LENGTH)
        };
        assert!(answer(&["5"], "hello") && answer(&["5"], ""));
        for lengths in [&["4"][..], &["6"], &["5", "5"], &["+5"], &["5, 5"], &["0x5"], &[" 5"], &[""], &["-1"]] {
            assert!(!answer(lengths, "hello"), "{lengths:?}");
        }
    }
}
