//! The services of this host: deployed, live, draining.
//!
//! | file | question it answers |
//! | --- | --- |
//! | `api` | what the doors and the admin API may ask for, and what they get |
//! | `callers` | who calls whom, and how does it go |
//! | `call`, `lookup` | how does somebody outside call a function, and which one is meant |
//! | `examine` | would the services of a manifest be taken, and whom does a component need |
//! | `kept` | which settings a component has that comes without any (pure) |
//! | `externals` | which names lead to services that are not Wasm (pure) |
//! | `functions` | do the rules that lead to functions find them |
//! | `grpc` | which services answer over gRPC, and with what |
//! | `gateway` | does what a manifest says for the gateway make sense |
//! | `lifecycle` | what a deployment, a rollback or a removal changes (pure) |
//! | `link` | which service answers an import, and whom a change would break |
//! | `prepare` | is a new revision fit to serve: compiled, linked, warm, well |
//! | `stand_in` | does what is said about calls fit what is called |
//! | `vouch` | who vouches for a component, and is that enough here (pure) |
//! | `warnings` | what is probably a mistake, although it is deployed |
//! | `publish` | the one place that changes the catalog and swaps the table |
//! | `boot` | how a restarted host brings every service back |
//! | `health` | is what is live still well |
//! | this one | the handle that everybody else holds |
//!
//! ```text
//!            prepare                 publish                   drain
//! uploaded ──────────▶ ready to serve ───────▶ live ─────────▶ draining ──▶ kept
//!     │ refused: nothing has changed           ▲                             │
//!     ▼                                        └──────── rollback ───────────┘
//! ```
//!
//! Deployments of one service take turns; those of different services do not wait for each
//! other's compiler.

mod api;
mod boot;
mod call;
mod callers;
mod examine;
mod externals;
mod functions;
mod gateway;
mod grpc;
mod health;
mod kept;
mod lifecycle;
mod link;
mod lookup;
mod prepare;
mod publish;
mod stand_in;
mod vouch;
mod warnings;

pub use api::{
    AppSet, DeployComponent, DeployError, DeployOne, DeploySet, DeploySettings, Deployed, EventEntry, Handled,
    HttpEntry, ImportLine, Inspection, LimitLine, Lineage, RevisionStatus, ServedBy, ServiceInspection, ServiceStatus,
};

pub use crate::runtime::CallEntry;
pub use crate::runtime::value;
pub use call::{CallError, Called, Function, TypedCall};
pub use callers::CallLine;
pub use examine::{Candidate, examine};
pub use functions::{Described, Operation, describe};
pub use gateway::CheckGateway;
pub use grpc::{Answering, GrpcServices};
pub use lookup::OfferedFunction;
pub use vouch::Required;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use bytes::Bytes;
use futures::future::BoxFuture;
use holm_registry::artifact::Artifacts;
use holm_registry::catalog::{Catalog, RevisionState, ServiceRecord};
use holm_registry::event::Event;
use holm_registry::gateway::GatewaySettings;
use holm_registry::route::{Origin, RouteSpec};
use holm_registry::table::TableCell;
use holm_registry::{Digest, ServiceName};
use http::{Request, Response};
use tokio::sync::OwnedMutexGuard;

use crate::body::Body;
use crate::fault::{Fault, FaultKind};
use crate::mesh::policy::Policies;
use crate::runtime::{LoadError, Revision, Runtime, beside_requests};
use crate::shutdown::Tasks;
use crate::telemetry::Telemetry;

/// The snapshot that doors read.
pub type Table = holm_registry::table::Table<Revision>;

/// Told of every new table, before the old revisions begin to drain. Who has made the change waits for what it
/// answers with before he says that it is done.
pub type OnSwap = Box<dyn Fn(&Arc<Table>) -> Settled + Send + Sync>;

/// Ends when a new table is what everybody goes by, or that takes too long.
pub type Settled = BoxFuture<'static, ()>;

/// How often idle instances are looked at.
const SWEEP: Duration = Duration::from_secs(1);

/// How often expired answers are removed. They count for what a service keeps, for no more than this beyond their
/// day; looking for them reads all of them.
const FORGET: Duration = Duration::from_secs(60 * 60);

/// What the services are built from.
pub struct Parts {
    /// Makes revisions.
    pub runtime: Runtime,
    /// Component bytes.
    pub artifacts: Artifacts,
    /// Services and revisions, kept.
    pub catalog: Catalog,
    /// Logs and numbers.
    pub telemetry: Telemetry,
    /// Background work.
    pub tasks: Tasks,
    /// Where the table is published.
    pub table: Arc<TableCell<Revision>>,
    /// What calls from service to service go by.
    pub policies: Arc<Policies>,
    /// Largest component, in bytes.
    pub component_limit: u64,
    /// Whose signatures components need.
    pub required: Required,
    /// How long a replaced revision may finish what it has begun.
    pub drain: Duration,
    /// Whether the gateway can build what its rules share.
    pub check_gateway: CheckGateway,
}

