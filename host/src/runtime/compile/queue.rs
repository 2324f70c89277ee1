//! Who compiles next: one component at a time, in the order they came.
//!
//! Two at once would have half the machine each and no one would be served sooner; and whatever
//! a hostile component costs, it costs once at a time. Who finds its code in the cache does not
//! come here.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use tokio::sync::{Mutex, OwnedMutexGuard};
use wasmtime::Engine;

use super::verdict::verdict;
use super::{CompileError, cache, check_preamble, child};
use crate::config::CompileLimits;
use crate::telemetry::metrics::CompileMetrics;

/// Compiles in processes of its own. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Compiler(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    program: PathBuf,
    limits: CompileLimits,
    compatibility: u64,
    metrics: CompileMetrics,
    turn: Arc<Mutex<()>>,
    host_ends: AtomicBool,
}

/// The right to compile now. Whoever waits for the next gets it when this is dropped.
pub struct Turn(OwnedMutexGuard<()>);

impl Compiler {
    /// Compiles for `engine` with the worker command of `program`.
    pub fn new(engine: &Engine, program: PathBuf, limits: CompileLimits, metrics: CompileMetrics) -> Self {
        let compatibility = cache::compatibility(engine);
        let (turn, host_ends) = (Arc::default(), AtomicBool::new(false));
        Self(Arc::new(Shared { program, limits, compatibility, metrics, turn, host_ends }))
    }

    /// Waits for the turn; tokio's mutex serves in the order of arrival.
    pub async fn turn(&self) -> Turn {
        Turn(self.0.turn.clone().lock_owned().await)
    }

    /// Compiles a component. Blocks for as long as the limits say. Keeps the turn until the
    /// process is gone, also when nobody waits for the result any more.
    ///
    /// # Errors
    /// When the bytes are no valid component, or compiling them takes too much.
    pub fn compile(&self, wasm: &[u8], turn: Turn) -> Result<Vec<u8>, CompileError> {
        let began = Instant::now();
        let Shared { program, limits, compatibility, metrics, host_ends, .. } = &*self.0;
        let ended = check_preamble(wasm).and_then(|()| {
            child::run(program, limits, wasm, host_ends).map_err(|error| CompileError::Host(error.to_string()))
        });
        let result = ended.and_then(|ended| verdict(ended, limits, *compatibility));
        match &result {
            Ok(_) => metrics.compiled(began.elapsed()),
            Err(error) => metrics.refused(error.reason()),
        }
        drop(turn.0);
        result
    }

    /// Ends what is being compiled, and whatever would be compiled from now on.
    pub fn end(&self) {
        self.0.host_ends.store(true, Ordering::Relaxed);
    }
}
