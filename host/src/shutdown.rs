//! How Holm ends: one task tracker, and a shutdown in two steps.
//!
//! | step | begun by | who listens | what happens |
//! | --- | --- | --- | --- |
//! | draining | the first SIGTERM or SIGINT | the doors | nothing new is let in, what is inside is finished |
//! | stopping | the app, once the doors are done | everything else | background work ends |
//!
//! A second signal leaves at once, whatever is under way.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use futures::stream::{self, Stream, StreamExt};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Says to everybody who holds a clone how far the shutdown has come.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    draining: CancellationToken,
    stopping: CancellationToken,
}

impl Shutdown {
    /// A shutdown that has not begun.
    pub fn new() -> Self {
        Self::default()
    }

    /// First step: the doors stop letting anything in. Doing it twice is harmless.
    pub fn begin(&self) {
        self.draining.cancel();
    }

    /// Ends when the first step has begun.
    pub async fn draining(&self) {
        self.draining.cancelled().await;
    }

    /// Whether the first step has begun.
    pub fn has_begun(&self) -> bool {
        self.draining.is_cancelled()
    }

    /// Second step: background work ends. Begins the first step too.
    pub fn stop(&self) {
        self.begin();
        self.stopping.cancel();
    }

    /// Ends when the second step has begun.
    pub async fn stopping(&self) {
        self.stopping.cancelled().await;
    }
}

/// Every background task of the process, by name. The only place that spawns.
#[derive(Clone, Debug, Default)]
pub struct Tasks {
    groups: Arc<Mutex<BTreeMap<&'static str, TaskTracker>>>,
}

impl Tasks {
    /// No task yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs `future` in the background. `name` is what a drain that takes too long reports.
    pub fn spawn<F>(&self, name: &'static str, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.group(name).spawn(future)
    }

    /// All tasks of that name. Hold it where tasks are spawned often: spawning from it takes
    /// no lock.
    pub fn group(&self, name: &'static str) -> TaskGroup {
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        TaskGroup { tracker: groups.entry(name).or_default().clone() }
    }

    /// Waits until every task has ended.
    ///
    /// # Errors
    /// Names the tasks that still run at the deadline; they run on.
    pub async fn wait(&self, deadline: Instant) -> Result<(), StillRunning> {
        for tracker in self.trackers().into_values() {
            tracker.close();
            if tokio::time::timeout_at(deadline, tracker.wait()).await.is_err() {
                return Err(self.still_running());
            }
        }
        Ok(())
    }

    fn trackers(&self) -> BTreeMap<&'static str, TaskTracker> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn still_running(&self) -> StillRunning {
        let running = self.trackers().into_iter().map(|(name, tracker)| (name, tracker.len()));
        StillRunning(running.filter(|(_, count)| *count > 0).collect())
    }
}

/// The tasks of one name.
#[derive(Clone, Debug)]
pub struct TaskGroup {
    tracker: TaskTracker,
}

impl TaskGroup {
    /// Runs `future` in the background as one of the group.
    #[expect(clippy::disallowed_methods, reason = "the one place that spawns: the tracker is told of every task")]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        tokio::spawn(self.tracker.track_future(future))
    }

    /// How many of the group run.
    pub fn len(&self) -> usize {
        self.tracker.len()
    }

    /// Whether none of the group runs.
    pub fn is_empty(&self) -> bool {
        self.tracker.is_empty()
    }

    /// Ends when none of the group runs.
    pub async fn wait(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }
}

/// The tasks that outlived the deadline, with their number.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub struct StillRunning(pub BTreeMap<&'static str, usize>);

impl fmt::Display for StillRunning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("still running at the deadline:")?;
        for (index, (name, count)) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma} {name} ({count})")?;
        }
        Ok(())
    }
}

/// SIGTERM and SIGINT, caught from the moment of construction on.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Catches both signals from now on.
    ///
    /// # Errors
    /// When the system refuses the handler.
    pub fn catch() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Begins the shutdown on the first signal; calls `leave` on the second.
    pub async fn run(mut self, shutdown: Shutdown, leave: impl FnOnce()) {
        let signals = stream::poll_fn(|cx| self.poll_next(cx));
        drain_then_leave(signals, shutdown, leave).await;
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<&'static str>> {
        if self.terminate.poll_recv(cx).is_ready() {
            return Poll::Ready(Some("SIGTERM"));
        }
        self.interrupt.poll_recv(cx).map(|_| Some("SIGINT"))
    }
}

async fn drain_then_leave(
    mut signals: impl Stream<Item = &'static str> + Unpin,
    shutdown: Shutdown,
    leave: impl FnOnce(),
) {
    if let Some(signal) = signals.next().await {
        tracing::info!(signal, "draining; a second signal leaves at once");
        shutdown.begin();
    }
    if let Some(signal) = signals.next().await {
        tracing::warn!(signal, "leaving at once");
        leave();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::SinkExt;
    use futures::channel::mpsc;

    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(10)
    }

    #[tokio::test]
    async fn the_first_signal_drains_and_the_second_leaves() {
        let (mut signal, signals) = mpsc::channel(2);
        let (left, leaves) = tokio::sync::oneshot::channel();
        let (shutdown, tasks) = (Shutdown::new(), Tasks::new());
        let watched = shutdown.clone();
        tasks.spawn("signals", drain_then_leave(signals, watched, move || left.send(()).unwrap()));
        assert!(!shutdown.has_begun());
        signal.send("SIGTERM").await.unwrap();
        shutdown.draining().await;
        signal.send("SIGINT").await.unwrap();
        leaves.await.unwrap();
        tasks.wait(soon()).await.unwrap();
    }

    #[tokio::test]
    async fn a_drain_that_takes_too_long_names_what_still_runs() {
        let (shutdown, tasks) = (Shutdown::new(), Tasks::new());
        for _ in 0..2 {
            let shutdown = shutdown.clone();
            tasks.spawn("gateway", async move { shutdown.stopping().await });
        }
        shutdown.begin();
        let late = tasks.wait(Instant::now()).await.unwrap_err();
        assert_eq!(late.to_string(), "still running at the deadline: gateway (2)");
        shutdown.stop();
        tasks.wait(soon()).await.unwrap();
    }
}
