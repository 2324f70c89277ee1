//! Services, their revisions and routes: kept in the store, seen in memory, with history.
//!
//! | module | holds |
//! | --- | --- |
//! | [`record`](ServiceRecord) | the records, their keys and their format |
//! | [`plan`](Plan) | what a deployment or a rollback does (pure) |
//! | `change` | a set of steps as new records (pure) |
//! | [`numbers`](FieldNumbers) | numbers of fields, given once (pure) |
//!
//! One task owns the [`Catalog`]. A [`Change`] is one commit, whatever it holds: after a crash
//! all of its services and routes are there or none. A record that cannot be read is reported
//! by name, stays in the store as it is and cannot be changed, so that an older binary never
//! destroys what a newer one wrote.

mod change;
mod numbers;
mod plan;
mod record;

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use serde::de::DeserializeOwned;

pub use self::change::{Change, Step};
pub use self::numbers::FieldNumbers;
pub use self::plan::{KEPT_REVISIONS, Plan, PlanError, Wanted};
pub use self::record::{Action, AppRecord, HistoryEntry, RevisionRecord, RevisionState, ServiceRecord};

use self::record::{HISTORY, ROUTES, SERVICES};
use crate::name::ServiceName;
use crate::store::{CommitError, Effects, Key, Record, Sequence, Store, StoreError};

/// Entries of the history that are kept: some months of a busy team, 200 KiB.
pub const KEPT_HISTORY: usize = 1000;

/// Everything that is deployed.
pub struct Catalog {
    store: Store,
    view: View,
    unreadable: Vec<Unreadable>,
    /// What every record that may be changed was last seen as.
    versions: BTreeMap<Key, Sequence>,
}

/// The records as they are, in memory.
#[derive(Clone, Default)]
struct View {
    services: BTreeMap<ServiceName, ServiceRecord>,
    apps: BTreeMap<Key, AppRecord>,
    history: VecDeque<HistoryEntry>,
}

/// A record that this version cannot read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Its name in the catalog, `service/orders`.
    pub path: String,
    /// What is wrong with it.
    pub reason: String,
}

/// Why the catalog cannot be read or changed. Nothing was changed then.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// The step makes no sense for the service.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// There is no service of this name.
    #[error("there is no service {name}; there {}", existing(names))]
    NoSuchService {
        /// What was asked for.
        name: ServiceName,
        /// What there is.
        names: Vec<ServiceName>,
    },
    /// The record was written by another version or is damaged.
    #[error(
        "the record {path} in the catalog cannot be read ({reason}) and is left as it is; use the version of Holm that wrote it"
    )]
    Unreadable {
        /// Its name.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A record cannot be written as JSON.
    #[error("cannot write a record of the catalog: {0}")]
    Encode(#[from] serde_json::Error),
    /// The commit failed.
    #[error("cannot change the catalog: {0}")]
    Commit(#[from] CommitError),
    /// The store failed.
    #[error("cannot keep the catalog: {0}")]
    Store(#[from] StoreError),
}

fn existing(names: &[ServiceName]) -> String {
    match names {
        [] => "are none".to_owned(),
        [one] => format!("is {one}"),
        _ => format!("are {}", names.iter().map(ServiceName::as_str).collect::<Vec<_>>().join(", ")),
    }
}

impl Catalog {
    /// Reads the catalog from the store. Blocks.
    pub fn load(store: Store) -> Result<Self, CatalogError> {
        let mut catalog = Self { store, view: View::default(), unreadable: Vec::new(), versions: BTreeMap::new() };
        for service in catalog.read::<ServiceRecord>(SERVICES)? {
            catalog.view.services.insert(service.name.clone(), service);
        }
        for app in catalog.read::<AppRecord>(ROUTES)? {
            catalog.view.apps.insert(record::routes_key(&app.origin), app);
        }
        catalog.view.history = catalog.read::<HistoryEntry>(HISTORY)?.into();
        Ok(catalog)
    }

    fn read<T: DeserializeOwned>(&mut self, prefix: &str) -> Result<Vec<T>, CatalogError> {
        let mut found = Vec::new();
        for (key, Record { value, version }) in self.store.scan(&Key::catalog(prefix))? {
            match record::decode(&value) {
                Ok(record) => found.push(record),
                Err(reason) => {
                    let path = key.path().unwrap_or_default().to_owned();
                    tracing::error!(path, reason, "a record of the catalog cannot be read and is left as it is");
                    self.unreadable.push(Unreadable { path, reason });
                }
            }
            self.versions.insert(key, version);
        }
        Ok(found)
    }

    /// A service by its name.
    pub fn service(&self, name: &ServiceName) -> Option<&ServiceRecord> {
        self.view.services.get(name)
    }

    /// All services in the order of their names.
    pub fn services(&self) -> impl Iterator<Item = &ServiceRecord> {
        self.view.services.values()
    }

    /// The routes of all manifests and of all services deployed without one.
    pub fn apps(&self) -> impl Iterator<Item = &AppRecord> {
        self.view.apps.values()
    }

    /// What was done, the latest first.
    pub fn history(&self) -> impl Iterator<Item = &HistoryEntry> {
        self.view.history.iter().rev()
    }

    /// Records that this version cannot read, for the health report.
    pub fn unreadable(&self) -> &[Unreadable] {
        &self.unreadable
    }

    /// Makes a set of steps happen together. Answers when they are durable; only then does the
    /// view show them.
    ///
    /// After [`CatalogError::Store`] the change may or may not survive; the store has stopped
    /// then, and a restart tells.
    pub async fn apply(&mut self, change: Change) -> Result<Sequence, CatalogError> {
        let mut next = self.view.clone();
        let writes = next.change(change)?;
        let effects = self.effects(writes)?;
        let keys: Vec<(Key, bool)> = effects.writes.iter().map(|(key, new)| (key.clone(), new.is_some())).collect();
        let sequence = self.store.commit(effects).await?;
        for (key, exists) in keys {
            match exists {
                true => self.versions.insert(key, sequence),
                false => self.versions.remove(&key),
            };
        }
        self.store.durable(sequence).await?;
        self.view = next;
        Ok(sequence)
    }

    /// Writes with a guard on every record: somebody else's change is a conflict, not lost.
    fn effects(&self, writes: BTreeMap<Key, Option<Vec<u8>>>) -> Result<Effects, CatalogError> {
        let mut effects = Effects::default();
        for (key, value) in writes {
            let path = key.path().unwrap_or_default();
            if let Some(bad) = self.unreadable.iter().find(|bad| bad.path == path) {
                let Unreadable { path, reason } = bad.clone();
                return Err(CatalogError::Unreadable { path, reason });
            }
            let seen = self.versions.get(&key).copied().unwrap_or(Sequence::NONE);
            effects.reads.insert(key.clone(), seen);
            effects.writes.insert(key, value.map(Bytes::from));
        }
        Ok(effects)
    }
}
