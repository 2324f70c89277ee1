//! Between islands, and off them: the implementation of [`Outbound`].
//!
//! | file | question it answers |
//! | --- | --- |
//! | `line` | how does a typed call reach another service |
//! | `named` | how does a request reach another service by its name |
//! | `outgoing` | how does a granted HTTP request reach the outside |
//! | [`policy`] | is a call made, how long, how often, and what is learnt of its target |

mod line;
mod named;
mod outgoing;
pub mod policy;

use std::sync::Arc;

use holm_registry::ServiceName;
use holm_registry::settings::{CallRules, CallTarget};
use holm_registry::table::TableCell;
use http::Request;

use self::line::ServiceLine;
pub use self::named::{Answered, OutsideServices, classify, judge};
use self::named::{NamedService, Names};
pub use self::outgoing::{Lookup, OutgoingHttp, system_lookup};
use self::policy::Policies;
use crate::body::Body;
use crate::discovery::Discovery;
use crate::runtime::{Answer, Ends, Line, Outbound, Revision, Terms, Upstream};

/// Every way off an island.
pub struct Mesh {
    names: Names,
    outgoing: Arc<OutgoingHttp>,
    policies: Arc<Policies>,
}

impl Mesh {
    /// Services are looked up in `table`, then in `discovery`; names outside with `lookup`.
    pub fn new(table: Arc<TableCell<Revision>>, discovery: Discovery, lookup: Lookup, policies: Arc<Policies>) -> Self {
        let outgoing = Arc::new(OutgoingHttp::new(lookup));
        let outside = OutsideServices::new(discovery, outgoing.clone());
        Self { names: Names { table, outside }, outgoing, policies }
    }

    /// The services that are not Wasm, for doors that lead to them.
    pub fn outside(&self) -> &OutsideServices {
        &self.names.outside
    }
}

impl Outbound for Mesh {
    fn http(&self, request: Request<Body>, terms: Terms) -> Answer {
        self.outgoing.http(request, terms)
    }

    fn line(&self, ends: Ends, rules: CallRules) -> Arc<dyn Line> {
        Arc::new(ServiceLine::new(Arc::clone(&self.names.table), &self.policies, ends, rules))
    }

    fn upstream(&self, caller: &ServiceName, service: &ServiceName, rules: CallRules) -> Arc<dyn Upstream> {
        let policy = self.policies.get(caller, &CallTarget::Upstream(service.clone()), rules);
        Arc::new(NamedService::new(self.names.clone(), service.clone(), policy))
    }
}
