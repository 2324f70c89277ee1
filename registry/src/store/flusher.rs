//! Makes commits durable: one thread that syncs whenever something is not yet durable.
//!
//! While a sync runs, the committer goes on; all that becomes visible meanwhile shares the next
//! sync. Those whom a sync has released commit again at about the same time: the next one waits a
//! moment for as many as there were, since otherwise it would begin with the first of them, and
//! the others would each time wait for it to end in vain. After a failed sync the store is poisoned
//! and nothing is tried again.
//!
//! A second thread looks whether the sync under way ends: a write that fails in the wrong moment leaves sled waiting
//! for ever for one that nobody makes any more, and a disk may do the same.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::effects::Sequence;
use super::shared::Shared;
use super::thread::spawn;

/// The part of a sync's time that the next one waits for company at most: what it adds to a commit that comes
/// alone after several.
const PATIENCE: u32 = 8;

/// A sync that takes longer has failed. Busy disks of virtual machines take seconds.
const HANG: Duration = Duration::from_secs(30);

/// The committer's handle on the threads.
pub(super) struct Flusher {
    desk: Arc<Desk>,
}

/// Where the committer leaves what it wants.
#[derive(Default)]
struct Desk {
    wanted: Mutex<Wanted>,
    /// Something is wanted.
    changed: Condvar,
    /// There is no more to wait for.
    over: Condvar,
}

#[derive(Default)]
struct Wanted {
    sequence: Sequence,
    finish: bool,
    /// Since when a sync is under way.
    begun: Option<Instant>,
    /// Nothing is synced any more.
    ended: bool,
}

/// Whoever syncs; in the end it says so, however that comes.
struct Syncing<'a>(&'a Desk);

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
        spawn("holm-flusher", shared.clone(), {
            let (shared, desk) = (shared.clone(), desk.clone());
            move || run(&shared, &Syncing(&desk))
        })?;
        spawn("holm-watch", shared.clone(), {
            let desk = desk.clone();
            move || watch(&shared, &desk)
        })?;
        Ok(Self { desk })
    }

    /// Asks for everything up to `sequence` to become durable.
    pub(super) fn request(&self, sequence: Sequence) {
        self.desk.lock().sequence = sequence;
        self.desk.changed.notify_one();
    }

    /// Returns when all that was asked for is durable or cannot become so.
    pub(super) fn finish(self) {
        let mut wanted = self.desk.lock();
        wanted.finish = true;
        self.desk.changed.notify_one();
        drop(self.desk.over.wait_while(wanted, |wanted| !wanted.ended));
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

    /// Waits until nothing is synced any more. Whether that is because the sync under way does not end.
    fn hangs(&self, after: Duration) -> bool {
        let mut wanted = self.lock();
        while !wanted.ended {
            let left = wanted.begun.map_or(after, |begun| after.saturating_sub(begun.elapsed()));
            if left.is_zero() {
                wanted.ended = true;
                self.over.notify_all();
                return true;
            }
            wanted = self.over.wait_timeout(wanted, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        false
    }
}

impl Syncing<'_> {
    fn begin(&self) -> Instant {
        let now = Instant::now();
        self.0.lock().begun = Some(now);
        now
    }

    fn end(&self) {
        self.0.lock().begun = None;
    }
}

impl Drop for Syncing<'_> {
    fn drop(&mut self) {
        self.0.lock().ended = true;
        self.0.over.notify_all();
    }
}

fn watch(shared: &Shared, desk: &Desk) {
    if desk.hangs(HANG) {
        shared.poison(format!("a sync failed: it has not ended within {} s", HANG.as_secs()));
    }
}

fn run(shared: &Shared, syncing: &Syncing<'_>) {
    let mut last = Pace::default();
    while let Some(sequence) = syncing.0.next(shared.durable(), last) {
        if shared.health().is_err() {
            return;
        }
        let (before, begun) = (shared.durable(), syncing.begin());
        let synced = shared.engine.sync();
        syncing.end();
        match synced {
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
    fn a_sync_that_never_ends_is_waited_for() {
        let desk = Desk::default();
        let syncing = Syncing(&desk);
        std::thread::scope(|scope| {
            let watched = scope.spawn(|| desk.hangs(LONG));
            syncing.begin();
            syncing.end();
            drop(syncing);
            assert!(!watched.join().unwrap());
        });
        let desk = Desk::default();
        let syncing = Syncing(&desk);
        syncing.begin();
        assert!(desk.hangs(Duration::from_millis(1)));
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
