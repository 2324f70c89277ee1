//! From component bytes to compiled code, off the request path, and the cache on disk.
//!
//! [`compile`] is one function from bytes to bytes, so that a child process can run it.
//! The cache knows an entry by the component's digest and by what the engine says code must
//! be compatible with (its version, its settings, the processor).

use std::collections::BTreeSet;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use holm_registry::Digest;
use wasmtime::Engine;
use wasmtime::component::Component;

/// Length of the checksum in front of a cached entry.
const CHECKSUM: usize = 32;

/// Why bytes are not a component that can run here.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The bytes do not begin like WebAssembly.
    #[error(
        "this is not WebAssembly (it does not begin with the bytes 00 61 73 6d); give the .wasm file that `holm build` printed"
    )]
    NotWasm,
    /// A core module.
    #[error(
        "this is a core WebAssembly module, not a component; build it for wasm32-wasip2, or with `cargo component build --release`"
    )]
    CoreModule,
    /// Anything else that the validator or the compiler refuses.
    #[error("the component is not valid: {0}; it may be truncated, build and upload it again")]
    Invalid(String),
}

/// Compiles a component. Takes tens of milliseconds a hundred kilobytes.
///
/// # Errors
/// When the bytes are no valid component; the text says what they are instead.
pub fn compile(engine: &Engine, wasm: &[u8]) -> Result<Vec<u8>, CompileError> {
    check_preamble(wasm)?;
    engine.precompile_component(wasm).map_err(|error| CompileError::Invalid(format!("{error:#}")))
}

/// The first eight bytes: magic, version and layer (Component Model binary format).
fn check_preamble(wasm: &[u8]) -> Result<(), CompileError> {
    match wasm.get(..8) {
        Some([0, b'a', b's', b'm', _, _, 1, 0]) => Ok(()),
        Some([0, b'a', b's', b'm', ..]) => Err(CompileError::CoreModule),
        None if wasm.starts_with(b"\0asm") => Err(CompileError::Invalid("it ends within its first eight bytes".into())),
        _ => Err(CompileError::NotWasm),
    }
}

/// Compiled code on disk.
#[derive(Debug, Clone)]
pub struct CompileCache {
    dir: PathBuf,
    engine: Engine,
    compatibility: String,
    /// Keeps the temporary files of concurrent writers apart.
    writes: Arc<AtomicU64>,
}

impl CompileCache {
    /// A cache in `dir`, which is made when it is missing.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn open(dir: &Path, engine: &Engine) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let compatibility = format!("{:016x}", hasher.finish());
        Ok(Self { dir: dir.to_owned(), engine: engine.clone(), compatibility, writes: Arc::default() })
    }

    /// The compiled component, if it is there, whole, and made by an engine like this one.
    pub fn load(&self, digest: &Digest) -> Option<Component> {
        let bytes = fs::read(self.path(digest)).ok()?;
        let (checksum, code) = bytes.split_at_checked(CHECKSUM)?;
        if Digest::of(code).as_bytes() != checksum {
            tracing::warn!(digest = %digest, "a compiled component on disk is damaged; compiling it again");
            return None;
        }
        match load(&self.engine, code) {
            Ok(component) => Some(component),
            Err(error) => {
                tracing::warn!(digest = %digest, %error, "a compiled component on disk cannot be used; compiling it again");
                None
            }
        }
    }

    /// Keeps compiled code and loads it.
    ///
    /// # Errors
    /// When the code cannot be loaded. That it cannot be written is only logged: the cache
    /// saves time, and nothing depends on it.
    pub fn keep(&self, digest: &Digest, code: &[u8]) -> wasmtime::Result<Component> {
        if let Err(error) = self.write(digest, code) {
            tracing::warn!(digest = %digest, %error, "compiled code could not be cached");
        }
        load(&self.engine, code)
    }

    /// Drops what belongs to other components, to other engines, or to nobody.
    pub fn retain(&self, used: &BTreeSet<Digest>) {
        let keep: BTreeSet<PathBuf> = used.iter().map(|digest| self.path(digest)).collect();
        let Ok(entries) = fs::read_dir(&self.dir) else { return };
        for path in entries.flatten().map(|entry| entry.path()).filter(|path| !keep.contains(path)) {
            if let Err(error) = fs::remove_file(&path) {
                tracing::warn!(%error, "old compiled code could not be dropped");
            }
        }
    }

    fn write(&self, digest: &Digest, code: &[u8]) -> io::Result<()> {
        let temporary = self.temporary(digest);
        let written = write(&temporary, code).and_then(|()| fs::rename(&temporary, self.path(digest)));
        if written.is_err() {
            // on a full disk half a file would only make matters worse
            let _ = fs::remove_file(&temporary);
        }
        written
    }

    /// A name for this write alone: two services may compile the same component at once.
    fn temporary(&self, digest: &Digest) -> PathBuf {
        let write = self.writes.fetch_add(1, Ordering::Relaxed);
        self.dir.join(format!("{}.{}-{write}.tmp", digest.hex(), std::process::id()))
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.dir.join(format!("{}-{}.cwasm", digest.hex(), self.compatibility))
    }
}

fn write(path: &Path, code: &[u8]) -> io::Result<()> {
    let mut file = fs::File::create(path)?;
    file.write_all(Digest::of(code).as_bytes())?;
    file.write_all(code)
}

/// Loads what [`compile`] made.
///
/// # Errors
/// When it was made by another version of the engine, or for another processor.
#[expect(unsafe_code, reason = "wasmtime trusts compiled code: it is only ever our own, from our own data directory")]
pub fn load(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the bytes were made by `compile` on this machine. Nobody can upload compiled
    // code, the data directory is readable and writable by its owner alone, and the checksum
    // guards against a torn or damaged file.
    unsafe { Component::deserialize(engine, code) }
}
