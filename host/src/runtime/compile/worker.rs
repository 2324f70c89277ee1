//! `holm compile-worker`: what the process does that compiles for the host.
//!
//! Before it looks at the component it gives away all that it does not need: files and sockets
//! that it was started with, the right to write files, and everything beyond its share of CPU
//! time and memory. Its environment is empty, and no key ever comes here. It runs as the same
//! user as the host, so this is a fence against what the compiler *uses*; against a fault of the
//! compiler that gives a stranger control, run the host as a user of its own.

use std::io::{self, Read};
use std::num::NonZero;
use std::thread::available_parallelism;
use std::{error, fs};

use rustix::process::{Resource, Rlimit, Signal, getrlimit, nice, set_parent_process_death_signal, setrlimit};
use wasmtime::{Engine, OutOfMemory};

use super::frame::{Allowed, Reply};
use super::{CODE_LIMIT, cache};
use crate::runtime::engine;

/// Threads that compile. The host's requests need the other cores, and each thread's share of
/// the allocator takes address space from what the compiler may use.
const THREADS: usize = 4;
/// How far it steps back behind the host's requests where both want the same core, from 0 to 19.
const NICE: i32 = 10;
/// Files it may have open: the three pipes, and what the standard library reads of `/proc` and
/// `/sys` to count the cores.
const FILES: u64 = 16;

/// Does one compilation: reads limits and component, and returns the two parts of the answer.
///
/// # Errors
/// When the limits cannot be set. What is wrong with the component is an answer.
pub fn work(input: &mut impl Read) -> Result<(Vec<u8>, Vec<u8>), Box<dyn error::Error>> {
    confine(Allowed::read(input)?)?;
    let mut wasm = Vec::new();
    input.read_to_end(&mut wasm)?;
    let threads = available_parallelism().map_or(1, NonZero::get).min(THREADS);
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global()?;
    let engine = engine::build_for_compiling()?;
    let compatibility = cache::compatibility(&engine);
    Ok(answer(&engine, &wasm).encode(compatibility))
}

fn answer(engine: &Engine, wasm: &[u8]) -> Reply {
    match engine.precompile_component(wasm) {
        Ok(code) if code.len() as u64 > CODE_LIMIT => {
            let (size, most) = (code.len() >> 20, CODE_LIMIT >> 20);
            Reply::Invalid(format!("it comes to {size} MiB of code, and {most} MiB are the most"))
        }
        Ok(code) => Reply::Code(code),
        Err(error) if error.is::<OutOfMemory>() => Reply::OutOfMemory,
        Err(error) => Reply::Invalid(format!("{error:#}")),
    }
}

/// Gives away what this process does not need.
fn confine(allowed: Allowed) -> io::Result<()> {
    // it compiles for nobody when the host has died
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // where memory runs out, this process goes before any other; not everywhere is it allowed
    let _ = fs::write("/proc/self/oom_score_adj", "1000");
    nice(NICE)?;
    close_inherited()?;
    limit(Resource::Core, 0)?;
    limit(Resource::Fsize, 0)?;
    limit(Resource::Nofile, FILES)?;
    limit(Resource::As, allowed.memory)?;
    limit(Resource::Cpu, allowed.cpu_seconds)
}

/// Lowers a limit for good, a lower one stays. Only CPU time has a step between the limit, which
/// says by its signal what has happened, and the end without a word one second later.
fn limit(resource: Resource, most: u64) -> io::Result<()> {
    let before = getrlimit(resource).maximum;
    let most = before.map_or(most, |before| before.min(most));
    let last = if resource == Resource::Cpu { before.map_or(most + 1, |before| before.min(most + 1)) } else { most };
    Ok(setrlimit(resource, Rlimit { current: Some(most), maximum: Some(last) })?)
}

/// Files that the host was started with itself and did not know of; its own close by themselves.
#[expect(unsafe_code, reason = "closing a file by its number alone")]
fn close_inherited() -> io::Result<()> {
    let names = fs::read_dir("/proc/self/fd")?.map(|entry| entry.map(|entry| entry.file_name()));
    let names: Vec<_> = names.collect::<Result<_, _>>()?;
    for file in names.iter().filter_map(|name| name.to_str()?.parse().ok()).filter(|file| *file > 2) {
        // SAFETY: this process has a single thread and has opened nothing itself, so nobody holds
        // this number: it is inherited, or that of the folder just read, which is closed already.
        unsafe { rustix::io::close(file) }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_of_the_worker_does_not_fit_the_host() {
        let (host, worker) = (engine::build(100).unwrap(), engine::build_for_compiling().unwrap());
        assert_eq!(cache::compatibility(&host), cache::compatibility(&worker));
    }
}
