//! How an event runs in the service that handles it: with its own permit, instance, limits and unit of work, like a
//! typed call.
//!
//! The mark that the subscription has handled the event is part of the unit. So of two deliveries of one event, on
//! whatever connections and after whatever crash, one commits; the other finds the mark, or a conflict and then the
//! mark.

use std::sync::Arc;
use std::time::Instant;

use holm_registry::event::Event;
use holm_registry::settings::Limit;
use holm_registry::store::{Effects, Key, Store, StoreError};

use super::door::Said;
use super::{EventEntry, Handled};
use crate::fault::{Fault, FaultKind};
use crate::runtime::commit::make_visible;
use crate::runtime::cpu::CpuMeter;
use crate::runtime::invocation::Invocation;
use crate::runtime::pool::Instance;
use crate::runtime::revision::{Revision, Turn};
use crate::runtime::run::{Entered, to_the_end};
use crate::runtime::serve::{RERUNS, classify};
use crate::state::{Refused, Staged};
use crate::telemetry::now_ms;

/// Runs an event, again if its unit of work met a conflict and nothing has left the island.
///
/// # Errors
/// A fault of the service that handles it, or of the host: the event is to come again.
pub async fn enter(revision: &Arc<Revision>, entry: &EventEntry, event: &Event) -> Result<Handled, Fault> {
    let deadline = entry.deadline.min(Instant::now() + revision.settings().timeout);
    let mut turn = None;
    for _ in 0..RERUNS {
        let invocation = new_invocation(revision, entry, event, deadline);
        match attempt(revision, &invocation, entry, event, turn).await {
            Err(fault) if fault.kind == FaultKind::Conflict && invocation.can_run_again() => {}
            other => return other,
        }
        turn = Some(revision.turn(deadline).await?);
    }
    attempt(revision, &new_invocation(revision, entry, event, deadline), entry, event, turn).await
}

fn new_invocation(revision: &Revision, entry: &EventEntry, event: &Event, deadline: Instant) -> Arc<Invocation> {
    let cpu = CpuMeter::new(revision.settings().limits.cpu);
    Arc::new(Invocation::for_event(entry, event, deadline, cpu))
}

async fn attempt(
    revision: &Arc<Revision>,
    invocation: &Arc<Invocation>,
    entry: &EventEntry,
    event: &Event,
    turn: Option<Turn>,
) -> Result<Handled, Fault> {
    if was_handled(revision.database(), &entry.mark).await? {
        return Ok(Handled::Duplicate);
    }
    let too_large = |refused: Refused| Fault::over(Limit::Unit, format_args!("was reached: {refused}"));
    invocation.unit().mark(entry.mark.clone(), now_ms()).map_err(too_large)?;
    let mut entered = Entered::new(revision, invocation).await?;
    let Instance { store, events, .. } = &mut entered.instance;
    let Some(entrance) = events else {
        return Err(Fault::new(FaultKind::NoService, format!("{} exports no handler of events", revision.service())));
    };
    let said = to_the_end(revision, invocation, entrance.handle(store, event, entry.attempt)).await?;
    let said = said.map_err(|error| classify(&mut entered.instance, invocation, &error))?;
    let (staged, _held) = entered.leave(revision, invocation)?;
    match said {
        Said::Ack => Ok(Handled::Acked(make_visible(revision.database(), staged, turn).await?)),
        Said::Retry(after, why) => Ok(Handled::Retry(after, why)),
        Said::Reject(why) => {
            // for good, so it must not rest upon what was never true: what it has read is validated
            make_visible(revision.database(), only_reads(staged), turn).await?;
            Ok(Handled::Reject(why))
        }
    }
}

/// One that is marked as handled is waited for until that is durable: the bus forgets it when it is told so.
async fn was_handled(store: &Store, mark: &Key) -> Result<bool, Fault> {
    let broken = |error: StoreError| Fault::new(FaultKind::Host, error.to_string());
    let Some(record) = store.get(mark).map_err(broken)? else { return Ok(false) };
    store.durable(record.version).await.map_err(broken)?;
    Ok(true)
}

fn only_reads(staged: Staged) -> Staged {
    let Effects { reads, keysets, .. } = staged.effects;
    Staged { effects: Effects { reads, keysets, ..Effects::default() }, highest: staged.highest }
}
