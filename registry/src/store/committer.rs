//! The only writer: one thread that takes all commits that wait, applies those that hold as one
//! batch, and answers. It never waits for a sync; the flusher does ([`super::flusher`]).

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::effects::{Effects, Sequence};
use super::error::{CommitError, StoreError};
use super::flusher::Flusher;
use super::group::{Group, Writes};
use super::shared::Shared;
use super::space::Gauge;

/// Commits in one batch. sled lets no reader in while it applies a batch, so a batch stays
/// within some milliseconds.
const GROUP: usize = 256;
/// Bytes in one batch, for the same reason. A single larger commit goes alone.
const GROUP_BYTES: usize = 4 << 20;

/// A commit on its way.
pub(super) struct Job {
    pub(super) effects: Effects,
    pub(super) answer: oneshot::Sender<Result<Sequence, CommitError>>,
    /// Room in the queue, given back with the answer.
    pub(super) room: OwnedSemaphorePermit,
}

pub(super) enum Message {
    Commit(Job),
    /// Finish what is in the queue, sync, and say so.
    Close(oneshot::Sender<()>),
}

pub(super) struct Committer {
    pub(super) shared: Arc<Shared>,
    pub(super) queue: mpsc::Receiver<Message>,
    pub(super) gauge: Gauge,
    pub(super) flusher: Flusher,
}

impl Committer {
    /// Runs until it is told to close or nobody can send any more.
    pub(super) fn run(mut self) {
        let mut closing = None;
        while let Some(first) = self.queue.blocking_recv() {
            let jobs = self.collect(first, &mut closing);
            self.commit(jobs);
        }
        self.flusher.finish();
        self.shared.set_closed();
        if let Some(done) = closing {
            // whoever asked may have left
            let _ = done.send(());
        }
    }

    /// The message with all that wait behind it, up to the size of a group.
    fn collect(&mut self, first: Message, closing: &mut Option<oneshot::Sender<()>>) -> Vec<Job> {
        let mut jobs = Vec::new();
        let mut bytes = 0;
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Message::Commit(job) => {
                    bytes += job.effects.size();
                    jobs.push(job);
                }
                Message::Close(done) => {
                    self.queue.close();
                    *closing = Some(done);
                }
            }
            let full = jobs.len() >= GROUP || bytes >= GROUP_BYTES;
            next = if full { None } else { self.queue.try_recv().ok() };
        }
        jobs
    }

    fn commit(&mut self, jobs: Vec<Job>) {
        let mut group = Group::new(&self.shared);
        let mut answers = Vec::with_capacity(jobs.len());
        for Job { effects, answer, room } in jobs {
            let outcome = admit(&self.shared, &mut self.gauge, &effects).and_then(|()| group.add(&effects));
            answers.push((answer, room, outcome));
        }
        let applied = apply(&self.shared, group, &self.flusher);
        for (answer, room, outcome) in answers {
            let outcome = outcome.and_then(|sequence| applied.clone().map(|()| sequence).map_err(Into::into));
            drop(room);
            // the commit stands even if nobody waits for it any more
            let _ = answer.send(outcome);
        }
    }
}

fn admit(shared: &Shared, gauge: &mut Gauge, effects: &Effects) -> Result<(), CommitError> {
    shared.health()?;
    if effects.only_reads() {
        return Ok(());
    }
    let full = |full: super::space::Full| CommitError::DiskFull { free: full.free, reserve: full.reserve };
    gauge.admit(effects.size() as u64, Instant::now()).map_err(full)
}

/// Makes the group visible and asks for its sync.
fn apply(shared: &Shared, group: Group<'_>, flusher: &Flusher) -> Result<(), StoreError> {
    let Some(Writes { batch, last, keysets, usages }) = group.into_writes() else { return Ok(()) };
    shared.begin_batch(last);
    if let Err(error) = shared.engine.apply(&batch) {
        shared.poison(format!("a write failed: {error}"));
        return shared.health();
    }
    shared.end_batch(last, keysets, usages);
    flusher.request(last);
    Ok(())
}
