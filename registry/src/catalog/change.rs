//! A set of steps as new records. Works on a copy of the view, so an error changes nothing.

use std::collections::BTreeMap;

use super::record::{self, Action, AppRecord, HistoryEntry, RevisionRecord, ServiceRecord};
use super::{CatalogError, FieldNumbers, KEPT_HISTORY, View};
use crate::name::ServiceName;
use crate::route::Origin;
use crate::store::Key;

/// Steps that happen together.
#[derive(Clone, Debug)]
pub struct Change {
    /// Milliseconds since 1970, for the history.
    pub at: u64,
    /// In this order; a service may occur more than once.
    pub steps: Vec<Step>,
}

/// One step of a change.
#[derive(Clone, Debug)]
pub enum Step {
    /// A planned revision goes live, of a service that exists or is new.
    Deploy(ServiceName, Box<RevisionRecord>),
    /// Fields of the service have these numbers from now on. Not in the history: it belongs to a deployment.
    Number(ServiceName, FieldNumbers),
    /// A kept revision goes live.
    Rollback(ServiceName, u32),
    /// The service goes with all its revisions. Its routes are steps of their own.
    Remove(ServiceName),
    /// These routes replace those of the same origin.
    Routes(AppRecord),
    /// The routes of this origin go.
    RemoveRoutes(Origin),
}

/// The new bytes of each changed record, `None` for one that goes.
type Writes = BTreeMap<Key, Option<Vec<u8>>>;

impl View {
    /// Changes the view and tells what to write.
    pub(super) fn change(&mut self, change: Change) -> Result<Writes, CatalogError> {
        let mut writes = Writes::new();
        for step in change.steps {
            if let Some(entry) = self.step(step, &mut writes)? {
                self.remember(HistoryEntry { at: change.at, ..entry }, &mut writes)?;
            }
        }
        Ok(writes)
    }

    fn step(&mut self, step: Step, writes: &mut Writes) -> Result<Option<HistoryEntry>, CatalogError> {
        let entry = match step {
            Step::Deploy(name, revision) => {
                let entry = entry(Action::Deploy, name.to_string(), Some(&revision));
                let old = self.services.remove(&name).unwrap_or_else(|| ServiceRecord::new(name));
                self.put_service(old.with_revision(*revision), writes)?;
                entry
            }
            Step::Number(name, numbers) => {
                let service = ServiceRecord { numbers, ..self.existing(&name)?.clone() };
                self.put_service(service, writes)?;
                return Ok(None);
            }
            Step::Rollback(name, to) => {
                let mut service = self.existing(&name)?.clone();
                service.live = Some(service.plan_rollback(Some(to))?);
                let entry = entry(Action::Rollback, name.to_string(), service.live_revision());
                self.put_service(service, writes)?;
                entry
            }
            Step::Remove(name) => {
                self.existing(&name)?;
                self.services.remove(&name);
                writes.insert(record::service_key(&name), None);
                entry(Action::Remove, name.to_string(), None)
            }
            Step::Routes(app) => {
                let key = record::routes_key(&app.origin);
                let entry = entry(Action::Routes, owner(&app.origin), None);
                writes.insert(key.clone(), Some(record::encode(&app)?));
                self.apps.insert(key, app);
                entry
            }
            Step::RemoveRoutes(origin) => {
                let key = record::routes_key(&origin);
                self.apps.remove(&key);
                writes.insert(key, None);
                entry(Action::Routes, owner(&origin), None)
            }
        };
        Ok(Some(entry))
    }

    fn existing(&self, name: &ServiceName) -> Result<&ServiceRecord, CatalogError> {
        self.services.get(name).ok_or_else(|| CatalogError::NoSuchService {
            name: name.clone(),
            names: self.services.keys().cloned().collect(),
        })
    }

    fn put_service(&mut self, service: ServiceRecord, writes: &mut Writes) -> Result<(), CatalogError> {
        writes.insert(record::service_key(&service.name), Some(record::encode(&service)?));
        self.services.insert(service.name.clone(), service);
        Ok(())
    }

    /// Adds an entry to the history and drops the oldest over the limit.
    fn remember(&mut self, entry: HistoryEntry, writes: &mut Writes) -> Result<(), CatalogError> {
        let sequence = self.history.back().map_or(1, |last| last.sequence + 1);
        let entry = HistoryEntry { sequence, ..entry };
        writes.insert(record::history_key(sequence), Some(record::encode(&entry)?));
        self.history.push_back(entry);
        while self.history.len() > KEPT_HISTORY {
            let oldest = self.history.pop_front();
            writes.extend(oldest.map(|entry| (record::history_key(entry.sequence), None)));
        }
        Ok(())
    }
}

/// An entry without time and number.
fn entry(action: Action, service: String, revision: Option<&RevisionRecord>) -> HistoryEntry {
    HistoryEntry {
        at: 0,
        sequence: 0,
        action,
        service,
        revision: revision.map(|revision| revision.number),
        version: revision.map(|revision| revision.version.clone()),
        digest: revision.map(|revision| revision.digest),
    }
}

fn owner(origin: &Origin) -> String {
    match origin {
        Origin::Manifest(name) => name.clone(),
        Origin::Service(name) => name.to_string(),
    }
}
