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

use http::Request;

use self::lanes::Lanes;
pub use self::resolve::{Lookup, system_lookup};
use crate::body::Body;
use crate::runtime::{Answer, Terms};

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
    pub fn http(&self, request: Request<Body>, terms: Terms) -> Answer {
        let client = self.lanes.client(&terms);
        Box::pin(send::send(client, request, terms))
    }
}
