//! The end of every answer, whoever gives it: the target, or the gateway in its place.

use http::{HeaderValue, Method, Response, Version, header};
use http_body::Body as HttpBody;

use super::access::{AccessBody, Tracked};
use super::headers;
use super::rate::Told;
use super::respond::Problem;
use crate::body::{self, Body};
use crate::hop_by_hop;

/// What becomes known of a request on its way, and belongs into its answer.
pub(super) struct Exchange {
    pub(super) tracked: Tracked,
    /// The limits that it has met.
    pub(super) told: Told,
}

impl Exchange {
    pub(super) fn new(tracked: Tracked) -> Self {
        Self { tracked, told: Told::default() }
    }

    /// The answer, whichever way it went.
    pub(super) fn finish(mut self, outcome: Result<Response<Body>, Problem>, version: Version) -> Response<AccessBody> {
        let mut response = match outcome {
            Ok(response) => from_target(response),
            Err(problem) => self.from_problem(&problem, version),
        };
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

    fn from_problem(&self, problem: &Problem, version: Version) -> Response<Body> {
        let access = &self.tracked.access;
        problem.log(&headers::text(&access.request_id), access.trace);
        let mut response = problem.respond(access.uri.path(), access.trace);
        if problem.leaves_body_unread() && version < Version::HTTP_2 {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// How the connection goes on is not the target's to say, nor what runs here.
fn from_target(mut response: Response<Body>) -> Response<Body> {
    hop_by_hop::strip(response.headers_mut());
    response.headers_mut().remove(header::SERVER);
    response
}

/// The answer to `HEAD`: what `GET` would say of its body, without the body.
fn without_body(mut response: Response<Body>) -> Response<Body> {
    if let Some(length) = response.body().size_hint().exact().filter(|length| *length > 0) {
        response.headers_mut().entry(header::CONTENT_LENGTH).or_insert(HeaderValue::from(length));
    }
    response.map(|_| body::empty())
}
