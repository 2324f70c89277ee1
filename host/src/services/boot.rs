//! How a restarted host brings every service back as it was, from its data directory.

use holm_registry::catalog::ServiceRecord;
use holm_registry::route::RouteSpec;

use super::publish::records;
use super::{Services, lock};

impl Services {
    /// Loads every service's live revision and publishes the first table. A service that
    /// cannot be brought back is reported and stays in the catalog; the others serve.
    pub async fn boot(&self) {
        let catalog = self.0.catalog.lock().await;
        for unreadable in catalog.unreadable() {
            tracing::error!(record = %unreadable.path, reason = %unreadable.reason, "a record of the catalog cannot be read; it is left as it is");
        }
        let records = records(&catalog);
        let routes: Vec<RouteSpec> = catalog.apps().flat_map(|app| app.routes.clone()).collect();
        let mut fresh = Vec::with_capacity(records.len());
        for record in records.values() {
            let Some(live) = record.live_revision() else { continue };
            match self.load(record, live, None).await {
                Ok(revision) => fresh.push(revision),
                Err(error) => self.not_back(record, &error.to_string()),
            }
        }
        self.swap(records, fresh, &[], routes);
    }

    /// Makes the warm instances of all services, after the host serves.
    pub async fn warm_all(&self) {
        for revision in self.table().services.values() {
            if let Err(fault) = revision.warm().await {
                tracing::warn!(service = %revision.service(), %fault, "no instance could be made ahead");
            }
        }
    }

    fn not_back(&self, record: &ServiceRecord, why: &str) {
        tracing::error!(service = %record.name, why, "a service could not be brought back; deploy it again");
        lock(&self.0.failed).insert(record.name.clone(), why.to_owned());
    }
}
