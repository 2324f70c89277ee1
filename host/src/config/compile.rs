//! What compiling one component may take. The compiler is fed by strangers: without limits, a
//! file of seven kilobytes (loops in loops over many variables) keeps it busy for minutes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use holm_registry::units::ByteSize;

/// The subcommand of this program that compiles for a host. Not for people.
pub const WORKER_COMMAND: &str = "compile-worker";

/// The program that runs now, wherever its file is: it may have been replaced or deleted since it
/// was started, and code of another version would be of no use.
const THIS_PROGRAM: &str = "/proc/self/exe";

/// componentize-js's 13 MB need CPUSECS; whatever needs three times as much is better built in another way than
/// waited for.
const DEFAULT_CPU: Duration = Duration::from_secs(60);
/// Four times the CPU time: a busy machine may be slow, and the process steps back behind requests.
const DEFAULT_TIME: Duration = Duration::from_secs(240);
/// The same 13 MB need JSMEM with four threads; two such processes still fit into a small machine.
const DEFAULT_MEMORY: ByteSize = ByteSize::mib(2048);

/// What one compilation may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompileLimits {
    /// CPU time of all its threads together, in whole seconds.
    pub cpu: Duration,
    /// Time by the clock.
    pub time: Duration,
    /// Address space of the process.
    pub memory: ByteSize,
}

impl Default for CompileLimits {
    fn default() -> Self {
        Self { cpu: DEFAULT_CPU, time: DEFAULT_TIME, memory: DEFAULT_MEMORY }
    }
}

/// The program to start for a compilation.
pub fn compiler() -> PathBuf {
    let this = Path::new(THIS_PROGRAM);
    if this.exists() { this.to_owned() } else { std::env::current_exe().unwrap_or_else(|_| "holm".into()) }
}
