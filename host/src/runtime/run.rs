//! What every entry but an HTTP request does with an instance: take one, run the guest to its end within the
//! deadline, give it back. (The answer of an HTTP request outlives its head: see `serve`.)

use std::pin::pin;
use std::sync::Arc;

use holm_registry::settings::Limit;
use tokio::time::{Instant, timeout_at};

use super::bulkhead::Permit;
use super::cpu::Metered;
use super::invocation::Invocation;
use super::pool::Instance;
use super::revision::{Counted, Revision};
use crate::fault::{Fault, FaultKind};
use crate::state::Staged;

/// The right to run. It is held until the unit of work has ended, so that no more units are under way than
/// invocations.
pub type Held = (Permit, Counted);

/// The right to run, and with what. Whatever goes wrong, dropping it drops the instance with it.
pub struct Entered {
    /// What runs, with the invocation in it.
    pub instance: Instance,
    held: Held,
}

impl Entered {
    /// Waits for a permit and an instance.
    ///
    /// # Errors
    /// Overload; or no instance could be made.
    pub async fn new(revision: &Arc<Revision>, invocation: &Arc<Invocation>) -> Result<Self, Fault> {
        let deadline = Instant::from_std(invocation.deadline);
        let standing = invocation.lineage.standing(revision.service());
        let permit = revision.pool().enter(standing, deadline).await?;
        let counted = revision.begin();
        let mut instance = revision.instance(invocation).await?;
        instance.begin(invocation);
        Ok(Self { instance, held: (permit, counted) })
    }

    /// Ends an invocation whose guest has returned: its instance goes back, and its unit of work is cut.
    ///
    /// # Errors
    /// What has made it fail, whatever the guest returned.
    pub fn leave(self, revision: &Revision, invocation: &Invocation) -> Result<(Staged, Held), Fault> {
        let Self { mut instance, held } = self;
        instance.store.data_mut().leave();
        let staged = invocation.cut();
        revision.pool().give_back(instance);
        match invocation.take_fault() {
            Some(fault) => Err(fault),
            None => Ok((staged, held)),
        }
    }
}

/// Drives a guest to its end: the inner error is the guest's doing, see [`classify`](super::serve::classify).
///
/// # Errors
/// The deadline of the invocation, or of the revision's drain, has passed.
pub async fn to_the_end<T>(
    revision: &Revision,
    invocation: &Invocation,
    guest: impl Future<Output = wasmtime::Result<T>>,
) -> Result<wasmtime::Result<T>, Fault> {
    let guest = pin!(guest);
    let guest = Metered::new(invocation.cpu.clone(), revision.manners(), guest);
    tokio::select! {
        biased;
        ended = timeout_at(Instant::from_std(invocation.deadline), guest) => {
            ended.map_err(|_| late("no result within the deadline").at(Limit::Timeout))
        }
        () = revision.killed() => Err(late("the revision was replaced and its drain deadline has passed")),
    }
}

fn late(detail: &str) -> Fault {
    Fault::new(FaultKind::Deadline, detail)
}
