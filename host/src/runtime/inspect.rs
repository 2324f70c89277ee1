//! What a component imports and exports, and what of it is missing here.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use holm_registry::Digest;
use wasmtime::component::Component;

use super::compile::{self, Compiler};
use super::component::{default_isolation, export_names, import_names, is_provided, missing_imports};
use super::loaded::Loaded;
use super::{LoadError, Runtime, beside_requests, engine};
use crate::config::CompileLimits;
use crate::telemetry::metrics::CompileMetrics;

/// What a component needs and offers.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// Its digest.
    pub digest: Digest,
    /// Bytes.
    pub size: u64,
    /// What it imports, and who provides that here.
    pub imports: Vec<ImportLine>,
    /// What it exports.
    pub exports: Vec<String>,
    /// The isolation that it gets unless its settings say otherwise: `reuse` or `invocation`.
    pub isolation: &'static str,
}

/// One import of a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportLine {
    /// Its exact name.
    pub name: String,
    /// `host`, `nobody`, or the services that export it.
    pub provided_by: String,
    /// When nobody provides it: the nearest name that somebody does.
    pub nearest: Option<String>,
}

/// Who provides what nobody provides.
const NOBODY: &str = "nobody";

impl ImportLine {
    /// Whether nobody provides it.
    pub fn is_missing(&self) -> bool {
        self.provided_by == NOBODY
    }
}

/// Looks at a component without a running host: compiled by `program`, this one, in a process of
/// its own. With it comes what it offers and wants.
///
/// # Errors
/// When the bytes are no component, or take too much to compile.
pub async fn inspect(
    wasm: Bytes,
    program: PathBuf,
    limits: CompileLimits,
) -> Result<(Inspection, Arc<Loaded>), LoadError> {
    let host = |error: wasmtime::Error| LoadError::Host(format!("{error:#}"));
    let engine = engine::build_for_compiling().map_err(host)?;
    let compiler = Compiler::new(&engine, program, limits, CompileMetrics::default());
    let turn = compiler.turn().await;
    beside_requests(move || {
        let code = compiler.compile(&wasm, turn)?;
        let component = compile::load(&engine, &code).map_err(host)?;
        let inspection = describe(&component, Digest::of(&wasm), wasm.len() as u64);
        Ok((inspection, Arc::new(Loaded::new(component))))
    })
    .await?
}

impl Runtime {
    /// Looks at a component, with this host's cache.
    ///
    /// # Errors
    /// When the bytes are no component.
    pub async fn inspect(&self, wasm: Bytes) -> Result<Inspection, LoadError> {
        let (size, hashed) = (wasm.len() as u64, wasm.clone());
        let digest = beside_requests(move || Digest::of(&hashed)).await?;
        let loaded = self.component(digest, move || Ok(wasm)).await?;
        Ok(describe(&loaded.component, digest, size))
    }
}

fn describe(component: &Component, digest: Digest, size: u64) -> Inspection {
    let names = import_names(component);
    let missing = missing_imports(&names, &[]);
    let imports = names
        .into_iter()
        .map(|name| {
            let nearest = missing.iter().find(|import| import.name == name).and_then(|import| import.nearest);
            let provided_by = if is_provided(&name) { "host" } else { NOBODY }.to_owned();
            ImportLine { provided_by, nearest: nearest.map(str::to_owned), name }
        })
        .collect();
    let exports = export_names(component);
    let isolation = default_isolation(&exports).as_str();
    Inspection { digest, size, imports, exports, isolation }
}
