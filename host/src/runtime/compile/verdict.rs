//! What the end of a compiling process means. Pure: no process, no clock.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use super::CompileError;
use super::child::{Ended, Why};
use super::frame::Reply;
use crate::config::CompileLimits;

/// SIGABRT (signal(7)): the standard library's way out when an allocation fails.
const ABORTED: i32 = 6;
/// SIGXCPU: the limit on CPU time.
const OUT_OF_CPU: i32 = 24;
/// The exit code of a worker that could not begin: its limits could not be set.
const FAILED: i32 = 1;
/// That of a program which does not know the worker's command.
const MISUSED: i32 = 2;
/// How the standard library begins to say that an allocation failed.
const NO_MEMORY: &str = "memory allocation of ";

/// The code, or why there is none. `compatibility`: of the engine that is to load it.
pub(super) fn verdict(ended: Ended, limits: &CompileLimits, compatibility: u64) -> Result<Vec<u8>, CompileError> {
    let Ended { why, status, reply, complaint } = ended;
    match why {
        Why::OutOfTime => return Err(CompileError::TimedOut(limits.time)),
        Why::HostEnds => return Err(CompileError::Host("the host is ending".to_owned())),
        Why::TooMuchSaid => return Err(CompileError::Crashed("its answer had no end".to_owned())),
        Why::ByItself if !status.success() => return Err(broke_down(status, &complaint, limits)),
        Why::ByItself => {}
    }
    match Reply::decode(reply, compatibility) {
        Some(Reply::Code(code)) => Ok(code),
        Some(Reply::Invalid(text)) => Err(CompileError::Invalid(text)),
        Some(Reply::OutOfMemory) => Err(CompileError::TooMuchMemory(limits.memory)),
        None => Err(CompileError::Host("it answered what this host does not understand".to_owned())),
    }
}

fn broke_down(status: ExitStatus, complaint: &[u8], limits: &CompileLimits) -> CompileError {
    let complaint = String::from_utf8_lossy(complaint);
    match status.signal() {
        Some(OUT_OF_CPU) => CompileError::TooSlow(limits.cpu),
        Some(ABORTED) if complaint.contains(NO_MEMORY) => CompileError::TooMuchMemory(limits.memory),
        _ => {
            let line = complaint.lines().find(|line| !line.is_empty());
            let told = line.map_or_else(|| status.to_string(), |line| format!("{status}: {line}"));
            match status.code() {
                Some(FAILED | MISUSED) => CompileError::Host(told),
                _ => CompileError::Crashed(told),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENGINE: u64 = 7;

    fn ended(why: Why, status: i32, reply: Vec<u8>, complaint: &str) -> Result<Vec<u8>, CompileError> {
        let status = ExitStatus::from_raw(status);
        let complaint = complaint.as_bytes().to_vec();
        verdict(Ended { why, status, reply, complaint }, &CompileLimits::default(), ENGINE)
    }

    fn sent(reply: Reply) -> Vec<u8> {
        let (head, body) = reply.encode(ENGINE);
        [head, body].concat()
    }

    #[test]
    fn a_limit_is_told_as_another_one() {
        let code = || sent(Reply::Code(b"code".to_vec()));
        let reason = |result: Result<Vec<u8>, CompileError>| result.unwrap_err().reason();
        assert_eq!(reason(ended(Why::OutOfTime, 9, code(), "")), "time");
        assert_eq!(reason(ended(Why::ByItself, OUT_OF_CPU, Vec::new(), "")), "cpu");
        assert_eq!(reason(ended(Why::ByItself, ABORTED, Vec::new(), "memory allocation of 8 bytes failed")), "memory");
        assert_eq!(reason(ended(Why::ByItself, 0, sent(Reply::OutOfMemory), "")), "memory");
        assert_eq!(reason(ended(Why::ByItself, ABORTED, Vec::new(), "stack overflow")), "crashed");
        assert_eq!(reason(ended(Why::ByItself, 11, Vec::new(), "")), "crashed");
        assert_eq!(reason(ended(Why::HostEnds, 9, Vec::new(), "")), "host");
    }

    #[test]
    fn code_of_a_process_that_failed_is_loaded() {
        let code = sent(Reply::Code(b"code".to_vec()));
        assert_eq!(ended(Why::ByItself, 0, code.clone(), "").unwrap(), b"code");
        let failed = ended(Why::ByItself, 101 << 8, code.clone(), "\nthread main panicked\n").unwrap_err();
        assert!(failed.to_string().contains("101: thread main panicked"), "{failed}");
        // a compiler that does not start is not the component's fault
        for code in [FAILED, MISUSED] {
            assert_eq!(ended(Why::ByItself, code << 8, Vec::new(), "error: x").unwrap_err().reason(), "host");
        }
        assert!(ended(Why::TooMuchSaid, 0, code.clone(), "").is_err());
        assert!(ended(Why::ByItself, 0, code[..code.len() - 1].to_vec(), "").is_err());
    }
}
