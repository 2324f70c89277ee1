//! The end of a unit of work: committed as a whole, and durable before anything leaves.

use holm_registry::settings::Limit;
use holm_registry::store::{CommitError, Sequence, Store, StoreError};

use super::revision::Turn;
use crate::fault::{Fault, FaultKind};
use crate::state::Staged;

/// Commits a unit and waits until what it wrote, and what it has seen, are durable. `turn` is given
/// back as soon as the unit is visible.
///
/// # Errors
/// A conflict, when something that it read has changed; otherwise the store's own trouble.
pub async fn commit(store: &Store, staged: Staged, turn: Option<Turn>) -> Result<(), Fault> {
    let sequence = make_visible(store, staged, turn).await?;
    durable(store, sequence).await
}

/// Waits until a commit, and all before it, are on the disk. For [`Sequence::NONE`] nobody waits.
///
/// # Errors
/// The store's own trouble.
pub async fn durable(store: &Store, sequence: Sequence) -> Result<(), Fault> {
    if sequence == Sequence::NONE {
        return Ok(());
    }
    store.durable(sequence).await.map_err(|error| store_fault(&error))
}

/// Commits a unit; on return it is visible, and durable later. The newest commit that it has made or
/// seen. An empty unit costs nothing.
///
/// # Errors
/// As [`commit`].
pub async fn make_visible(store: &Store, staged: Staged, turn: Option<Turn>) -> Result<Sequence, Fault> {
    if staged.is_empty() {
        return Ok(staged.highest);
    }
    let sequence = store.commit(staged.effects).await.map_err(commit_fault)?;
    drop(turn);
    Ok(staged.highest.max(sequence))
}

fn commit_fault(error: CommitError) -> Fault {
    let kind = match &error {
        CommitError::Conflict(_) => FaultKind::Conflict,
        CommitError::DiskFull { .. } => FaultKind::DiskFull,
        CommitError::Backlog { .. } => FaultKind::Backlog,
        CommitError::TooLarge { .. } => return Fault::over(Limit::Unit, format_args!("was reached: {error}")),
        CommitError::OverQuota(over) => return Fault::over(over.limit, format_args!("was reached: {error}")),
        CommitError::Store(_) => FaultKind::Host,
    };
    Fault::new(kind, error.to_string())
}

fn store_fault(error: &StoreError) -> Fault {
    Fault::new(FaultKind::Host, error.to_string())
}
