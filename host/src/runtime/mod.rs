//! The only Wasm code: everything between a door and a guest.
//!
//! | file | question it answers |
//! | --- | --- |
//! | `engine` | how code is compiled, where instances live, how often the clock ticks |
//! | `compile` | bytes to compiled code, in a process of its own, and the cache of it |
//! | `loaded` | which components are in use, each once |
//! | `component` | does a component fit this host, and which doors has it |
//! | `linker`, `capability` | what a guest may import |
//! | `guest`, `invocation`, `limits`, `cpu`, `lanes` | what a store holds, whom it works for, what it may use |
//! | `bulkhead`, `lineage` | who may enter, and who waits for whom |
//! | `places`, `pool`, `start` | with which instance, and how one comes to be |
//! | `serve`, `exchange`, `intake`, `answer`, `commit` | a request's way through a guest, and the end of its unit of work |
//! | `shared` | several requests at once in one instance |
//! | `idempotency` | requests that happen once, however often they are sent |
//! | `run` | an instance taken, run to its end and given back, for calls and events |
//! | `revision` | a component with its settings, ready to be entered |
//! | `event` | events, and what becomes of them |
//! | `call`, `value` | typed calls, and the values that they pass |
//! | `outbound` | the one way off an island |
//! | `explain` | which limits are in force, and why |
//! | `inspect` | what a component imports and exports |

mod answer;
mod bulkhead;
mod call;
mod capability;
mod commit;
mod compile;
mod component;
mod cpu;
mod engine;
mod event;
mod exchange;
mod explain;
mod guest;
mod idempotency;
mod inspect;
mod intake;
mod invocation;
mod lanes;
mod limits;
mod lineage;
mod linker;
mod loaded;
mod log;
mod outbound;
mod places;
mod pool;
mod revision;
mod run;
mod serve;
mod shared;
mod start;
#[cfg(test)]
mod testing;
pub mod value;

pub use call::{CallEntry, Ends, Interface, Line, Offer, Offered, Returned, Returning, compatible};
pub use compile::{CacheKey, Compiler, work as compile_worker};
pub use event::{EventEntry, Handled};
pub use explain::LimitLine;
pub use inspect::{ImportLine, Inspection, inspect};
pub use invocation::HttpEntry;
pub use lineage::Lineage;
pub use loaded::Loaded;
pub use outbound::{Answer, Outbound, OutboundError, Terms, Upstream};
pub use revision::{Bound, Revision};

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use holm_registry::settings::{CallTarget, CallTargetError, Settings};
use holm_registry::store::Store as Database;
use holm_registry::{Digest, ServiceName};
use semver::Version;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use wasmtime::component::Linker;

use self::call::Link;
use self::compile::{CompileCache, CompileError};
use self::component::Linked;
use self::guest::{Guest, Island, Upstreams};
use self::idempotency::UnderWay;
use self::lanes::{Lanes, Manners};
use self::loaded::InUse;
use self::log::IslandLog;
use self::places::{NoPlaces, Places};
use crate::config::CompileLimits;
use crate::shutdown::Tasks;
use crate::telemetry::Telemetry;

/// The engine with everything that revisions share.
#[derive(Clone)]
pub struct Runtime {
    linker: Arc<Linker<Guest>>,
    cache: CompileCache,
    in_use: InUse,
    compiler: Compiler,
    places: Arc<Places>,
    lanes: Lanes,
    database: Database,
    outbound: Arc<dyn Outbound>,
    under_way: UnderWay,
    telemetry: Telemetry,
    tasks: Tasks,
}

/// Why a revision cannot be loaded. The texts are for whoever deploys it.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The bytes, the imports or the sizes.
    #[error("{0}")]
    Rejected(String),
    /// The host's own trouble.
    #[error("{0}")]
    Host(String),
}

/// Runs what computes or waits for the disk on a thread that serves no request.
///
/// # Errors
/// When it panics, or the host ends.
pub async fn beside_requests<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, LoadError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| LoadError::Host(format!("work in the background ended early: {error}")))
}

impl From<CompileError> for LoadError {
    fn from(error: CompileError) -> Self {
        match error {
            CompileError::Host(_) => Self::Host(error.to_string()),
            component_is_to_blame => Self::Rejected(component_is_to_blame.to_string()),
        }
    }
}

impl From<NoPlaces> for LoadError {
    fn from(error: NoPlaces) -> Self {
        match error {
            NoPlaces::InUse(_) => Self::Host(error.to_string()),
            too_small => Self::Rejected(too_small.to_string()),
        }
    }
}

/// How components become code.
pub struct Compiling<'a> {
    /// The folder of compiled code.
    pub cache: &'a Path,
    /// What entries in there are marked with.
    pub key: CacheKey,
    /// This program, to be started again.
    pub program: PathBuf,
    /// What one compilation may take.
    pub limits: CompileLimits,
}

/// Who is to be loaded.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The service.
    pub service: ServiceName,
    /// The revision's number.
    pub revision: u32,
    /// Its version.
    pub version: Version,
    /// Its component.
    pub digest: Digest,
}

