//! What was saved: the files of some folders that have changed, together with those right after.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher, recommended_watcher};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;

/// An editor that saves writes, renames and removes within some milliseconds; a tool that formats or generates
/// several files takes a little longer.
const TOGETHER: Duration = Duration::from_millis(50);

/// Watches folders, not what is below them.
pub(super) struct Watch {
    watcher: RecommendedWatcher,
    saved: UnboundedReceiver<PathBuf>,
    folders: BTreeSet<PathBuf>,
}

impl Watch {
    /// With no folder yet.
    pub(super) fn new() -> anyhow::Result<Self> {
        let (tell, saved) = unbounded_channel();
        let hear = move |event: notify::Result<notify::Event>| {
            let Ok(event) = event else { return };
            if !matches!(event.kind, EventKind::Access(_)) {
                // nobody listens any more when the program ends
                event.paths.into_iter().for_each(|path| drop(tell.send(path)));
            }
        };
        let watcher = recommended_watcher(hear).context("files cannot be watched")?;
        Ok(Self { watcher, saved, folders: BTreeSet::new() })
    }

    /// These and no others from now on.
    pub(super) fn follow(&mut self, folders: &BTreeSet<PathBuf>) -> anyhow::Result<()> {
        for gone in self.folders.difference(folders) {
            // it may have been removed, and is not watched then
            let _gone = self.watcher.unwatch(gone);
        }
        for new in folders.difference(&self.folders) {
            let watched = self.watcher.watch(new, RecursiveMode::NonRecursive);
            watched.with_context(|| format!("{} cannot be watched", new.display()))?;
        }
        self.folders.clone_from(folders);
        Ok(())
    }

    /// The files that are saved next.
    pub(super) async fn next(&mut self) -> BTreeSet<PathBuf> {
        let Some(first) = self.saved.recv().await else { return std::future::pending().await };
        let mut all = BTreeSet::from([first]);
        while let Ok(Some(more)) = timeout(TOGETHER, self.saved.recv()).await {
            all.insert(more);
        }
        all
    }
}
