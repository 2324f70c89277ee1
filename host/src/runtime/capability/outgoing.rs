//! `wasi:http/outgoing-handler` and `wasi:http/client`: both meet in one hook.
//!
//! Here a request is measured against the grants by its text, takes one of the places of
//! `limits.outgoing`, and is freed of what a guest must not say. Which addresses a granted name
//! may lead to is decided where the connection is made.

use std::sync::Arc;
use std::time::{Duration, Instant};

use holm_registry::grant::named_addresses;
use holm_registry::host::service_label;
use holm_registry::settings::Limit;
use http::{HeaderMap, HeaderName, Request, Response};
use http_body_util::BodyExt;
use tokio::sync::OwnedSemaphorePermit;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use super::request_body::{RequestBody, declared_length};
use crate::body::{Body, BodyError};
use crate::runtime::guest::Island;
use crate::runtime::invocation::Invocation;
use crate::runtime::outbound::{OutboundError, Terms, Upstream};
use crate::telemetry::logs::{LogLevel, LogSource};
use crate::telemetry::trace::TraceContext;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// What `wasi:http` asks the host, for the invocation under way.
pub struct OutgoingHooks {
    pub(in crate::runtime) island: Arc<Island>,
    pub(in crate::runtime) invocation: Option<Arc<Invocation>>,
}

/// Transmission of a body, reported by `wasi:http` to whoever made the message.
type Transmission = Box<dyn Future<Output = Result<(), Error>> + Send>;

/// A request that may leave, and its place among those of `limits.outgoing`.
struct Admitted {
    way: Way,
    request: Request<Body>,
    terms: Terms,
    place: OwnedSemaphorePermit,
}

/// Where a request goes.
enum Way {
    Service(Arc<dyn Upstream>),
    Outside,
}

impl OutgoingHooks {
    /// Hooks for a store without an invocation yet.
    pub fn new(island: Arc<Island>) -> Self {
        Self { island, invocation: None }
    }

    fn admit(&self, request: Request<WasiBody>, options: Option<RequestOptions>) -> Result<Admitted, Error> {
        let invocation = self.invocation.as_ref().ok_or(Error::HttpRequestDenied)?;
        let host = request.uri().host().unwrap_or_default();
        let way = self.granted(&request, host)?;
        let Ok(place) = self.island.outgoing.clone().try_acquire_owned() else {
            let limit = self.island.settings.limits.outgoing;
            self.island.metrics.limit_hit(Limit::Outgoing);
            let why = format!("a request to {host} was denied: limits.outgoing, {limit}, are under way already");
            deny(&self.island, "limit", &why);
            return Err(Error::ConnectionLimitReached);
        };
        let terms = self.terms(invocation, options.unwrap_or_default(), &request)?;
        let (mut head, body) = request.into_parts();
        let body = RequestBody::new(body, declared_length(&head.headers)?)?;
        continue_trace(&mut head.headers, invocation.trace);
        invocation.leaves_island();
        Ok(Admitted { way, request: Request::from_parts(head, body.boxed_unsync()), terms, place })
    }

    /// A service is granted by its name, the outside by URLs.
    fn granted(&self, request: &Request<WasiBody>, host: &str) -> Result<Way, Error> {
        let grants = &self.island.settings.grants;
        let why = match service_label(host) {
            Some(label) => match self.island.upstreams.get(label.as_str()) {
                Some(upstream) => return Ok(Way::Service(upstream.clone())),
                None => format!("a request to the service {label} was denied: grants.services does not name it"),
            },
            None if grants.http.iter().any(|grant| grant.allows(request.method(), request.uri())) => {
                return Ok(Way::Outside);
            }
            None => {
                let method = request.method();
                format!("{method} to {host} was denied: no grant in grants.http covers method, host and path")
            }
        };
        deny(&self.island, "grant", &why);
        Err(Error::HttpRequestDenied)
    }

    fn terms(
        &self,
        invocation: &Invocation,
        options: RequestOptions,
        request: &Request<WasiBody>,
    ) -> Result<Terms, Error> {
        let lineage = invocation.lineage.through(&self.island.service).map_err(|fault| {
            self.island.metrics.limit_hit(Limit::CallDepth);
            deny(&self.island, "depth", &format!("a request was denied: {}", fault.detail));
            Error::LoopDetected
        })?;
        let patience: Duration = self.island.settings.timeout;
        let own = options.first_byte_timeout.and_then(|wait| Instant::now().checked_add(wait));
        Ok(Terms {
            service: self.island.service.clone(),
            lineage,
            request_id: invocation.request_id.clone(),
            correlation: invocation.correlation.clone(),
            trace: invocation.trace,
            deadline: own.map_or(invocation.deadline, |own| own.min(invocation.deadline)),
            pause: options.between_bytes_timeout.map_or(patience, |own| own.min(patience)),
            body_limit: self.island.settings.limits.outgoing_body.as_u64(),
            named: named_addresses(&self.island.settings.grants.http, request.method(), request.uri()),
        })
    }
}

