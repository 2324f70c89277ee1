//! Who calls whom, and how it goes: from the policies in force.

use std::sync::Arc;

use holm_registry::ServiceName;
use holm_registry::settings::CallTarget;

use super::{Services, Table};
use crate::mesh::policy::{BreakerState, CallSnapshot};

/// The calls of one service to one target.
#[derive(Clone, Debug)]
pub struct CallLine {
    /// Who is called, as far as that is a service by name.
    pub service: Option<ServiceName>,
    /// How the calls do.
    pub calls: CallSnapshot,
}

impl CallLine {
    /// What is called: `shop:inventory/stock@1.0.0`, or `http://inventory`.
    pub fn target(&self) -> String {
        match &self.calls.target {
            CallTarget::Interface(interface) => interface.to_string(),
            CallTarget::Upstream(name) => format!("http://{name}"),
            CallTarget::Named(name) => name.clone(),
        }
    }
}

impl Services {
    /// All that services may call, by caller and target, whether or not they have done so yet.
    pub fn calls(&self) -> Vec<CallLine> {
        let table = self.table();
        let line = |calls: CallSnapshot| CallLine { service: called(&table, &calls), calls };
        self.0.policies.snapshot().into_iter().map(line).collect()
    }

    /// Brings the numbers of breakers up to date, for who is about to read them.
    pub fn update_metrics(&self) {
        self.0.policies.update_metrics();
    }

    /// The calls of one service whose breaker is not closed.
    pub(super) fn troubled_calls(&self, caller: &ServiceName) -> Vec<CallLine> {
        let is_troubled = |line: &CallLine| line.calls.caller == *caller && line.calls.breaker != BreakerState::Closed;
        self.calls().into_iter().filter(is_troubled).collect()
    }
}

/// An interface is bound when its caller is linked; the name in a URL is the service's own.
fn called(table: &Arc<Table>, calls: &CallSnapshot) -> Option<ServiceName> {
    match &calls.target {
        CallTarget::Upstream(name) => Some(name.clone()),
        CallTarget::Named(_) => None,
        CallTarget::Interface(interface) => {
            let name = interface.to_string();
            let bound = table.services.get(&calls.caller)?.calls();
            bound.iter().find(|bound| bound.interface.name == name).map(|bound| bound.service.clone())
        }
    }
}
