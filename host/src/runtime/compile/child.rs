//! One compilation in a process of its own: started, talked to, and ended whatever it does.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use std::{cmp, io};

use super::frame::Allowed;
use super::pipes::Pipes;
use crate::config::{CompileLimits, WORKER_COMMAND};

/// How often the host looks whether it is to end while the process says nothing.
const LOOK: Duration = Duration::from_millis(100);

/// How a process ended, and what it had said until then.
pub(super) struct Ended {
    pub(super) why: Why,
    pub(super) status: ExitStatus,
    pub(super) reply: Vec<u8>,
    pub(super) complaint: Vec<u8>,
}

/// Who ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// It did itself, or the system did for a limit of its.
    ByItself,
    /// We did: it took longer than it may.
    OutOfTime,
    /// We did: the host ends.
    HostEnds,
    /// We did: its answer had no end.
    TooMuchSaid,
}

/// Runs `program` over a component. Blocks; returns soon after `host_ends` is set.
///
/// # Errors
/// When the process cannot be started or talked to.
pub(super) fn run(program: &Path, limits: &CompileLimits, wasm: &[u8], host_ends: &AtomicBool) -> io::Result<Ended> {
    let deadline = Instant::now() + limits.time;
    let memory = limits.memory.as_u64();
    let head = Allowed { cpu_seconds: limits.cpu.as_secs().max(1), memory }.encode();
    let mut running = Running(start(program)?);
    let mut pipes = Pipes::new(&mut running.0, [&head, wasm])?;
    let why = talk(&mut pipes, deadline, host_ends)?;
    let status = running.end()?;
    Ok(Ended { why, status, reply: pipes.reply, complaint: pipes.complaint })
}

/// It inherits nothing: no environment, no folder that it would hold on to, no signals that a
/// terminal sends to the host. Our own files close themselves when it starts.
fn start(program: &Path) -> io::Result<Child> {
    let mut command = Command::new(program);
    command.arg0("holm").arg(WORKER_COMMAND).env_clear().current_dir("/").process_group(0);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
}

fn talk(pipes: &mut Pipes<'_>, deadline: Instant, host_ends: &AtomicBool) -> io::Result<Why> {
    while !pipes.ended() {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(Why::OutOfTime);
        }
        if host_ends.load(Ordering::Relaxed) {
            return Ok(Why::HostEnds);
        }
        if pipes.overflows() {
            return Ok(Why::TooMuchSaid);
        }
        pipes.step(cmp::min(left, LOOK))?;
    }
    Ok(Why::ByItself)
}

/// A process that does not outlive this value.
struct Running(Child);

impl Running {
    /// One that has closed its pipes is ending; killing it does not change how it ends then.
    fn end(&mut self) -> io::Result<ExitStatus> {
        self.0.kill()?;
        self.0.wait()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // after an error of ours; else it is gone already
        let _ = self.end();
    }
}
