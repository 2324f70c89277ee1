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
use crate::runtime::value::{ArgumentError, Mismatch, Signature, Val, arguments_from_json, result_to_json};
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

/// A function of a live service, found by its name.
#[derive(Clone, Debug)]
pub struct Function {
    revision: Arc<Revision>,
    interface: String,
    signature: Arc<Signature>,
}

impl Function {
    /// Finds it in a snapshot. Of the interface's name, as much as leaves no choice will do.
    ///
    /// # Errors
    /// [`CallError::NotFound`], with what there is.
    pub fn find(table: &Table, service: &ServiceName, interface: &str, function: &str) -> Result<Self, CallError> {
        let revision = live(table, service)?;
        let of_service = |why: String| CallError::NotFound(format!("{service} exports {why}"));
        let interface = lookup::interface(revision.offer(), interface).map_err(of_service)?.to_owned();
        let signature = lookup::function(revision.offer(), &interface, function).map_err(of_service)?.clone();
        Ok(Self { revision, interface, signature })
    }

    /// Its types.
    pub fn signature(&self) -> &Arc<Signature> {
        &self.signature
    }

    /// The revision that is going to answer.
    pub fn revision(&self) -> u32 {
        self.revision.number()
    }

    /// Reads arguments: an array of all, or an object with their names.
    ///
    /// # Errors
    /// [`CallError::Arguments`].
    pub async fn arguments(&self, json: Value) -> Result<Vec<Val>, CallError> {
        let types = self.signature.clone();
        let arguments = beside_requests(move || arguments_from_json(&json, &types)).await?;
        arguments.map_err(|problem| CallError::Arguments { problem, function: self.signature.to_string() })
    }

    /// Calls it. What that changed is durable when this returns. The service's own timeout may be
    /// sooner than the entry's deadline.
    ///
    /// # Errors
    /// A fault of the service.
    pub async fn call(&self, entry: CallEntry, arguments: &[Val]) -> Result<Option<Val>, Fault> {
        let deadline = entry.deadline.min(Instant::now() + self.revision.settings().timeout);
        let entry = CallEntry { deadline, ..entry };
        self.revision.call_from_outside(&entry, &self.interface, &self.signature, arguments).await
    }

    /// What it gave, as JSON: null, if that is nothing.
    ///
    /// # Errors
    /// When it is of another type, which is our own fault.
    pub async fn to_json(&self, result: Option<Val>) -> Result<Value, CallError> {
        let signature = self.signature.clone();
        Ok(beside_requests(move || result_to_json(result.as_ref(), &signature)).await??)
    }
}

impl Services {
    /// Calls a function of a live service. What that changed is durable when this returns.
    ///
    /// # Errors
    /// Why there is no result.
    pub async fn call(&self, call: TypedCall) -> Result<Called, CallError> {
        let function = Function::find(&self.table(), &call.service, &call.interface, &call.function)?;
        let arguments = function.arguments(call.arguments).await?;
        let (began, own) = (Instant::now(), function.revision.settings().timeout);
        let entry = CallEntry {
            deadline: began + call.timeout.unwrap_or(own),
            request_id: call.request_id,
            correlation: None,
            trace: TraceContext::generate(),
            lineage: Lineage::default(),
        };
        let result = function.call(entry, &arguments).await?;
        let took = began.elapsed();
        let result = function.to_json(result).await?;
        let Function { revision, interface, .. } = function;
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
