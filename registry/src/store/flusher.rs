//! Makes commits durable: one thread that syncs whenever something is not yet durable.
//!
//! While a sync runs, the committer goes on; all that becomes visible meanwhile shares the next
//! sync. After a failed sync the store is poisoned and nothing is tried again.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use super::effects::Sequence;
use super::shared::Shared;
use super::thread::spawn;

/// The committer's handle on the thread.
pub(super) struct Flusher {
    desk: Arc<Desk>,
    thread: JoinHandle<()>,
}

/// Where the committer leaves what it wants.
#[derive(Default)]
struct Desk {
    wanted: Mutex<Wanted>,
    changed: Condvar,
}

#[derive(Default)]
struct Wanted {
    sequence: Sequence,
    finish: bool,
}

impl Flusher {
    pub(super) fn start(shared: Arc<Shared>) -> io::Result<Self> {
        let desk = Arc::new(Desk::default());
        let thread = spawn("holm-flusher", shared.clone(), {
            let desk = desk.clone();
            move || run(&shared, &desk)
        })?;
        Ok(Self { desk, thread })
    }

    /// Asks for everything up to `sequence` to become durable.
    pub(super) fn request(&self, sequence: Sequence) {
        self.desk.lock().sequence = sequence;
        self.desk.changed.notify_one();
    }

    /// Returns when all that was asked for is durable or cannot become so.
    pub(super) fn finish(self) {
        self.desk.lock().finish = true;
        self.desk.changed.notify_one();
        // a panic there has already poisoned the store
        let _ = self.thread.join();
    }
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, Wanted> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a sequence above `durable`. `None`: finished.
    fn next(&self, durable: Sequence) -> Option<Sequence> {
        let idle = |wanted: &mut Wanted| wanted.sequence <= durable && !wanted.finish;
        let wanted = self.changed.wait_while(self.lock(), idle).unwrap_or_else(PoisonError::into_inner);
        (wanted.sequence > durable).then_some(wanted.sequence)
    }
}

fn run(shared: &Shared, desk: &Desk) {
    while let Some(sequence) = desk.next(shared.durable()) {
        if shared.health().is_err() {
            return;
        }
        match shared.engine.sync() {
            Ok(()) => shared.set_durable(sequence),
            Err(error) => return shared.poison(format!("a sync failed: {error}")),
        }
    }
}
