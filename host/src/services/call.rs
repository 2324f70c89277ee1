//! A typed call from outside: by an operator, with JSON for values.
//!
//! It enters a service as a call of another service does, with nobody in its lineage. No policy stands between: whoever
//! asks by hand wants to know how the service does, not what a breaker thinks of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use holm_registry::ServiceName;
use holm_registry::nearest::nearest;
use semver::Version;
use serde_json::Value;

use super::lookup::{self, OfferedFunction};
use super::{Services, Table};
use crate::fault::Fault;
use crate::runtime::value::{ArgumentError, Mismatch, arguments_from_json, result_to_json};
use crate::runtime::{CallEntry, Lineage, LoadError, Revision, beside_requests};
use crate::telemetry::trace::TraceContext;

/// What is called, and with what.
#[derive(Clone, Debug)]
pub struct TypedCall {
    /// Whom.
    pub service: ServiceName,
    /// Through which of its interfaces; as much of the name as leaves no choice.
    pub interface: String,
    /// Which function of it.
    pub function: String,
    /// An array of all arguments, or an object with their names.
    pub arguments: Value,
    /// How long it may take; the service's own timeout may be shorter.
    pub timeout: Option<Duration>,
    /// For the logs.
    pub request_id: String,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Called {
    /// The whole name of the interface.
    pub interface: String,
    /// Which revision answered.
    pub revision: u32,
    /// Its version.
    pub version: Version,
    /// What the function gave: null, if nothing.
    pub result: Value,
    /// How long the service took.
    pub took: Duration,
}

/// Why a function was not called, or has not answered.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// There is no such service, interface or function. The text has those that there are.
    #[error("{0}")]
    NotFound(String),
    /// The arguments are none of this function.
    #[error("{problem}\nthe function is {function}")]
    Arguments {
        /// What is wrong, and where.
        problem: ArgumentError,
        /// Its types.
        function: String,
    },
    /// The service was called, and failed.
    #[error("{0}")]
    Fault(#[from] Fault),
    /// The host failed.
    #[error("{0}")]
    Host(String),
}

impl Services {
    /// Calls a function of a live service. What that changed is durable when this returns.
    ///
    /// # Errors
    /// Why there is no result.
    pub async fn call(&self, call: TypedCall) -> Result<Called, CallError> {
        let revision = live(&self.table(), &call.service)?;
        let of_service = |why: String| CallError::NotFound(format!("{} exports {why}", call.service));
        let interface = lookup::interface(revision.offer(), &call.interface).map_err(of_service)?.to_owned();
        let function = lookup::function(revision.offer(), &interface, &call.function).map_err(of_service)?.clone();
        let (json, types) = (call.arguments, function.clone());
        let arguments = beside_requests(move || arguments_from_json(&json, &types)).await?;
        let wrong = |problem| CallError::Arguments { problem, function: function.to_string() };
        let arguments = arguments.map_err(wrong)?;
        let (began, own) = (Instant::now(), revision.settings().timeout);
        let entry = CallEntry {
            deadline: began + call.timeout.map_or(own, |timeout| timeout.min(own)),
            request_id: call.request_id,
            correlation: None,
            trace: TraceContext::generate(),
            lineage: Lineage::default(),
        };
        let result = revision.call_from_outside(&entry, &interface, &function, &arguments).await?;
        let took = began.elapsed();
        let result = beside_requests(move || result_to_json(result.as_ref(), &function)).await??;
        Ok(Called { interface, revision: revision.number(), version: revision.version.clone(), result, took })
    }

    /// The functions that a live service offers to others.
    ///
    /// # Errors
    /// When no such service is live.
    pub fn offered(&self, service: &ServiceName) -> Result<Vec<OfferedFunction>, CallError> {
        Ok(lookup::offered(live(&self.table(), service)?.offer()))
    }
}

fn live(table: &Table, service: &ServiceName) -> Result<Arc<Revision>, CallError> {
    let missing = || {
        let names = || table.services.keys().map(ServiceName::as_str);
        let nearest = nearest(service.as_str(), names()).map(|name| format!("; did you mean `{name}`?"));
        let all = names().collect::<Vec<_>>().join(", ");
        let all = if all.is_empty() { "none is".to_owned() } else { format!("these are: {all}") };
        CallError::NotFound(format!("no service `{service}` is live{}; {all}", nearest.unwrap_or_default()))
    };
    table.services.get(service).cloned().ok_or_else(missing)
}

impl From<LoadError> for CallError {
    fn from(error: LoadError) -> Self {
        Self::Host(error.to_string())
    }
}

impl From<Mismatch> for CallError {
    fn from(error: Mismatch) -> Self {
        Self::Host(error.to_string())
    }
}
