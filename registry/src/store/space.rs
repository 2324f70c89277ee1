//! Room on disk: a commit is refused before the disk is full, not after.
//!
//! sled stops for good when a write finds no room, so the store must never find that out by
//! writing.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long an answer of the file system is believed. Short against the time in which other
/// writers (artifacts, logs) fill 64 MiB.
const TRUST: Duration = Duration::from_millis(100);
/// How much the store itself may write on one answer: an eighth of the default reserve, so
/// that sled's log, which writes a few times the size of a batch, stays within it.
const TRUST_BYTES: u64 = 8 << 20;

/// Asks how many bytes are free.
pub(super) type Probe = Box<dyn Fn() -> io::Result<u64> + Send>;

/// Free bytes for a user without privileges on the file system of `path`.
pub(super) fn free_bytes(path: &Path) -> io::Result<u64> {
    let stat = rustix::fs::statvfs(path)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// Less is free than has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full {
    pub(super) free: u64,
    pub(super) reserve: u64,
}

/// Watches the free space. Asks the file system at most once in 100 ms or 8 MiB written,
/// except while the disk is full: then before every batch, to go on as soon as it can.
pub(super) struct Gauge {
    probe: Option<Probe>,
    reserve: u64,
    last: Option<Answer>,
}

struct Answer {
    at: Instant,
    free: u64,
    written: u64,
}

impl Gauge {
    /// `probe: None` for an engine without a disk.
    pub(super) fn new(probe: Option<Probe>, reserve: u64) -> Self {
        Self { probe, reserve, last: None }
    }

    /// Whether `bytes` may be written.
    pub(super) fn admit(&mut self, bytes: u64, now: Instant) -> Result<(), Full> {
        let Some(probe) = &self.probe else { return Ok(()) };
        let last = self.last.take().filter(|last| last.believed(now, bytes));
        let mut answer = match last {
            Some(answer) => answer,
            None => match probe() {
                Ok(free) => Answer { at: now, free, written: 0 },
                Err(error) => {
                    tracing::warn!(%error, "cannot ask for the free space of the data directory");
                    return Ok(());
                }
            },
        };
        let full = Full { free: answer.free, reserve: self.reserve };
        answer.written += bytes;
        if answer.free.saturating_sub(answer.written) < self.reserve {
            return Err(full);
        }
        self.last = Some(answer);
        Ok(())
    }
}

impl Answer {
    fn believed(&self, now: Instant, bytes: u64) -> bool {
        now.saturating_duration_since(self.at) < TRUST && self.written + bytes < TRUST_BYTES
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    fn gauge(reserve: u64) -> (Gauge, Arc<AtomicU64>, Arc<AtomicU64>) {
        let (free, asked) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (of, count) = (free.clone(), asked.clone());
        let probe = move || {
            count.fetch_add(1, Ordering::SeqCst);
            Ok(of.load(Ordering::SeqCst))
        };
        (Gauge::new(Some(Box::new(probe)), reserve), free, asked)
    }

    #[test]
    fn writing_goes_on_as_soon_as_there_is_room_again() {
        let (mut gauge, free, _) = gauge(100);
        let now = Instant::now();
        free.store(99, Ordering::SeqCst);
        assert_eq!(gauge.admit(0, now), Err(Full { free: 99, reserve: 100 }));
        free.store(200, Ordering::SeqCst);
        assert_eq!(gauge.admit(50, now), Ok(()));
    }

    #[test]
    fn the_file_system_is_not_asked_for_every_commit() {
        let (mut gauge, free, asked) = gauge(0);
        free.store(1 << 30, Ordering::SeqCst);
        let start = Instant::now();
        for _ in 0..1000 {
            gauge.admit(1, start).unwrap();
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        gauge.admit(1, start + TRUST).unwrap();
        assert_eq!(asked.load(Ordering::SeqCst), 2);
        gauge.admit(TRUST_BYTES, start + TRUST).unwrap();
        assert_eq!(asked.load(Ordering::SeqCst), 3);
    }

    #[test]
    fn a_commit_larger_than_the_room_is_refused() {
        let (mut gauge, free, _) = gauge(10);
        free.store(100, Ordering::SeqCst);
        assert!(gauge.admit(91, Instant::now()).is_err());
        assert!(gauge.admit(90, Instant::now()).is_ok());
    }

    #[test]
    fn the_file_system_of_a_real_folder_answers() {
        assert!(free_bytes(&std::env::temp_dir()).unwrap() > 0);
    }
}
