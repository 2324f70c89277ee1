//! The way of a granted request to the outside: HTTP/1.1 and HTTP/2, TLS, pooled connections.
//!
//! | file | question it answers |
//! | --- | --- |
//! | `target` | which host is meant, and may it be asked for at all |
//! | `resolve` | at which addresses is it, and which of them may be reached |
//! | `lanes` | which connections may a request use |
//! | `send` | what goes over the wire |
//! | `answer` | how long and how large may an answer be |
//! | `explain` | why is there none |
//!
//! Redirects are not followed and proxies of the environment are not used: a guest reaches what
//! it was granted and nothing else.

mod answer;
mod explain;
mod lanes;
mod resolve;
mod send;
mod target;

#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use holm_registry::ServiceName;
use http::{Request, Response};

use self::lanes::{Lanes, Versions};
pub use self::resolve::{Lookup, system_lookup};
pub(super) use self::target::below;
use crate::body::Body;
use crate::hop_by_hop::Upgrade;
use crate::runtime::{Answer, OutboundError, Terms};

/// Which addresses a request may reach.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Reach {
    /// The open internet, and these, sorted: what the grants of a guest name.
    Granted(Arc<[IpAddr]>),
    /// All: its URL is none of a guest.
    Appointed,
}

impl Reach {
    /// Whether an address may be reached although it is not the open internet.
    fn has(&self, address: &IpAddr) -> bool {
        match self {
            Self::Granted(named) => named.contains(address),
            Self::Appointed => true,
        }
    }
}

/// What an answer may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// When its head is due.
    pub(super) deadline: Instant,
    /// How long its body may pause.
    pub(super) pause: Duration,
    /// How large its body may be, in bytes.
    pub(super) body_limit: u64,
}

impl Bounds {
    /// Those of a guest.
    pub(super) fn of(terms: &Terms) -> Self {
        Self { deadline: terms.deadline, pause: terms.pause, body_limit: terms.body_limit }
    }
}

/// Sends granted requests to the outside.
pub struct OutgoingHttp {
    lanes: Lanes,
}

impl OutgoingHttp {
    /// Without connections yet. Names are looked up with `lookup`.
    pub fn new(lookup: Lookup) -> Self {
        Self { lanes: Lanes::new(lookup) }
    }

    /// Sends a request whose text was granted.
    pub fn http(&self, mut request: Request<Body>, terms: Terms) -> Answer {
        let (reach, bounds) = (Reach::Granted(terms.named.as_slice().into()), Bounds::of(&terms));
        match target::canonical(request.uri(), &reach) {
            Ok(uri) => *request.uri_mut() = uri,
            Err(refused) => return Box::pin(std::future::ready(Err(refused))),
        }
        let client = self.lanes.client(Some(terms.service), reach, Versions::Any);
        Box::pin(send::send(client, request, bounds))
    }

    /// Sends a request to a URL that was checked, over connections of `owner` alone.
    pub(super) async fn send(
        &self,
        request: Request<Body>,
        owner: Option<ServiceName>,
        reach: Reach,
        bounds: Bounds,
    ) -> Result<Response<Body>, OutboundError> {
        let upgrades = request.extensions().get::<Upgrade>().is_some();
        let versions = if upgrades { Versions::Http1 } else { Versions::Any };
        send::send(self.lanes.client(owner, reach, versions), request, bounds).await
    }
}
