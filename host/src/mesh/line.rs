//! A typed call's way from one service to another, under its policy.
//!
//! The revision that answers is the one that is live when an attempt is made. What the policy gives
//! up on is answered by the fallback that the manifest names for it, if it names one.

use std::sync::Arc;

use holm_registry::ServiceName;
use holm_registry::settings::{CallRules, Fallback};
use holm_registry::store::Sequence;
use holm_registry::table::TableCell;
use holm_registry::template::Template;

use super::named::classify;
use super::policy::{CallPolicy, Policies, PolicyError};
use crate::fault::{Fault, FaultKind};
use crate::runtime::value::{Signature, Val, from_json, to_json};
use crate::runtime::{CallEntry, Ends, Line, Returned, Returning, Revision};

/// The line between two services.
pub(super) struct ServiceLine {
    table: Arc<TableCell<Revision>>,
    ends: Ends,
    policy: Arc<CallPolicy>,
}

impl ServiceLine {
    /// A line under the policy that its caller has for its target.
    pub(super) fn new(table: Arc<TableCell<Revision>>, policies: &Policies, ends: Ends, rules: CallRules) -> Self {
        let policy = policies.get(&ends.caller, &ends.target, rules);
        Self { table, ends, policy }
    }

    async fn once(
        &self,
        service: &ServiceName,
        function: &Signature,
        arguments: &[Val],
        entry: CallEntry,
    ) -> Result<Returned, Fault> {
        let table = self.table.load();
        let Some(revision) = table.services.get(service).cloned() else {
            return Err(Fault::new(FaultKind::NoService, format!("no revision of {service} is live")));
        };
        drop(table);
        revision.call(&entry, &self.ends.interface, function, arguments).await
    }

    async fn call(&self, function: &Signature, arguments: &[Val], entry: CallEntry) -> Result<Returned, Fault> {
        let repeat = self.policy.repeat(&function.name);
        let attempt = |attempt: super::policy::Attempt| {
            let entry = CallEntry { deadline: attempt.deadline, ..entry.clone() };
            self.once(&self.ends.service, function, arguments, entry)
        };
        let error = match self.policy.run(entry.deadline, repeat, attempt, classify).await {
            Ok(returned) => return Ok(returned),
            Err(error) => error,
        };
        let fallback = error.wants_fallback().then(|| self.policy.rules().fallback_of(&function.name)).flatten();
        let answered = match fallback {
            None => return Err(self.told(function, error)),
            Some(Fallback::Value { value, .. }) => answer(value, function, arguments),
            Some(Fallback::Service { service }) => self.once(service, function, arguments, entry).await,
        };
        self.policy.fell_back();
        answered
    }

    /// A fault of the caller's invocation that says who failed it.
    fn told(&self, function: &Signature, error: PolicyError<Fault>) -> Fault {
        let Ends { service, interface, .. } = &self.ends;
        let what = format!("{service} failed {interface} {}", function.name);
        let kind = match &error {
            PolicyError::Open { .. } | PolicyError::Full => FaultKind::Overload,
            PolicyError::Timeout => FaultKind::Deadline,
            PolicyError::Failed { error, .. } => match error.kind {
                FaultKind::Overload | FaultKind::NoService | FaultKind::Deadline => error.kind,
                _ => FaultKind::Dependency,
            },
        };
        let retry_after = match &error {
            PolicyError::Open { retry_in } => *retry_in,
            PolicyError::Failed { error, .. } => error.retry_after,
            PolicyError::Full | PolicyError::Timeout => None,
        };
        let fault = Fault::new(kind, format!("{what}: {error}"));
        Fault { retry_after: retry_after.or(fault.retry_after), ..fault }
    }
}

impl Line for ServiceLine {
    fn call<'a>(&'a self, function: &'a Arc<Signature>, arguments: &'a [Val], entry: CallEntry) -> Returning<'a> {
        Box::pin(self.call(function, arguments, entry))
    }
}

/// The answer that a template gives for these arguments.
fn answer(template: &Template, function: &Signature, arguments: &[Val]) -> Result<Returned, Fault> {
    let mistake = |why: String| Fault::new(FaultKind::Host, format!("the fallback of {}: {why}", function.name));
    let mut values = serde_json::Map::new();
    for ((name, shape), value) in function.params.iter().zip(arguments) {
        values.insert(name.clone(), to_json(value, shape).map_err(|error| mistake(error.to_string()))?);
    }
    let results = match &function.result {
        None => Vec::new(),
        Some(shape) => {
            let json = template.render(&values).map_err(|error| mistake(error.to_string()))?;
            vec![from_json(&json, shape).map_err(|error| mistake(error.to_string()))?]
        }
    };
    Ok(Returned { results, sequence: Sequence::NONE, changed: false })
}
