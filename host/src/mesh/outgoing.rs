//! The one HTTP client for the outside: pooled connections, HTTP/1.1 and HTTP/2, TLS.
//!
//! Redirects are not followed and proxies of the environment are not used: a guest reaches
//! what it was granted and nothing else.

use std::error::Error as StdError;
use std::io;
use std::time::{Duration, Instant};

use http::uri::Scheme;
use http::{Request, Response, Uri};
use http_body_util::BodyExt;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::body::Body;
use crate::hop_by_hop;
use crate::runtime::{Answer, Outbound, OutboundError};

/// How long a connection may take; a second SYN is sent after one second, a third after three.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);

/// How long an unused connection is kept: below the 60 s after which common servers hang up.
const IDLE: Duration = Duration::from_secs(30);

/// Unused connections kept for each host.
const IDLE_PER_HOST: usize = 32;

/// Sends granted requests to the outside.
#[derive(Clone)]
pub struct OutgoingHttp {
    client: Client<HttpsConnector<HttpConnector>, Body>,
}

impl OutgoingHttp {
    /// A client without connections yet.
    pub fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let connector = HttpsConnectorBuilder::new()
            .with_webpki_roots()
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(connector);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_PER_HOST)
            .build(connector);
        Self { client }
    }
}

impl Default for OutgoingHttp {
    fn default() -> Self {
        Self::new()
    }
}

impl Outbound for OutgoingHttp {
    fn http(&self, mut request: Request<Body>, deadline: Instant) -> Answer {
        let client = self.client.clone();
        Box::pin(async move {
            check_name(request.uri())?;
            hop_by_hop::strip(request.headers_mut());
            let sent = tokio::time::timeout_at(deadline.into(), client.request(request)).await;
            let response = sent.map_err(|_| OutboundError::Timeout)?.map_err(|error| explain(&error))?;
            Ok(incoming(response))
        })
    }
}

fn incoming(response: Response<hyper::body::Incoming>) -> Response<Body> {
    let mut response = response.map(|body| body.map_err(Into::into).boxed_unsync());
    hop_by_hop::strip(response.headers_mut());
    response
}

/// Names of one label and `*.holm` are names of services: they never reach DNS.
fn check_name(uri: &Uri) -> Result<(), OutboundError> {
    let host = uri.host().unwrap_or_default();
    let service_name = host != "localhost" && !host.contains(['.', ':']) || host.ends_with(".holm");
    let plain_scheme = uri.scheme() == Some(&Scheme::HTTP) || uri.scheme() == Some(&Scheme::HTTPS);
    if host.is_empty() || service_name || !plain_scheme {
        return Err(OutboundError::UnknownName(host.to_owned()));
    }
    Ok(())
}

fn explain(error: &hyper_util::client::legacy::Error) -> OutboundError {
    let text = chain(error);
    if !error.is_connect() {
        return match source::<hyper::Error>(error) {
            Some(hyper) if hyper.is_parse() => OutboundError::Protocol(text),
            _ => OutboundError::Terminated(text),
        };
    }
    match source::<io::Error>(error) {
        Some(io) if io.kind() == io::ErrorKind::TimedOut => OutboundError::Timeout,
        Some(io) if io.kind() == io::ErrorKind::ConnectionRefused => OutboundError::Refused(text),
        _ if text.contains("dns error") => OutboundError::UnknownName(text),
        _ if text.contains("certificate") || text.contains("tls") => OutboundError::Tls(text),
        _ => OutboundError::Refused(text),
    }
}

/// The error and what caused it, the outermost first.
fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

fn source<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    causes(error).find_map(|error| error.downcast_ref())
}

fn chain(error: &(dyn StdError + 'static)) -> String {
    causes(error).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_name_never_reaches_dns() {
        for uri in ["http://inventory/stock", "http://inventory.holm/stock", "ftp://example.com/"] {
            assert!(check_name(&uri.parse().unwrap()).is_err(), "{uri}");
        }
        for uri in ["http://127.0.0.1:9/", "https://example.com/", "http://localhost:1/", "http://[::1]:1/"] {
            assert!(check_name(&uri.parse().unwrap()).is_ok(), "{uri}");
        }
    }
}
