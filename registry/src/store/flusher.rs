//! Makes commits durable: one thread that syncs whenever something is not yet durable.
//!
//! While a sync runs, the committer goes on; all that becomes visible meanwhile shares the next
//! sync. Those whom a sync has released commit again at about the same time: the next one waits a
//! moment for as many as there were, since otherwise it would begin with the first of them, and
//! the others would each time wait for it to end in vain. After a failed sync the store is poisoned
//! and nothing is tried again.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::effects::Sequence;
use super::shared::Shared;
use super::thread::spawn;

/// The part of a sync's time that the next one waits for company at most: what it adds to a commit that comes
/// alone after several.
const PATIENCE: u32 = 8;

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

/// What the last sync was like, and so probably the next one.
#[derive(Clone, Copy, Default)]
struct Pace {
    /// Commits that it made durable.
    commits: u64,
    took: Duration,
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

    /// Waits for a sequence above `durable`, and a moment for more. `None`: finished.
    fn next(&self, durable: Sequence, last: Pace) -> Option<Sequence> {
        let idle = |wanted: &mut Wanted| wanted.sequence <= durable && !wanted.finish;
        let wanted = self.changed.wait_while(self.lock(), idle).unwrap_or_else(PoisonError::into_inner);
        let few = |wanted: &mut Wanted| wanted.sequence.0 < durable.0.saturating_add(last.commits) && !wanted.finish;
        let waited = self.changed.wait_timeout_while(wanted, last.took / PATIENCE, few);
        let (wanted, _) = waited.unwrap_or_else(PoisonError::into_inner);
        (wanted.sequence > durable).then_some(wanted.sequence)
    }
}

fn run(shared: &Shared, desk: &Desk) {
    let mut last = Pace::default();
    while let Some(sequence) = desk.next(shared.durable(), last) {
        if shared.health().is_err() {
            return;
        }
        let (before, begun) = (shared.durable(), Instant::now());
        match shared.engine.sync() {
            Ok(()) => shared.set_durable(sequence),
            Err(error) => return shared.poison(format!("a sync failed: {error}")),
        }
        last = Pace { commits: sequence.0.saturating_sub(before.0), took: begun.elapsed() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Far longer than any machine takes for what is waited for here.
    const LONG: Duration = Duration::from_secs(600);

    fn ask(desk: &Desk, sequences: impl IntoIterator<Item = u64>) {
        for sequence in sequences {
            desk.lock().sequence = Sequence(sequence);
            desk.changed.notify_one();
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_sync_begins_with_the_first_of_those_that_come_together() {
        let desk = Desk::default();
        let next = |commits, took| desk.next(Sequence(4), Pace { commits, took });
        std::thread::scope(|scope| {
            scope.spawn(|| ask(&desk, 5..=8));
            assert_eq!(next(4, LONG), Some(Sequence(8)));
        });
    }

    #[test]
    fn a_commit_that_comes_alone_waits_for_others_for_ever() {
        let desk = Desk::default();
        ask(&desk, [5]);
        let next = |commits, took| desk.next(Sequence(4), Pace { commits, took });
        assert_eq!(next(1, LONG), Some(Sequence(5)));
        assert_eq!(next(9, Duration::from_millis(8)), Some(Sequence(5)));
        desk.lock().finish = true;
        assert_eq!(next(9, LONG), Some(Sequence(5)));
        assert_eq!(desk.next(Sequence(5), Pace { commits: 9, took: LONG }), None);
    }
}
