//! The only Wasm code: everything between a door and a guest.
//!
//! | file | question it answers |
//! | --- | --- |
//! | `engine` | how code is compiled, where instances live, how often the clock ticks |
//! | `compile` | bytes to compiled code, and the cache of it |
//! | `component` | does a component fit this host, and which doors has it |
//! | `linker`, `capability` | what a guest may import |
//! | `guest`, `invocation`, `limits`, `cpu` | what a store holds, whom it works for, what it may use |
//! | `slots`, `pool` | who may enter, and with which instance |
//! | `serve`, `intake`, `answer`, `replay`, `commit` | a request's way through a guest, and the end of its unit of work |
//! | `revision` | a component with its settings, ready to be entered |
//! | `outbound` | the one way off an island |
//! | `inspect` | what a component imports and exports |
//! | `value` | what passes between services: types, JSON, bytes, sizes |

mod answer;
mod capability;
mod commit;
mod compile;
mod component;
mod cpu;
mod engine;
mod guest;
mod inspect;
mod intake;
mod invocation;
mod limits;
mod linker;
mod log;
mod outbound;
mod pool;
mod replay;
mod revision;
mod serve;
mod slots;
pub mod value;

pub use inspect::{ImportLine, Inspection, inspect};
pub use invocation::HttpEntry;
pub use outbound::{Answer, Outbound, OutboundError};
pub use revision::Revision;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use holm_registry::settings::Settings;
use holm_registry::store::Store as Database;
use holm_registry::{Digest, ServiceName};
use semver::Version;
use wasmtime::Engine;
use wasmtime::component::{Component, Linker};

use self::compile::CompileCache;
use self::component::Linked;
use self::guest::{Guest, Island};
use self::log::IslandLog;
use self::slots::Slots;
use crate::shutdown::Tasks;
use crate::telemetry::Telemetry;

/// The engine with everything that revisions share.
#[derive(Clone)]
pub struct Runtime {
    engine: Engine,
    linker: Arc<Linker<Guest>>,
    cache: CompileCache,
    slots: Arc<Slots>,
    database: Database,
    outbound: Arc<dyn Outbound>,
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
    /// Starts the engine. Compiled code is cached in `cache`.
    ///
    /// # Errors
    /// When the engine cannot reserve its address space.
    pub fn new(
        cache: &Path,
        database: Database,
        outbound: Arc<dyn Outbound>,
        telemetry: Telemetry,
        tasks: Tasks,
    ) -> anyhow::Result<Self> {
        let engine = engine::build()?;
        let linker = Arc::new(linker::build(&engine)?);
        let cache = CompileCache::open(cache, &engine)?;
        let slots = Slots::new(engine::pool::INSTANCES);
        Ok(Self { engine, linker, cache, slots, database, outbound, telemetry, tasks })
    }

    /// The compiled component from the cache, or compiled from the bytes that `wasm` gives.
    /// Compiling runs beside the request path.
    ///
    /// # Errors
    /// When the bytes are no component, or cannot be had.
    pub async fn component(
        &self,
        digest: Digest,
        wasm: impl FnOnce() -> Result<Bytes, String> + Send + 'static,
    ) -> Result<Component, LoadError> {
        let (engine, cache) = (self.engine.clone(), self.cache.clone());
        let work = move || -> Result<Component, LoadError> {
            if let Some(component) = cache.load(&digest) {
                return Ok(component);
            }
            let wasm = wasm().map_err(LoadError::Host)?;
            let code = compile::compile(&engine, &wasm).map_err(|error| LoadError::Rejected(error.to_string()))?;
            cache.keep(&digest, &code).map_err(|error| LoadError::Host(format!("{error:#}")))
        };
        beside_requests(work).await?
    }

    /// Drops compiled code of components that are not among these.
    pub fn forget_compiled(&self, used: &BTreeSet<Digest>) {
        self.cache.retain(used);
    }

    /// A revision, linked and without instances.
    ///
    /// # Errors
    /// When the component does not fit this host or its settings.
    pub fn revision(
        &self,
        identity: Identity,
        settings: Settings,
        component: &Component,
    ) -> Result<Revision, LoadError> {
        let linked =
            Linked::new(&self.linker, component, &settings).map_err(|error| LoadError::Rejected(error.to_string()))?;
        let Identity { service, revision, version, digest } = identity;
        let limit = settings.limits.log_rate.as_u64();
        let island = Island {
            log: IslandLog::new(self.telemetry.logs.clone(), service.clone(), revision, limit),
            metrics: self.telemetry.metrics.revision(&service, revision),
            service,
            revision,
            settings: Arc::new(settings),
            database: self.database.clone(),
            outbound: self.outbound.clone(),
        };
        Ok(Revision::new(version, digest, linked, island, self.slots.clone(), self.tasks.clone()))
    }
}
