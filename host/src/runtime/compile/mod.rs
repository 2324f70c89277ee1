//! From component bytes to compiled code: in a process of its own, and the cache of it.
//!
//! A component is a stranger's input to a compiler: a few kilobytes can keep it busy for minutes
//! or make it take gigabytes. So the host never compiles. It starts itself again as
//! `holm compile-worker`, hands the bytes over and reads the code back:
//!
//! ```text
//! host                                    holm compile-worker
//! cache: no ─▶ wait for the turn ─▶ limits, bytes ──stdin──▶ takes the limits on itself
//!                                                            validates, compiles
//! cache: MAC over digest, engine, code ◀──── code ──stdout── or says what is wrong
//!   └▶ loads the bytes that it has verified
//! ```
//!
//! | file | question it answers |
//! | --- | --- |
//! | `queue` | who compiles next: one at a time, in the order they came |
//! | `child` | how the host talks to the process, and ends it |
//! | `pipes` | how nobody waits for a pipe that the other end does not serve |
//! | `verdict` | what the end of the process means (pure) |
//! | `frame` | how limits, bytes and answers look on the pipes (pure) |
//! | `worker` | what the process does, and what it takes away from itself first |
//! | `cache`, `key` | compiled code on disk, and how the host knows its own |

mod cache;
mod child;
mod frame;
mod key;
mod pipes;
mod queue;
mod verdict;
mod worker;

use std::time::Duration;

use holm_registry::units::{ByteSize, format_duration};
use wasmtime::Engine;
use wasmtime::component::Component;

pub use cache::CompileCache;
pub use key::CacheKey;
pub use queue::Compiler;
pub use worker::work;

/// Compiled code that is larger is refused: the host has to map it into its memory. JavaScript's
/// engine, the largest in use, comes to about 40 MB.
const CODE_LIMIT: u64 = 512 << 20;

/// Why there is no compiled code.
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
    /// It needed more CPU time than one compilation gets.
    #[error(
        "compiling the component took more than {} of CPU time; make its functions smaller, or raise --compile-cpu",
        format_duration(*.0)
    )]
    TooSlow(Duration),
    /// It needed more time by the clock.
    #[error(
        "compiling the component took longer than {}; try again when the machine is less busy, or raise --compile-timeout",
        format_duration(*.0)
    )]
    TimedOut(Duration),
    /// It needed more memory.
    #[error(
        "compiling the component took more than {0} of memory; make its functions smaller, or raise --compile-memory"
    )]
    TooMuchMemory(ByteSize),
    /// The compiler's process ended before its answer did.
    #[error(
        "the compiler broke down over the component ({0}); if the machine is short of memory try again, else report it"
    )]
    Crashed(String),
    /// The host's own trouble.
    #[error("the compiler cannot be used: {0}")]
    Host(String),
}

impl CompileError {
    /// One word for the metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NotWasm | Self::CoreModule | Self::Invalid(_) => "invalid",
            Self::TooSlow(_) => "cpu",
            Self::TimedOut(_) => "time",
            Self::TooMuchMemory(_) => "memory",
            Self::Crashed(_) => "crashed",
            Self::Host(_) => "host",
        }
    }
}

/// Compiles a component in this process, for tests.
#[cfg(test)]
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

/// Loads what [`compile`] made.
///
/// # Errors
/// When it was made by another version of the engine, or for another processor.
#[expect(unsafe_code, reason = "wasmtime trusts compiled code: it is only ever our own")]
pub fn load(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the bytes come out of the pipe of a process that we started ourselves from our own
    // program, or out of the cache with the MAC that only this host can make. Nobody can upload
    // compiled code.
    unsafe { Component::deserialize(engine, code) }
}
