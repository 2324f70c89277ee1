//! Events on their way into a guest.
//!
//! | file | question it answers |
//! | --- | --- |
//! | `bindings` | the interfaces, as Rust |
//! | `door` | through which of them a component takes events, and what it says of one |
//! | `enter` | how an event runs in the service that handles it, and the end of its unit of work |
//!
//! What a guest publishes is in `capability/events` and `capability/messaging`.

pub mod bindings;
mod door;
mod enter;
#[cfg(test)]
mod tests;

pub use door::{EventDoor, EventEntrance};
pub use enter::enter;

use std::time::{Duration, Instant};

use holm_registry::store::{Key, Sequence};

use super::lineage::Lineage;
use crate::telemetry::trace::TraceContext;

/// How an event enters a service.
#[derive(Clone, Debug)]
pub struct EventEntry {
    /// When its outcome is due; the service's own timeout may be sooner.
    pub deadline: Instant,
    /// What this delivery is called in logs.
    pub request_id: String,
    /// Its place in the trace of the event.
    pub trace: TraceContext,
    /// The services that wait for it: nobody, as a rule.
    pub lineage: Lineage,
    /// Which delivery this is: 1 for the first.
    pub attempt: u32,
    /// Where the store keeps that the subscription has handled the event, see [`Key::inbox`].
    pub mark: Key,
}

/// What became of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handled {
    /// Its effects and its mark are visible, by this commit or, for what was only read, by an earlier one. The bus
    /// is told when that is durable.
    Acked(Sequence),
    /// It was handled before, durably: the bus is told so again.
    Duplicate,
    /// It is to come again: after that time, if the guest said when, and for that reason, if it said why. Nothing
    /// was committed.
    Retry(Option<Duration>, Option<String>),
    /// It is never to come again, for this reason. Nothing was committed, the mark neither.
    Reject(String),
}
