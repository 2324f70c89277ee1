//! What compiling one component may take. The compiler is fed by strangers: without limits, a
//! file of seven kilobytes (loops in loops over many variables) keeps it busy for minutes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use holm_registry::units::ByteSize;

/// The argument that makes this program compile for a host. Not for people.
pub const WORKER_COMMAND: &str = "compile-worker";

/// The program that runs now, wherever its file is: it may have been replaced or deleted since it
/// was started, and code of another version would be of no use.
const THIS_PROGRAM: &str = "/proc/self/exe";

/// The largest components in use, JavaScript's engine of 13 MB and Python's of 18, take 18 to 25
/// seconds on the machine they were measured on; this leaves room for one half as fast. It is no
/// more than one deployment's delay for others that need the compiler.
const DEFAULT_CPU: Duration = Duration::from_secs(60);
/// Four times the CPU time, since the process steps back behind requests on a busy machine. It
/// ends one that waits instead of computing, which CPU time would never notice.
const DEFAULT_TIME: Duration = Duration::from_secs(240);
/// JavaScript's engine needs less than 600 MiB of address space with four threads; this leaves
/// room for three times as much and still fits beside the services of a small machine.
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

/// Whether this process was started to compile for a host.
pub fn called_to_compile() -> bool {
    std::env::args_os().nth(1).is_some_and(|argument| argument == WORKER_COMMAND)
}

/// The file of the program that runs now, for others to start.
pub fn this_program() -> PathBuf {
    std::env::current_exe().unwrap_or_else(|_| "holm".into())
}

/// The program to start for a compilation.
pub fn compiler() -> PathBuf {
    let this = Path::new(THIS_PROGRAM);
    if this.exists() { this.to_owned() } else { this_program() }
}