/// The handle. Cheap to clone.
#[derive(Clone)]
pub struct Services(Arc<Shared>);

struct Shared {
    runtime: Runtime,
    artifacts: Arc<Artifacts>,
    telemetry: Telemetry,
    tasks: Tasks,
    component_limit: u64,
    required: Required,
    drain: Duration,
    check_gateway: CheckGateway,
    table: Arc<TableCell<Revision>>,
    policies: Arc<Policies>,
    on_swap: OnSwap,
    catalog: tokio::sync::Mutex<Catalog>,
    /// The catalog's services as they are now, for readers.
    records: ArcSwap<publish::Records>,
    /// Services that a restart could not bring back, and why.
    failed: Mutex<BTreeMap<ServiceName, String>>,
    draining: Mutex<Vec<(ServiceName, u32)>>,
    turns: Mutex<BTreeMap<ServiceName, Arc<tokio::sync::Mutex<()>>>>,
}

impl Services {
    /// Services that are not booted yet: the table is empty.
    pub fn new(parts: Parts, on_swap: OnSwap) -> Self {
        Self(Arc::new(Shared {
            runtime: parts.runtime,
            artifacts: Arc::new(parts.artifacts),
            telemetry: parts.telemetry,
            tasks: parts.tasks,
            component_limit: parts.component_limit,
            required: parts.required,
            drain: parts.drain,
            check_gateway: parts.check_gateway,
            table: parts.table,
            policies: parts.policies,
            on_swap,
            catalog: tokio::sync::Mutex::new(parts.catalog),
            records: ArcSwap::default(),
            failed: Mutex::default(),
            draining: Mutex::default(),
            turns: Mutex::default(),
        }))
    }

    /// Enters a service of a snapshot with an HTTP request.
    ///
    /// # Errors
    /// A fault of the invocation, or that the service is not live.
    pub async fn http(table: &Table, entry: &HttpEntry, request: Request<Body>) -> Result<Response<Body>, Fault> {
        let revision = table.services.get(&entry.service).ok_or_else(|| not_live(&entry.service))?;
        let mut response = revision.http(entry, request).await?;
        response.extensions_mut().insert(ServedBy(revision.number()));
        Ok(response)
    }

    /// Enters the live revision of a service with an event.
    ///
    /// # Errors
    /// A fault of the invocation, or that the service is not live.
    pub async fn event(
        table: &Table,
        service: &ServiceName,
        entry: &EventEntry,
        event: &Event,
    ) -> Result<Handled, Fault> {
        match table.services.get(service) {
            Some(revision) => revision.event(entry, event).await,
            None => Err(not_live(service)),
        }
    }

    /// The current snapshot.
    pub fn table(&self) -> Arc<Table> {
        self.0.table.load()
    }

    /// All services, live ones and ones that could not be brought back.
    pub fn list(&self) -> Vec<ServiceStatus> {
        let table = self.table();
        self.0.records.load().values().filter_map(|record| self.status(&table, record)).collect()
    }

    fn status(&self, table: &Table, record: &ServiceRecord) -> Option<ServiceStatus> {
        let live = record.live_revision()?;
        let failed = lock(&self.0.failed).get(&record.name).cloned();
        let trouble = table.services.get(&record.name).and_then(|live| lock(live.health()).trouble.clone());
        let state = match (&failed, &trouble) {
            (Some(_), _) => "failed",
            (None, Some(_)) => "unhealthy",
            (None, None) => "live",
        };
        let metrics = table.services.get(&record.name).map(|revision| revision.metrics());
        Some(ServiceStatus {
            service: record.name.clone(),
            revision: live.number,
            version: live.version.clone(),
            digest: live.digest,
            state,
            reason: failed.or(trouble),
            instances: metrics.map_or(0, |metrics| metrics.instances()),
            in_flight: metrics.map_or(0, |metrics| metrics.in_flight()),
            requests: metrics.map_or(0, |metrics| metrics.invocations()),
            faults: metrics.map_or(0, |metrics| metrics.faults()),
            breakers: self.troubled_calls(&record.name),
        })
    }

    /// The kept revisions of a service, oldest first.
    ///
    /// # Errors
    /// When there is no such service.
    pub fn revisions(&self, service: &ServiceName) -> Result<Vec<RevisionStatus>, DeployError> {
        let records = self.0.records.load();
        let record = records.get(service).ok_or_else(|| no_service(service))?;
        let draining = lock(&self.0.draining);
        let state = |number: u32| match record.state(number) {
            Some(RevisionState::Live) => "live",
            _ if draining.iter().any(|(name, old)| name == service && *old == number) => "draining",
            _ => "kept",
        };
        let line = |revision: &holm_registry::catalog::RevisionRecord| RevisionStatus {
            revision: revision.number,
            version: revision.version.clone(),
            digest: revision.digest,
            created_at: revision.created_at,
            state: state(revision.number),
        };
        Ok(record.revisions.iter().map(line).collect())
    }