impl Runtime {
    /// Starts the engine with this many places for instances. Compiled code is cached in a folder, marked with a key.
    ///
    /// # Errors
    /// When the engine cannot reserve its address space.
    pub fn new(
        compiling: Compiling<'_>,
        places: u32,
        database: Database,
        outbound: Arc<dyn Outbound>,
        telemetry: Telemetry,
        tasks: Tasks,
    ) -> anyhow::Result<Self> {
        let engine = engine::build(places)?;
        let linker = Arc::new(linker::build(&engine)?);
        let Compiling { cache, key, program, limits } = compiling;
        let cache = CompileCache::open(cache, &engine, key)?;
        let compiler = Compiler::new(&engine, program, limits, telemetry.metrics.compile().clone());
        let places = Places::new(places, telemetry.metrics.places().clone());
        let lanes = Lanes::beside(Handle::current().metrics().num_workers());
        let (in_use, under_way) = (InUse::default(), UnderWay::default());
        Ok(Self { linker, cache, in_use, compiler, places, lanes, database, outbound, under_way, telemetry, tasks })
    }

    /// The component if it is in use, else its compiled form from the cache, else compiled from the
    /// bytes that `wasm` gives, in a process of its own and when it is its turn. What is cached waits
    /// for nobody's turn.
    ///
    /// # Errors
    /// When the bytes are no component, take too much to compile, or cannot be had.
    pub async fn component(
        &self,
        digest: Digest,
        wasm: impl FnOnce() -> Result<Bytes, String> + Send + 'static,
    ) -> Result<Arc<Loaded>, LoadError> {
        if let Some(component) = self.compiled(digest).await? {
            return Ok(component);
        }
        let wasm = beside_requests(wasm).await?.map_err(LoadError::Host)?;
        let turn = self.compiler.turn().await;
        // whoever had the turn before may have compiled the same
        if let Some(component) = self.compiled(digest).await? {
            return Ok(component);
        }
        let (cache, in_use, compiler) = (self.cache.clone(), self.in_use.clone(), self.compiler.clone());
        let work = move || -> Result<Arc<Loaded>, LoadError> {
            let code = compiler.compile(&wasm, turn)?;
            let component = cache.keep(&digest, &code).map_err(|error| LoadError::Host(format!("{error:#}")))?;
            Ok(in_use.share(digest, component))
        };
        beside_requests(work).await?
    }

    async fn compiled(&self, digest: Digest) -> Result<Option<Arc<Loaded>>, LoadError> {
        if let Some(loaded) = self.in_use.get(&digest) {
            return Ok(Some(loaded));
        }
        let (cache, in_use) = (self.cache.clone(), self.in_use.clone());
        beside_requests(move || cache.load(&digest).map(|component| in_use.share(digest, component))).await
    }

    /// Ends a compilation that is under way, for a host that ends.
    pub fn stop_compiling(&self) {
        self.compiler.end();
    }

    /// Drops compiled code of components that are not among these.
    pub fn forget_compiled(&self, used: &BTreeSet<Digest>) {
        self.cache.retain(used);
    }

    /// Removes answers that are kept for an idempotency key, when it is time.
    pub async fn forget_answers(&self) {
        idempotency::forget_expired(&self.database).await;
    }

    /// A revision, linked and without instances.
    ///
    /// # Errors
    /// When the component does not fit this host or its settings.
    pub fn revision(
        &self,
        identity: Identity,
        settings: Settings,
        component: &Arc<Loaded>,
        calls: Vec<Bound>,
    ) -> Result<Revision, LoadError> {
        let Identity { service, revision, version, digest } = identity;
        let links = self.links(&service, &settings, &calls)?;
        let upstreams = self.upstreams(&service, &settings);
        let linked = Linked::new(&self.linker, component, &settings, &links)
            .map_err(|error| LoadError::Rejected(error.to_string()))?;
        let limit = settings.limits.log_rate.as_u64();
        let metrics = self.telemetry.metrics.revision(&service, revision);
        let island = Island {
            log: IslandLog::new(self.telemetry.logs.clone(), service.clone(), revision, limit, metrics.clone()),
            metrics,
            outgoing: Arc::new(Semaphore::new(settings.limits.outgoing as usize)),
            service,
            revision,
            settings: Arc::new(settings),
            database: self.database.clone(),
            outbound: self.outbound.clone(),
            upstreams,
            under_way: self.under_way.clone(),
            clock: self.telemetry.clock.clone(),
            manners: Manners::new(self.lanes.clone()),
        };
        Ok(Revision::new(version, digest, linked, calls, island, &self.places, self.tasks.clone())?)
    }

    fn upstreams(&self, caller: &ServiceName, settings: &Settings) -> Upstreams {
        let upstream = |service: &ServiceName| {
            let rules = settings.call_rules(&CallTarget::Upstream(service.clone()));
            (service.clone(), self.outbound.upstream(caller, service, rules))
        };
        settings.grants.services.iter().map(upstream).collect()
    }

    fn links(&self, service: &ServiceName, settings: &Settings, calls: &[Bound]) -> Result<Vec<Link>, LoadError> {
        let link = |Bound { interface, service: to }: &Bound| {
            let target: CallTarget =
                interface.name.parse().map_err(|error: CallTargetError| LoadError::Rejected(error.to_string()))?;
            let rules = settings.call_rules(&target);
            let ends = Ends { caller: service.clone(), service: to.clone(), interface: interface.name.clone(), target };
            Ok(Link { interface: interface.clone(), line: self.outbound.line(ends, rules) })
        };
        calls.iter().map(link).collect()
    }
}

/// The interfaces that a component imports of other services.
///
/// # Errors
/// When a function of them takes or gives what cannot leave its island.
pub fn wanted(loaded: &Loaded) -> Result<Vec<Interface>, LoadError> {
    call::imported(&loaded.component)
        .map_err(|error| LoadError::Rejected(format!("a call from service to service passes values only: {error}")))
}
