//! Revisions in a test: fixtures on a store in memory, without a host around them.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use holm_registry::settings::{CallRules, Settings};
use holm_registry::store::memory::MemoryEngine;
use holm_registry::store::{Store, StoreOptions};
use holm_registry::{Digest, ServiceName};
use http::Request;

use super::{
    Answer, CacheKey, Compiling, Ends, HttpEntry, Identity, Line, Lineage, Outbound, OutboundError, Revision, Runtime,
    Terms, Upstream, compile,
};
use crate::body::Body;
use crate::config::CompileLimits;
use crate::shutdown::Tasks;
use crate::telemetry::Telemetry;
use crate::telemetry::trace::TraceContext;

/// Places for instances: enough for one service as it is by default.
const PLACES: u32 = 128;

/// A way out that leads nowhere.
struct Nowhere;

impl Outbound for Nowhere {
    fn http(&self, _: Request<Body>, terms: Terms) -> Answer {
        Box::pin(std::future::ready(Err(OutboundError::UnknownName(terms.service.to_string()))))
    }

    fn line(&self, _: Ends, _: CallRules) -> Arc<dyn Line> {
        unreachable!("no fixture that calls others is used here")
    }

    fn upstream(&self, _: &ServiceName, _: &ServiceName, _: CallRules) -> Arc<dyn Upstream> {
        unreachable!("no fixture that asks others is used here")
    }
}

/// What makes revisions of fixtures.
pub struct Bench {
    runtime: Runtime,
    /// Where all of them keep their state.
    pub store: Store,
    _cache: tempfile::TempDir,
}

impl Bench {
    /// One with an empty store.
    pub fn new() -> Self {
        Self::with(&StoreOptions::default())
    }

    /// The same with other limits of the store.
    pub fn with(options: &StoreOptions) -> Self {
        let store = Store::with_engine_and(Box::new(MemoryEngine::new()), options).unwrap();
        let cache = tempfile::tempdir().unwrap();
        let key = CacheKey::load_or_create(&cache.path().join("key")).unwrap();
        // fixtures are compiled here: this program is no compiler
        let (program, limits) = ("none".into(), CompileLimits::default());
        let compiling = Compiling { cache: cache.path(), key, program, limits };
        let runtime = Runtime::new(compiling, PLACES, store.clone(), Arc::new(Nowhere), Telemetry::new(), Tasks::new());
        Self { runtime: runtime.unwrap(), store, _cache: cache }
    }

    /// A fixture as a revision of the service `s`.
    pub fn revision(&self, fixture: &str, settings: Settings) -> Arc<Revision> {
        self.revision_of(&format!("components/target/wasm32-wasip2/release/examples/{fixture}.wasm"), settings)
    }

    /// Any component of the tree, as another one.
    pub fn revision_of(&self, path: &str, settings: Settings) -> Arc<Revision> {
        let wasm = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path))
            .unwrap_or_else(|error| panic!("{path}: {error}; run scripts/build-components --examples"));
        let engine = self.runtime.linker.engine();
        let component = compile::load(engine, &compile::compile(engine, &wasm).unwrap()).unwrap();
        let digest = Digest::of(&wasm);
        let loaded = self.runtime.in_use.share(digest, component);
        let version = semver::Version::new(1, 0, 0);
        let identity = Identity { service: "s".parse().unwrap(), revision: 1, version, digest };
        Arc::new(self.runtime.revision(identity, settings, &loaded, Vec::new()).unwrap())
    }
}

/// An entry from outside, without a route.
pub fn entry() -> HttpEntry {
    HttpEntry {
        service: "s".parse().unwrap(),
        route: None,
        deadline: Instant::now() + Duration::from_secs(30),
        request_id: "request".into(),
        trace: TraceContext::generate(),
        lineage: Lineage::default(),
    }
}