    /// All gateway rules.
    pub fn routes(&self) -> Arc<Vec<RouteSpec>> {
        self.table().routes.clone()
    }

    /// What they refer to by name, by app.
    pub fn gateway_settings(&self) -> BTreeMap<String, GatewaySettings> {
        let of_app = |(origin, settings): (&Origin, &GatewaySettings)| match origin {
            Origin::Manifest(app) => Some((app.clone(), settings.clone())),
            Origin::Service(_) => None,
        };
        self.table().gateway.iter().filter_map(of_app).collect()
    }

    /// Whether the artifact store has these bytes.
    pub fn has_component(&self, digest: &Digest) -> bool {
        self.0.artifacts.contains(digest)
    }

    /// Whether every service is live.
    ///
    /// # Errors
    /// Which are not, and why.
    pub fn ready(&self) -> Result<(), String> {
        let failed = lock(&self.0.failed);
        match failed.is_empty() {
            true => Ok(()),
            false => Err(failed.iter().map(|(name, why)| format!("{name}: {why}")).collect::<Vec<_>>().join("; ")),
        }
    }

    /// Looks at component bytes.
    ///
    /// # Errors
    /// When they are no component.
    pub async fn inspect(&self, wasm: Bytes) -> Result<Inspection, DeployError> {
        self.check_size(wasm.len())?;
        let mut inspection = self.0.runtime.inspect(wasm).await?;
        examine::name_providers(&self.table(), &mut inspection);
        Ok(inspection)
    }

    /// Looks at the component of a live service.
    ///
    /// # Errors
    /// When there is no such service, or its bytes cannot be read.
    pub async fn inspect_service(&self, service: &ServiceName) -> Result<ServiceInspection, DeployError> {
        let records = self.0.records.load_full();
        let record = records.get(service).ok_or_else(|| no_service(service))?;
        let live = record.live_revision().ok_or_else(|| no_service(service))?;
        let (artifacts, digest) = (self.0.artifacts.clone(), live.digest);
        let bytes = beside_requests(move || artifacts.get(&digest)).await?;
        let bytes = bytes.map_err(|error| DeployError::Host(error.to_string()))?;
        let mut component = self.0.runtime.inspect(bytes.into()).await?;
        let table = self.table();
        examine::name_providers(&table, &mut component);
        let running = table.services.get(service);
        if let Some(revision) = running {
            component.isolation = revision.isolation().as_str();
        }
        let limits = running.map(|revision| revision.limits()).unwrap_or_default();
        let proto = running.and_then(|revision| grpc::file(revision, record));
        let status = self.status(&table, record);
        Ok(ServiceInspection { component, status, settings: live.settings.clone(), limits, proto })
    }

    /// Ends a compilation that is under way: nobody will wait for it any more.
    pub fn stop_compiling(&self) {
        self.0.runtime.stop_compiling();
    }

    /// Drops idle instances for as long as the host runs.
    pub async fn sweep_forever(&self) {
        let mut every = tokio::time::interval(SWEEP);
        loop {
            every.tick().await;
            let now = Instant::now();
            for revision in self.table().services.values() {
                revision.sweep(now);
            }
        }
    }

    /// Removes answers that are kept for an idempotency key and have expired, for as long as the host runs.
    pub async fn forget_answers_forever(&self) {
        let mut every = tokio::time::interval(FORGET);
        loop {
            every.tick().await;
            self.0.runtime.forget_answers().await;
        }
    }

    /// Waits for the turn to change these services. In one order, so that two sets cannot wait
    /// for each other.
    async fn take_turns(&self, names: &[&ServiceName]) -> Vec<OwnedMutexGuard<()>> {
        let mut sorted: Vec<&ServiceName> = names.to_vec();
        sorted.sort();
        sorted.dedup();
        let mut held = Vec::with_capacity(sorted.len());
        for name in sorted {
            let turn = lock(&self.0.turns).entry(name.clone()).or_default().clone();
            held.push(turn.lock_owned().await);
        }
        held
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn not_live(service: &ServiceName) -> Fault {
    Fault::new(FaultKind::NoService, format!("no revision of {service} is live"))
}

fn no_service(service: &ServiceName) -> DeployError {
    DeployError::NotFound(format!("there is no service {service}; `holm services` lists those that exist"))
}

impl From<LoadError> for DeployError {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Rejected(text) => Self::Rejected(text),
            LoadError::Host(text) => Self::Host(text),
        }
    }
}
