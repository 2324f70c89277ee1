//! How an import is bound to a service, and what the calling guest sees of a call.
//!
//! A call that fails ends the caller's invocation, with a fault that says which service failed it;
//! a fallback of its policy is what spares it that. The types of the interface are the guests' own:
//! an `err` of a result is theirs, and no fault.

use std::sync::Arc;

use wasmtime::component::{Accessor, Linker, LinkerInstance, Val};
use wasmtime::{AsContextMut, StoreContextMut};

use super::{CallEntry, Interface, Line, Returned};
use crate::fault::{Fault, FaultKind};
use crate::runtime::guest::Guest;
use crate::runtime::invocation::Invocation;
use crate::runtime::value::{MAX_SIZE, Signature, check_size};

/// An imported interface, and the line that it is bound to.
pub struct Link {
    /// What is imported.
    pub interface: Interface,
    /// Where it leads.
    pub line: Arc<dyn Line>,
}

/// Binds the functions of an imported interface to a line.
///
/// # Errors
/// When the linker has an interface of this name already.
pub fn define(linker: &mut Linker<Guest>, link: &Link) -> wasmtime::Result<()> {
    let Link { interface, line } = link;
    let mut instance = linker.instance(&interface.name)?;
    for function in &interface.functions {
        let bound = Bound { line: line.clone(), function: function.clone() };
        if function.is_async { bound.concurrent(&mut instance)? } else { bound.plain(&mut instance)? }
    }
    Ok(())
}

/// One imported function.
#[derive(Clone)]
struct Bound {
    line: Arc<dyn Line>,
    function: Arc<Signature>,
}

impl Bound {
    /// A `func`: the guest stands still until it returns.
    fn plain(self, instance: &mut LinkerInstance<'_, Guest>) -> wasmtime::Result<()> {
        let name = self.function.name.clone();
        instance.func_new_async(&name, move |mut store, _type, arguments, results| {
            let bound = self.clone();
            let leaving = leave(&mut store);
            Box::new(async move {
                let (invocation, entry) = leaving?;
                bound.call(&invocation, entry, arguments, results).await
            })
        })
    }

    /// An `async func`: the guest goes on meanwhile.
    fn concurrent(self, instance: &mut LinkerInstance<'_, Guest>) -> wasmtime::Result<()> {
        let name = self.function.name.clone();
        instance.func_new_concurrent(&name, move |accessor: &Accessor<Guest>, _type, arguments, results| {
            let bound = self.clone();
            Box::pin(async move {
                let (invocation, entry) = accessor.with(|mut access| leave(&mut access.as_context_mut()))?;
                bound.call(&invocation, entry, arguments, results).await
            })
        })
    }

    async fn call(
        &self,
        invocation: &Invocation,
        entry: CallEntry,
        arguments: &[Val],
        results: &mut [Val],
    ) -> wasmtime::Result<()> {
        let too_large =
            |error| failed(invocation, Fault::new(FaultKind::Limit, format!("{}: {error}", self.function.name)));
        check_size(arguments, MAX_SIZE).map_err(too_large)?;
        let returned = self.line.call(&self.function, arguments, entry).await;
        let Returned { results: given, sequence, changed } = returned.map_err(|fault| failed(invocation, fault))?;
        invocation.unit().depends_on(sequence);
        if changed {
            invocation.leaves_island();
        }
        for (slot, value) in results.iter_mut().zip(given) {
            *slot = value;
        }
        Ok(())
    }
}

/// Who calls, and under which terms.
fn leave(store: &mut StoreContextMut<'_, Guest>) -> wasmtime::Result<(Arc<Invocation>, CallEntry)> {
    let guest = store.data();
    let invocation = guest.invocation().cloned();
    let invocation = invocation.ok_or_else(|| wasmtime::Error::msg("a service calls another one while it starts"))?;
    let lineage = invocation.lineage.through(&guest.island().service).map_err(|fault| failed(&invocation, fault))?;
    let entry = CallEntry {
        deadline: invocation.deadline,
        request_id: invocation.request_id.clone(),
        correlation: invocation.correlation.clone(),
        trace: invocation.trace.child(),
        lineage,
    };
    Ok((invocation, entry))
}

/// Ends the caller's invocation with this fault.
fn failed(invocation: &Invocation, fault: Fault) -> wasmtime::Error {
    let error = wasmtime::Error::msg(fault.to_string());
    invocation.fail(fault);
    error
}
