//! How an event runs in the service that handles it: with its own permit, instance, limits and unit of work, like a
//! typed call.
//!
//! The mark that the subscription has handled the event is part of the unit: it is read before the guest runs and
//! written when it acknowledges. So of two deliveries of one event, on whatever connections and after whatever
//! crash, one commits, and the other finds the mark or a conflict, and then the mark.

use std::sync::Arc;
use std::time::Instant;

use holm_registry::event::Event;
use holm_registry::store::{Effects, StoreError};

use super::door::Said;
use super::{EventEntry, Handled, mark};
use crate::fault::{Fault, FaultKind};
use crate::runtime::commit::make_visible;
use crate::runtime::cpu::CpuMeter;
use crate::runtime::invocation::Invocation;
use crate::runtime::pool::Instance;
use crate::runtime::revision::{Revision, Turn};
use crate::runtime::run::{Entered, to_the_end};
use crate::runtime::serve::{RERUNS, classify};
use crate::state::{Refused, Staged};
use crate::telemetry::logs::LogLevel;

/// Runs an event, again if its unit of work met a conflict and nothing has left the island.
///
/// # Errors
/// A fault of the service that handles it, or of the host: the event is to come again.
pub async fn enter(revision: &Arc<Revision>, entry: &EventEntry, event: &Event) -> Result<Handled, Fault> {
    let deadline = entry.deadline.min(Instant::now() + revision.settings().timeout);
    let mut turn = None;
    for _ in 0..RERUNS {
        let invocation = new_invocation(revision, entry, deadline);
        match attempt(revision, &invocation, entry, event, turn).await {
            Err(fault) if fault.kind == FaultKind::Conflict && invocation.can_run_again() => {}
            other => return other,
        }
        turn = Some(revision.turn(deadline).await?);
    }
    attempt(revision, &new_invocation(revision, entry, deadline), entry, event, turn).await
}

fn new_invocation(revision: &Revision, entry: &EventEntry, deadline: Instant) -> Arc<Invocation> {
    let cpu = CpuMeter::new(revision.settings().limits.cpu);
    Arc::new(Invocation::for_event(entry, deadline, cpu))
}

async fn attempt(
    revision: &Arc<Revision>,
    invocation: &Arc<Invocation>,
    entry: &EventEntry,
    event: &Event,
    turn: Option<Turn>,
) -> Result<Handled, Fault> {
    if was_handled(revision, invocation, entry).await? {
        return Ok(Handled::Duplicate);
    }
    let mut entered = Entered::new(revision, invocation).await?;
    let Instance { store, events, .. } = &mut entered.instance;
    let Some(entrance) = events else {
        return Err(Fault::new(FaultKind::NoService, format!("{} exports no handler of events", revision.service())));
    };
    let said = to_the_end(revision, invocation, entrance.handle(store, event, entry.attempt)).await?;
    let said = said.map_err(|error| classify(&mut entered.instance, invocation, &error))?;
    let (mut staged, _held) = entered.leave(revision, invocation)?;
    match said {
        Said::Ack => {
            staged.effects.writes.insert(entry.mark.clone(), Some(mark()));
            Ok(Handled::Acked(make_visible(revision.database(), staged, turn).await?))
        }
        Said::Retry(after, why) => {
            if let Some(why) = why {
                revision.log(LogLevel::Warn, "event", &why);
            }
            Ok(Handled::Retry(after))
        }
        Said::Reject(why) => {
            // for good, so it must not rest upon what was never true: what it has read is validated
            make_visible(revision.database(), only_reads(staged), turn).await?;
            Ok(Handled::Reject(why))
        }
    }
}

/// Reads the mark into the unit. One that is there is waited for until it is durable: the bus forgets the event
/// when it is told so.
async fn was_handled(revision: &Revision, invocation: &Invocation, entry: &EventEntry) -> Result<bool, Fault> {
    let store = revision.database();
    let handled = invocation.unit().get(store, entry.mark.clone()).map_err(|refused| unreadable(&refused))?;
    if handled.is_none() {
        return Ok(false);
    }
    let seen = invocation.cut().highest;
    store.durable(seen).await.map_err(|error: StoreError| unreadable(&error.into()))?;
    Ok(true)
}

fn unreadable(refused: &Refused) -> Fault {
    Fault::new(FaultKind::Host, refused.to_string())
}

fn only_reads(staged: Staged) -> Staged {
    let Effects { reads, keysets, .. } = staged.effects;
    Staged { effects: Effects { reads, keysets, ..Effects::default() }, highest: staged.highest }
}
