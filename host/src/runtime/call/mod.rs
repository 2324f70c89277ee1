//! Typed calls: a function that one service exports and another one imports.
//!
//! | file | question it answers |
//! | --- | --- |
//! | `interface` | which functions does a component offer to others, and which does it want of them |
//! | `link` | how an import is bound to a service, and what the calling guest sees of a call |
//! | `enter` | how a call runs in the service that is called |
//!
//! The link is by service, not by revision: which revision answers is decided at each call. Values
//! pass from store to store as they are; nothing is written to bytes.

mod enter;
mod interface;
mod link;

pub use enter::enter;
pub use interface::{Interface, Offer, Offered, compatible, imported, offered};
pub use link::{Link, define};

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use holm_registry::ServiceName;
use holm_registry::settings::CallTarget;
use holm_registry::store::Sequence;

use super::lineage::Lineage;
use super::value::{Signature, Val};
use crate::fault::Fault;
use crate::telemetry::trace::TraceContext;

/// The end of a call that is under way.
pub type Returning<'a> = Pin<Box<dyn Future<Output = Result<Returned, Fault>> + Send + 'a>>;

/// A line from one service to the interface of another: what a link holds for as long as its
/// revision lives.
pub trait Line: Send + Sync {
    /// Calls a function of the interface.
    fn call<'a>(&'a self, function: &'a Arc<Signature>, arguments: &'a [Val], entry: CallEntry) -> Returning<'a>;
}

/// How a call enters a service.
#[derive(Clone, Debug)]
pub struct CallEntry {
    /// When it is due; the service's own timeout may be sooner.
    pub deadline: Instant,
    /// The id of the request from outside that all this is for.
    pub request_id: String,
    /// What that was caused by in its turn, if it was not the beginning.
    pub correlation: Option<Arc<str>>,
    /// Its place in the trace.
    pub trace: TraceContext,
    /// The services that wait for it.
    pub lineage: Lineage,
}

/// What a call came to.
#[derive(Debug)]
pub struct Returned {
    /// What the function gave, if it gives something.
    pub results: Vec<Val>,
    /// The newest commit that it has seen or made: what leaves the process waits until that is
    /// durable.
    pub sequence: Sequence,
    /// It has changed something, so it must not happen a second time unasked.
    pub changed: bool,
}

/// One side of a line.
#[derive(Clone, Debug)]
pub struct Ends {
    /// Who calls.
    pub caller: ServiceName,
    /// Who is called.
    pub service: ServiceName,
    /// Through which interface, as the caller imports it.
    pub interface: String,
    /// The same, as policies are named.
    pub target: CallTarget,
}