/// What the host takes of a body in one write. It holds up to two of these for each body that
/// nobody reads yet, and a guest may begin as many bodies as it has handles.
const BODY_CHUNK: usize = 32 << 10;

impl WasiHttpHooks for OutgoingHooks {
    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        BODY_CHUNK
    }

    fn p3_outgoing_body_chunk_size(&mut self) -> usize {
        BODY_CHUNK
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _response_transmission: Transmission,
    ) -> Box<dyn Future<Output = Result<(Response<WasiBody>, Transmission), Error>> + Send> {
        let Admitted { way, request, terms, place } = match self.admit(request, options) {
            Ok(admitted) => admitted,
            Err(refusal) => return Box::new(std::future::ready(Err(refusal))),
        };
        let answer = match way {
            Way::Service(upstream) => upstream.http(request, terms),
            Way::Outside => self.island.outbound.http(request, terms),
        };
        let island = self.island.clone();
        Box::new(async move {
            let response = answer.await.map_err(|error| told(&island, error))?;
            let response = response.map(|body| {
                let with_place = move |error| {
                    // the place is free again when the body is gone
                    let _held = &place;
                    body_error(&island, error)
                };
                body.map_err(with_place).boxed_unsync()
            });
            Ok((response, Box::new(std::future::ready(Ok(()))) as Transmission))
        })
    }
}

/// Counts a denied request, and says it in the service's log, within the limit of that.
fn deny(island: &Island, reason: &'static str, why: &str) {
    island.metrics.outgoing.denied(reason);
    island.log.write(LogSource::Host, LogLevel::Warn, "outgoing", why);
}

/// Tells the trace where the request comes from. A guest that traces itself keeps its own step, as
/// long as it stays in the trace.
fn continue_trace(headers: &mut HeaderMap, trace: TraceContext) {
    let mut own = headers.get_all(TRACEPARENT).iter();
    let parsed = own.next().and_then(|value| TraceContext::parse(value.as_bytes()));
    if parsed.is_some_and(|parsed| parsed.trace_id == trace.trace_id) && own.next().is_none() {
        return;
    }
    headers.insert(TRACEPARENT, trace.child().to_header());
    headers.remove(TRACESTATE);
}

fn told(island: &Island, error: OutboundError) -> Error {
    if let OutboundError::Prohibited { .. } = error {
        deny(island, "address", &format!("a request was denied: {error}"));
    } else {
        tracing::debug!(%error, "an outgoing request failed");
    }
    wasi_error(error)
}

/// Also said in the log: what ends a body reaches a guest of WASI 0.2 without its reason.
fn body_error(island: &Island, error: BodyError) -> Error {
    let Ok(error) = error.downcast::<OutboundError>() else { return Error::HttpResponseIncomplete };
    match *error {
        OutboundError::Terminated(_) => Error::HttpResponseIncomplete,
        OutboundError::TooLarge(_) => {
            island.metrics.limit_hit(Limit::OutgoingBody);
            deny(island, "size", &format!("an answer from outside was cut: {error}"));
            wasi_error(*error)
        }
        error => wasi_error(error),
    }
}

fn wasi_error(error: OutboundError) -> Error {
    match error {
        OutboundError::UnknownName(_) => Error::DnsError { rcode: None, info_code: None },
        OutboundError::Prohibited { .. } => Error::DestinationIpProhibited,
        OutboundError::Refused(_) => Error::ConnectionRefused,
        OutboundError::Terminated(_) => Error::ConnectionTerminated,
        OutboundError::Timeout => Error::HttpResponseTimeout,
        OutboundError::Tls(_) => Error::TlsProtocolError,
        OutboundError::Protocol(_) => Error::HttpProtocolError,
        OutboundError::TooLarge(limit) => Error::HttpResponseBodySize(Some(limit)),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_request_leaves_its_trace() {
        let trace = TraceContext::generate();
        let after = |own: &[HeaderValue]| {
            let mut headers: HeaderMap = own.iter().map(|value| (TRACEPARENT, value.clone())).collect();
            headers.insert(TRACESTATE, HeaderValue::from_static("a=b"));
            continue_trace(&mut headers, trace);
            let all: Vec<_> = headers.get_all(TRACEPARENT).iter().collect();
            assert_eq!(all.len(), 1);
            (TraceContext::parse(all[0].as_bytes()).unwrap(), headers.contains_key(TRACESTATE))
        };
        let (made, state) = after(&[]);
        assert!(made.trace_id == trace.trace_id && made.span_id != trace.span_id && !state);
        let step = trace.child();
        assert_eq!(after(&[step.to_header()]), (step, true));
        for foreign in [&[TraceContext::generate().to_header()][..], &[step.to_header(), step.to_header()]] {
            let (made, state) = after(foreign);
            assert!(made.trace_id == trace.trace_id && made != step && !state);
        }
    }
}
