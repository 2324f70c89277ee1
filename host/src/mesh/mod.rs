//! Between islands, and off them: the implementation of [`Outbound`].
//!
//! | file | question it answers |
//! | --- | --- |
//! | `line` | how does a typed call reach another service |
//! | `inside` | how does a request reach another service of this host |
//! | `outgoing` | how does a granted HTTP request reach the outside |
//! | [`policy`] | is a call made, how long, how often, and what is learnt of its target |

mod inside;
mod line;
mod outgoing;
pub mod policy;

use std::sync::Arc;

use holm_registry::host::service_label;
use holm_registry::settings::CallRules;
use holm_registry::table::TableCell;
use http::Request;

use self::line::ServiceLine;
pub use self::outgoing::{Lookup, OutgoingHttp, system_lookup};
use self::policy::Policies;
use crate::body::Body;
use crate::runtime::{Answer, Ends, Line, Outbound, Revision, Terms};

/// Every way off an island.
pub struct Mesh {
    /// Read for each request: a swap of a service changes nothing for those that ask it.
    table: Arc<TableCell<Revision>>,
    outside: OutgoingHttp,
    policies: Arc<Policies>,
}

impl Mesh {
    /// Services are looked up in `table`, names outside with `lookup`.
    pub fn new(table: Arc<TableCell<Revision>>, lookup: Lookup, policies: Arc<Policies>) -> Self {
        Self { table, outside: OutgoingHttp::new(lookup), policies }
    }
}

impl Outbound for Mesh {
    fn http(&self, request: Request<Body>, terms: Terms) -> Answer {
        match service_label(request.uri().host().unwrap_or_default()) {
            Some(label) => Box::pin(inside::ask(self.table.load(), label, request, terms)),
            None => self.outside.http(request, terms),
        }
    }

    fn line(&self, ends: Ends, rules: CallRules) -> Arc<dyn Line> {
        Arc::new(ServiceLine::new(Arc::clone(&self.table), &self.policies, ends, rules))
    }
}
