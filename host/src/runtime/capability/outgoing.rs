//! `wasi:http/outgoing-handler` and `wasi:http/client`: both meet in one hook.

use std::sync::Arc;
use std::time::Instant;

use http::Request;
use http_body_util::BodyExt;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use crate::runtime::guest::Island;
use crate::runtime::invocation::Invocation;
use crate::runtime::outbound::OutboundError;

/// What `wasi:http` asks the host, for the invocation under way.
pub struct OutgoingHooks {
    pub(in crate::runtime) island: Arc<Island>,
    pub(in crate::runtime) invocation: Option<Arc<Invocation>>,
}

/// Transmission of a body, reported by `wasi:http` to whoever made the message.
type Transmission = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl OutgoingHooks {
    /// Hooks for a store without an invocation yet.
    pub fn new(island: Arc<Island>) -> Self {
        Self { island, invocation: None }
    }

    /// The deadline of a request that is granted.
    fn admit(&self, request: &Request<WasiBody>, options: Option<&RequestOptions>) -> Result<Instant, Error> {
        let invocation = self.invocation.as_ref().ok_or(Error::HttpRequestDenied)?;
        let granted = self.island.settings.grants.http.iter().any(|grant| grant.allows(request.uri()));
        if !granted {
            tracing::info!(
                service = %self.island.service,
                host = request.uri().host().unwrap_or(""),
                "an outgoing request was denied: no grant in grants.http covers it"
            );
            return Err(Error::HttpRequestDenied);
        }
        invocation.leaves_island();
        let own = options.and_then(|options| options.first_byte_timeout).map(|wait| Instant::now() + wait);
        Ok(own.map_or(invocation.deadline, |own| own.min(invocation.deadline)))
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
    ) -> Box<dyn Future<Output = Result<(http::Response<WasiBody>, Transmission), Error>> + Send> {
        let deadline = match self.admit(&request, options.as_ref()) {
            Ok(deadline) => deadline,
            Err(refusal) => return Box::new(std::future::ready(Err(refusal))),
        };
        let request = request.map(|body| body.map_err(Into::into).boxed_unsync());
        let answer = self.island.outbound.http(request, deadline);
        Box::new(async move {
            let response = answer.await.map_err(wasi_error)?;
            let response = response.map(|body| body.map_err(|_| Error::HttpResponseIncomplete).boxed_unsync());
            Ok((response, Box::new(std::future::ready(Ok(()))) as Transmission))
        })
    }
}

fn wasi_error(error: OutboundError) -> Error {
    tracing::debug!(%error, "an outgoing request failed");
    match error {
        OutboundError::UnknownName(_) => Error::DnsError { rcode: None, info_code: None },
        OutboundError::Refused(_) => Error::ConnectionRefused,
        OutboundError::Terminated(_) => Error::ConnectionTerminated,
        OutboundError::Timeout => Error::HttpResponseTimeout,
        OutboundError::Tls(_) => Error::TlsProtocolError,
        OutboundError::Protocol(_) => Error::HttpProtocolError,
    }
}
