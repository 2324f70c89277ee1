//! Is what is live still well? Asked at a revision's own interval, for as long as it is live.
//!
//! An unhealthy revision goes on serving, since nothing could take its place; the state of its
//! service, its log and `holm services` say so, until it answers well again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::prepare::probe;
use super::{Services, lock};
use crate::runtime::Revision;

/// How often it is looked at which probes are due: the grain of `health.interval`.
const LOOK: Duration = Duration::from_millis(100);

impl Services {
    /// Probes the live revisions for as long as the host runs.
    pub async fn probe_forever(&self) {
        let mut every = tokio::time::interval(LOOK);
        loop {
            every.tick().await;
            for revision in self.due(Instant::now()) {
                let this = self.clone();
                self.0.tasks.spawn("health probe", async move { this.ask(revision).await });
            }
        }
    }

    /// The revisions to ask now. A revision is first asked one interval after it went live: its
    /// deployment has just asked it.
    fn due(&self, now: Instant) -> Vec<Arc<Revision>> {
        let table = self.table();
        let is_due = |revision: &&Arc<Revision>| {
            let Some(settings) = &revision.settings().health else { return false };
            let mut known = lock(revision.health());
            let first = now + settings.interval;
            let due = *known.due.get_or_insert(first) <= now;
            if due {
                // further away than the probe that begins now can last
                known.due = Some(first + settings.timeout);
            }
            due
        };
        table.services.values().filter(is_due).cloned().collect()
    }

    async fn ask(&self, revision: Arc<Revision>) {
        let Some(settings) = &revision.settings().health else { return };
        let trouble = probe(&revision, settings).await.err();
        let before = {
            let mut known = lock(revision.health());
            known.due = Some(Instant::now() + settings.interval);
            std::mem::replace(&mut known.trouble, trouble.clone())
        };
        match (before, trouble) {
            (None, Some(why)) => self.tell(&revision, &format!("is not well: {why}")),
            (Some(_), None) => self.tell(&revision, "is well again"),
            _ => {}
        }
    }
}
