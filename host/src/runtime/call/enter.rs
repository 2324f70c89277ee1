//! How a call runs in the service that is called: with its own permit, instance, limits and unit of
//! work, like an HTTP request.
//!
//! `ok`, or a plain result, commits; `err` discards. A call returns as soon as its commit is
//! visible: whoever lets something of it out of the process waits until it is durable.

use std::sync::Arc;
use std::time::Instant as StdInstant;

use wasmtime::component::ComponentExportIndex;

use super::{CallEntry, Returned};
use crate::fault::{Fault, FaultKind};
use crate::runtime::commit::make_visible;
use crate::runtime::cpu::CpuMeter;
use crate::runtime::invocation::Invocation;
use crate::runtime::pool::Instance;
use crate::runtime::revision::{Revision, Turn};
use crate::runtime::run::{Entered, to_the_end};
use crate::runtime::serve::{RERUNS, classify};
use crate::runtime::value::{MAX_SIZE, Signature, Val, check_size};

/// Runs a call, again if its unit of work met a conflict and it has changed nothing elsewhere.
///
/// # Errors
/// A fault of the service that is called.
pub async fn enter(
    revision: &Arc<Revision>,
    entry: &CallEntry,
    interface: &str,
    wanted: &Signature,
    arguments: &[Val],
) -> Result<Returned, Fault> {
    let index = find(revision, interface, wanted)?;
    let deadline = entry.deadline.min(StdInstant::now() + revision.settings().timeout);
    let mut turn = None;
    for _ in 0..RERUNS {
        let invocation = new_invocation(revision, entry, deadline);
        match attempt(revision, &invocation, &index, wanted, arguments, turn).await {
            Err(fault) if fault.kind == FaultKind::Conflict && invocation.can_run_again() => {}
            other => return other,
        }
        turn = Some(revision.turn(deadline).await?);
    }
    attempt(revision, &new_invocation(revision, entry, deadline), &index, wanted, arguments, turn).await
}

/// The function, if the revision still has it with the types that the caller was linked with.
fn find(revision: &Revision, interface: &str, wanted: &Signature) -> Result<ComponentExportIndex, Fault> {
    let gone = |why: String| Fault::new(FaultKind::NoService, format!("{} {why}", revision.service()));
    let offered = revision
        .offer()
        .function(interface, &wanted.name)
        .ok_or_else(|| gone(format!("has no function {} in {interface} any more", wanted.name)))?;
    match &offered.signature {
        Ok(signature) if **signature == *wanted => Ok(offered.index),
        _ => Err(gone(format!("has another function {} in {interface} now", wanted.name))),
    }
}

fn new_invocation(revision: &Revision, entry: &CallEntry, deadline: StdInstant) -> Arc<Invocation> {
    let cpu = CpuMeter::new(revision.settings().limits.cpu);
    Arc::new(Invocation::for_call(entry, deadline, cpu))
}

async fn attempt(
    revision: &Arc<Revision>,
    invocation: &Arc<Invocation>,
    index: &ComponentExportIndex,
    wanted: &Signature,
    arguments: &[Val],
    turn: Option<Turn>,
) -> Result<Returned, Fault> {
    let mut entered = Entered::new(revision, invocation).await?;
    let mut results = vec![Val::Bool(false); wanted.result.iter().len()];
    let called = call(&mut entered.instance, index, arguments, &mut results);
    let called = to_the_end(revision, invocation, called).await?;
    called.map_err(|error| classify(&mut entered.instance, invocation, &error))?;
    let (staged, _held) = entered.leave(revision, invocation)?;
    check_size(&results, MAX_SIZE).map_err(|error| Fault::new(FaultKind::Limit, format!("its result: {error}")))?;
    let left = !invocation.can_run_again();
    if matches!(results.first(), Some(Val::Result(Err(_)))) {
        return Ok(Returned { results, sequence: staged.highest, changed: left });
    }
    let changed = left || !staged.effects.only_reads();
    let sequence = make_visible(revision.database(), staged, turn).await?;
    Ok(Returned { results, sequence, changed })
}

async fn call(
    instance: &mut Instance,
    index: &ComponentExportIndex,
    arguments: &[Val],
    results: &mut [Val],
) -> wasmtime::Result<()> {
    let Instance { store, exports, .. } = instance;
    let gone = || wasmtime::Error::msg("the instance lacks a function that its component has");
    let function = exports.get_func(&mut *store, index).ok_or_else(gone)?;
    function.call_async(&mut *store, arguments, results).await
}
