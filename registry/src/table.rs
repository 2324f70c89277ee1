//! The service table: the snapshot that every door reads to pick a revision.
//!
//! The table is immutable and swapped as a whole, so a request sees either the old set of
//! revisions and routes or the new one, never a mixture. Everybody may read it; only the
//! supervisor in `services/` writes it.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::discovery::external::External;
use crate::gateway::GatewaySettings;
use crate::name::ServiceName;
use crate::route::{Origin, RouteSpec};

/// One snapshot. `L` is what a door needs to enter a live revision; the registry does not
/// look into it.
#[derive(Debug)]
pub struct Table<L> {
    /// The live revision of every service.
    pub services: BTreeMap<ServiceName, Arc<L>>,
    /// All gateway rules, of manifests and of services deployed without one.
    pub routes: Arc<Vec<RouteSpec>>,
    /// What they refer to by name, by the owner of the rules.
    pub gateway: Arc<BTreeMap<Origin, GatewaySettings>>,
    /// All services that are not Wasm, each with the app whose manifest names it.
    pub externals: Arc<Vec<(String, External)>>,
}

impl<L> Table<L> {
    /// A table with no service and no route.
    pub fn empty() -> Self {
        Self { services: BTreeMap::new(), routes: Arc::default(), gateway: Arc::default(), externals: Arc::default() }
    }
}

/// The one place where the current snapshot lies.
#[derive(Debug)]
pub struct TableCell<L>(ArcSwap<Table<L>>);

impl<L> TableCell<L> {
    /// Starts with an empty table.
    pub fn new() -> Self {
        Self(ArcSwap::from_pointee(Table::empty()))
    }

    /// The current snapshot. Hold it for one request, not longer.
    pub fn load(&self) -> Arc<Table<L>> {
        self.0.load_full()
    }

    /// Publishes a new snapshot.
    pub fn store(&self, table: Table<L>) {
        self.0.store(Arc::new(table));
    }
}

impl<L> Default for TableCell<L> {
    fn default() -> Self {
        Self::new()
    }
}
