//! The end of a unit of work: committed as a whole, and durable before anything leaves.

use holm_registry::settings::Limit;
use holm_registry::store::{CommitError, Store, StoreError};

use super::revision::Turn;
use crate::fault::{Fault, FaultKind};
use crate::state::Staged;

/// Commits a unit and waits until what it wrote and what it read are durable. An empty unit
/// costs nothing. `turn` is given back as soon as the unit is visible.
///
/// # Errors
/// A conflict, when something that it read has changed; otherwise the store's own trouble.
pub async fn commit(store: &Store, staged: Staged, turn: Option<Turn>) -> Result<(), Fault> {
    if staged.is_empty() {
        return Ok(());
    }
    let sequence = store.commit(staged.effects).await.map_err(commit_fault)?;
    drop(turn);
    store.durable(staged.highest.max(sequence)).await.map_err(|error| store_fault(&error))
}

fn commit_fault(error: CommitError) -> Fault {
    let kind = match &error {
        CommitError::Conflict(_) => FaultKind::Conflict,
        CommitError::DiskFull { .. } => FaultKind::DiskFull,
        CommitError::TooLarge { .. } => return Fault::over(Limit::Unit, format_args!("was reached: {error}")),
        CommitError::OverQuota(over) => return Fault::over(over.limit, format_args!("was reached: {error}")),
        CommitError::Store(_) => FaultKind::Host,
    };
    Fault::new(kind, error.to_string())
}

fn store_fault(error: &StoreError) -> Fault {
    Fault::new(FaultKind::Host, error.to_string())
}
