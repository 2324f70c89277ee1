//! How a restarted host brings every service back as it was, from its data directory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use holm_registry::catalog::{RevisionRecord, ServiceRecord};
use holm_registry::route::RouteSpec;
use holm_registry::{Digest, ServiceName};

use super::link::Offers;
use super::publish::{AppTables, Records, records};
use super::{Services, lock};
use crate::runtime::Loaded;

impl Services {
    /// Loads every service's live revision and publishes the first table. A service that
    /// cannot be brought back is reported and stays in the catalog; the others serve.
    pub async fn boot(&self) {
        let catalog = self.0.catalog.lock().await;
        for unreadable in catalog.unreadable() {
            tracing::error!(record = %unreadable.path, reason = %unreadable.reason, "a record of the catalog cannot be read; it is left as it is");
        }
        let records = records(&catalog);
        if catalog.unreadable().is_empty() {
            self.drop_unused(&records);
        }
        let routes: Vec<RouteSpec> = catalog.apps().flat_map(|app| app.routes.clone()).collect();
        let mut fresh = Vec::with_capacity(records.len());
        let offers = Offers::new(&self.table(), self.live_components(&records).await);
        for record in records.values() {
            let Some(live) = record.live_revision() else { continue };
            self.warn_of_unsigned(record, live);
            match self.load(record, live, None, &offers).await {
                Ok(revision) => fresh.push(revision),
                Err(error) => self.not_back(record, &error.to_string()),
            }
        }
        // nobody waits for a start: requests do, in the doors
        let _settled = self.swap(records, fresh, &[], AppTables::new(&catalog, routes));
    }

    /// The components of the services that are to come back, for what they offer. One that cannot offers nothing, and those
    /// that call it are told so.
    async fn live_components(&self, records: &Records) -> BTreeMap<ServiceName, Arc<Loaded>> {
        let mut live_ones = BTreeMap::new();
        for record in records.values() {
            let Some(live) = record.live_revision() else { continue };
            if let Ok(loaded) = self.component(live.digest, None).await {
                live_ones.insert(record.name.clone(), loaded);
            }
        }
        live_ones
    }

    /// Makes the warm instances of all services, after the host serves.
    pub async fn warm_all(&self) {
        for revision in self.table().services.values() {
            if let Err(fault) = revision.warm().await {
                tracing::warn!(service = %revision.service(), %fault, "no instance could be made ahead");
            }
        }
    }

    /// Drops components and compiled code that no kept revision needs. Only at the start: later,
    /// an upload that is not in the catalog yet would look unused.
    fn drop_unused(&self, records: &Records) {
        let used: BTreeSet<Digest> =
            records.values().flat_map(|record| &record.revisions).map(|revision| revision.digest).collect();
        let stored = self.0.artifacts.list().unwrap_or_default();
        for digest in stored.iter().filter(|digest| !used.contains(digest)) {
            if let Err(error) = self.0.artifacts.remove(digest) {
                tracing::warn!(%error, "a component that nobody needs could not be dropped");
            }
        }
        self.0.runtime.forget_compiled(&used);
    }

    /// What was taken once stays live through a restart, also when its key is no longer trusted: a
    /// change of the settings must not end a service. To end it, remove it.
    fn warn_of_unsigned(&self, record: &ServiceRecord, live: &RevisionRecord) {
        let what = format!("{} {}", record.name, live.version);
        if let Err(error) = self.0.required.check_kept(&what, &live.digest, live.signature) {
            tracing::warn!(service = %record.name, "a live component would not be taken any more: {error}");
        }
    }

    fn not_back(&self, record: &ServiceRecord, why: &str) {
        tracing::error!(service = %record.name, why, "a service could not be brought back; deploy it again");
        lock(&self.0.failed).insert(record.name.clone(), why.to_owned());
    }
}
