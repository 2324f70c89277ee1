//! What events go over, and who handles them.

use std::sync::Arc;

use holm_registry::table::TableCell;

use super::Opened;
use crate::config::HostConfig;
use crate::events::bus::Bus;
use crate::events::deliver::Enter;
use crate::events::embedded::Retention;
use crate::events::nats::{NatsBus, NatsParts};
use crate::events::{self, Events};
use crate::runtime::Revision;
use crate::services::Services;
use crate::shutdown::Tasks;
use crate::telemetry::Telemetry;

/// What events go over.
pub(super) async fn chosen(
    config: &HostConfig,
    opened: &Opened,
    table: &Arc<TableCell<Revision>>,
    telemetry: &Telemetry,
) -> anyhow::Result<Arc<dyn Bus>> {
    let Some(settings) = &config.nats else {
        NatsBus::leave(&opened.store).await?;
        return Ok(Arc::new(opened.embedded.clone()));
    };
    if !NatsBus::was_on(&opened.store)? {
        opened.embedded.leave().await?;
    }
    let table = Arc::clone(table);
    let granted = move || {
        let table = table.load();
        let services = table.services.values();
        services.flat_map(|revision| revision.settings().grants.publish.iter().cloned()).collect()
    };
    let parts = NatsParts {
        store: opened.store.clone(),
        retention: Retention::default(),
        publishes: Box::new(granted),
        metrics: telemetry.metrics.nats().clone(),
    };
    Ok(Arc::new(NatsBus::open(settings, parts).await?))
}

pub(super) fn events(
    bus: Arc<dyn Bus>,
    opened: &Opened,
    table: &Arc<TableCell<Revision>>,
    telemetry: &Telemetry,
    tasks: &Tasks,
) -> Events {
    let table = Arc::clone(table);
    let enter: Enter = Arc::new(move |service, entry, event| {
        let table = table.load();
        Box::pin(async move { Services::event(&table, &service, &entry, &event).await })
    });
    Events::new(events::Parts {
        bus,
        store: opened.store.clone(),
        enter,
        metrics: telemetry.metrics.clone(),
        tasks: tasks.clone(),
    })
}
