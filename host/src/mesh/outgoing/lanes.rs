//! Which connections a request may use.
//!
//! Connections are kept for reuse in lanes, one for each service and each set of addresses inside
//! that it may reach; the gateway has one of its own. So no service goes on where another one has
//! begun, whatever is left on the wire; and none comes by a pooled connection to an address that its
//! own grants do not name.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use holm_registry::ServiceName;
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;
use rustls::client::Resumption;
use tokio::sync::Semaphore;

use super::Reach;
use super::resolve::{LOOKUPS_OF_ONE, Lookup, Resolver};
use crate::body::Body;

/// How long a connection may take; a second SYN is sent after one second, a third after three.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);

/// How long an unused connection is kept: below the 60 s after which common servers hang up.
const IDLE: Duration = Duration::from_secs(30);

/// Unused connections kept for each host of a lane.
const IDLE_PER_HOST: usize = 32;

/// Bytes of an answer's head, and about what is read ahead of a slow guest: servers send 16 KiB at
/// most in practice. Without a bound it would be 400 KiB for each connection.
pub(super) const HEAD: usize = 64 << 10;

/// Header fields of an answer: hyper's own number, said here so that both protocols keep to one
/// bound of the head.
const FIELDS: usize = 100;

/// TLS sessions that a lane remembers: one for each of a few hosts, at some kilobytes each.
const SESSIONS: usize = 16;

/// Sends requests over the connections of one lane.
pub(super) type Client = legacy::Client<HttpsConnector<HttpConnector<Resolver>>, Body>;

/// All lanes.
pub(super) struct Lanes {
    lookup: Lookup,
    /// Whom we trust outside: read once, since there are some hundred certificates.
    tls: ClientConfig,
    lanes: Mutex<HashMap<Key, Lane>>,
}

/// No service: the gateway.
type Key = (Option<ServiceName>, Reach, Versions);

/// What may be spoken over the connections of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Versions {
    /// Whichever the server likes best.
    Any,
    /// HTTP/1.1 alone, which can become something else.
    Http1,
}

struct Lane {
    client: Client,
    used: Instant,
}

impl Lanes {
    /// Without any lane yet.
    pub(super) fn new(lookup: Lookup) -> Self {
        let tls = ClientConfig::builder().with_webpki_roots().with_no_client_auth();
        Self { lookup, tls, lanes: Mutex::default() }
    }

    /// The client for a request of a service.
    pub(super) fn client(&self, owner: Option<ServiceName>, reach: Reach, versions: Versions) -> Client {
        let now = Instant::now();
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (owner, reach, versions);
        if let Some(lane) = lanes.get_mut(&key) {
            lane.used = now;
            return lane.client.clone();
        }
        // what has been unused for longer has no connection any more; a request under way has its
        // own handle on its client
        lanes.retain(|_, lane| now.saturating_duration_since(lane.used) < IDLE);
        let client = self.open(key.1.clone(), versions);
        lanes.insert(key, Lane { client: client.clone(), used: now });
        client
    }

    fn open(&self, reach: Reach, versions: Versions) -> Client {
        let resolver = Resolver::new(self.lookup.clone(), Arc::new(Semaphore::new(LOOKUPS_OF_ONE)), reach);
        // what a lane remembers of a server stays in the lane, too
        let mut tls = self.tls.clone();
        tls.resumption = Resumption::in_memory_sessions(SESSIONS);
        let mut connector = HttpConnector::new_with_resolver(resolver);
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let builder = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http();
        let connector = match versions {
            Versions::Any => builder.enable_all_versions().wrap_connector(connector),
            Versions::Http1 => builder.enable_http1().wrap_connector(connector),
        };
        legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_PER_HOST)
            .http1_max_buf_size(HEAD)
            .http1_max_headers(FIELDS)
            .http2_max_header_list_size(u32::try_from(HEAD).unwrap_or(u32::MAX))
            .build(connector)
    }
}
