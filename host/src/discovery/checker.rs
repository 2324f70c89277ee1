//! Asks what is due, for as long as the host runs.

use std::sync::Arc;
use std::time::Duration;

use holm_registry::discovery::check::{How, Status};
use holm_registry::discovery::due::{Change, Question};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::keep::somewhere_in;
use super::{Discovery, now};
use crate::shutdown::TaskGroup;

/// Probes at once: each is a socket, and a slow instance keeps its own for as long as its timeout.
const PROBES: usize = 64;
/// The directory is looked through at most so often; thousands of instances then cost little.
const GRAIN: Duration = Duration::from_millis(50);
/// Where nothing is due, it is looked at again after this, in case the clock was stopped.
const LULL: Duration = Duration::from_secs(60);

/// The probes that are under way.
struct Probes {
    group: TaskGroup,
    places: Arc<Semaphore>,
    stop: CancellationToken,
}

impl Discovery {
    /// Asks, counts silence, and deregisters, until it is dropped.
    pub async fn check_forever(&self) {
        let stop = CancellationToken::new();
        // with this future the probes end that are under way: nobody waits for a slow instance
        let _ends_probes = stop.clone().drop_guard();
        let probes =
            Probes { group: self.0.tasks.group("health checks"), places: Arc::new(Semaphore::new(PROBES)), stop };
        loop {
            self.look(&probes).await;
            tokio::time::sleep(GRAIN).await;
            let next = self.read(|directory| directory.next());
            let pause = next.map_or(LULL, |next| next.saturating_duration_since(now()).min(LULL));
            // woken or due: either way it is looked again
            let _ = tokio::time::timeout(pause, self.0.wake.notified()).await;
        }
    }

    async fn look(&self, probes: &Probes) {
        let work = self.change(|directory| directory.due(now()));
        for question in work.questions {
            let (this, places, stop) = (self.clone(), Arc::clone(&probes.places), probes.stop.clone());
            probes.group.spawn(async move {
                let asking = async {
                    let Ok(_place) = places.acquire().await else { return };
                    this.ask(question).await;
                };
                stop.run_until_cancelled(asking).await;
            });
        }
        for change in work.changes {
            self.note(change).await;
        }
    }

    async fn ask(&self, question: Question) {
        let (status, output) = self.0.prober.ask(&question).await;
        self.0.metrics.checked(status.as_str());
        let pause = pause_after(&question.how);
        let change = self.change(|directory| directory.answered(&question, status, output, pause, now()));
        // the checker does not know yet when this check is next
        self.0.wake.notify_one();
        if let Some(change) = change {
            self.note(change).await;
        }
    }

    async fn note(&self, change: Change) {
        let instance = match change {
            Change::Moved { instance, check, status, output } => {
                let output: String = output.chars().take(200).collect();
                match status {
                    Status::Passing => tracing::info!(%instance, check, "a check passes"),
                    _ => tracing::warn!(%instance, check, %status, output, "a check does not pass"),
                }
                instance
            }
            Change::Gone(instance) => {
                tracing::warn!(%instance, "critical for too long: the instance is deregistered");
                instance
            }
        };
        self.keep_status(&instance).await;
    }
}

/// The interval, a tenth less to a tenth more: checks that began together do not stay together.
fn pause_after(how: &How) -> Duration {
    match how {
        How::Http { pace, .. } | How::Tcp { pace, .. } => pace.interval.mul_f64(0.9) + somewhere_in(pace.interval / 5),
        How::Ttl(time) => *time,
        How::Host => LULL,
    }
}
