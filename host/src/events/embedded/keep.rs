//! What the bus does in the background: it writes down where its consumers stand, removes what nobody needs,
//! and counts what waits.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use holm_registry::ServiceName;
use holm_registry::store::{CommitError, Effects, Key, Log, Logged, Position, Store};
use holm_registry::subject::SubjectPattern;
use tokio::sync::Notify;
use tokio::time::sleep;

use super::durable::{Durable, Snapshot};
use super::head::Head;
use super::retention::{Retention, Row, Size};
use crate::events::bus::BusError;
use crate::telemetry::now_ms;

/// How long what has changed is only remembered: ten commits a second beside those of the handlers, and after
/// a crash a tenth of a second of marks to read.
const SAVE: Duration = Duration::from_millis(100);
/// How often the log is looked at for what can go.
const TRIM: Duration = Duration::from_secs(10);
/// Marks removed in one commit: some hundred KiB.
const REMOVED: usize = 2_000;
/// Events that are read to decide what can go.
const OLDEST: usize = 256;
const OLDEST_BYTES: usize = 4 << 20;
/// Events that are counted in one go for one consumer, some milliseconds, and how often in a row.
const COUNTED: usize = 1024;
const COUNT_STEPS: usize = 100;

/// Consumers by service and subject.
type Durables = BTreeMap<(ServiceName, SubjectPattern), Arc<Durable>>;

/// What all of the bus shares.
pub struct Kept {
    /// The store.
    pub store: Store,
    /// Its log.
    pub head: Head,
    durables: Mutex<Durables>,
    retention: Retention,
    lost: AtomicU64,
    /// Something has to be saved.
    changed: Notify,
    /// Events that cannot be read, to be set aside.
    damaged: Mutex<BTreeSet<Position>>,
    /// Held while records are written, so that none is written after its end.
    writing: tokio::sync::Mutex<()>,
}

impl Kept {
    /// With the consumers that were found.
    pub fn new(store: Store, head: Head, found: Vec<Durable>, retention: Retention) -> Self {
        let key = |durable: &Durable| (durable.service.clone(), durable.subject.clone());
        let durables = found.into_iter().map(|durable| (key(&durable), Arc::new(durable))).collect();
        let (lost, changed, damaged, writing) = Default::default();
        Self { store, head, durables: Mutex::new(durables), retention, lost, changed, damaged, writing }
    }

    /// The consumer, if there is one.
    pub fn find(&self, service: &ServiceName, subject: &SubjectPattern) -> Option<Arc<Durable>> {
        self.durables().get(&(service.clone(), subject.clone())).cloned()
    }

    /// All consumers.
    pub fn all(&self) -> Vec<Arc<Durable>> {
        self.durables().values().cloned().collect()
    }

    /// Events that were removed although somebody had not settled them.
    pub fn lost(&self) -> u64 {
        self.lost.load(Relaxed)
    }

    /// Something has changed that is to be saved soon.
    pub fn changed(&self) {
        self.changed.notify_one();
    }

    /// An event cannot be read: it is set aside, and everybody goes on without it.
    pub fn found_damaged(&self, at: Position) {
        self.damaged.lock().unwrap_or_else(PoisonError::into_inner).insert(at);
        self.changed();
    }

    /// Keeps a new consumer, from its durable record on; or finds that somebody was quicker.
    ///
    /// # Errors
    /// When its record cannot be written.
    pub async fn add(&self, durable: Durable) -> Result<Arc<Durable>, BusError> {
        let _writing = self.writing.lock().await;
        if let Some(found) = self.find(&durable.service, &durable.subject) {
            return Ok(found);
        }
        let writes = [durable.saved().write()].into();
        let sequence = self.store.commit(Effects { writes, ..Effects::default() }).await?;
        self.store.durable(sequence).await?;
        let (key, durable) = ((durable.service.clone(), durable.subject.clone()), Arc::new(durable));
        self.durables().insert(key, Arc::clone(&durable));
        Ok(durable)
    }

    /// Forgets a consumer, with its marks.
    ///
    /// # Errors
    /// When its record cannot be removed; it is not delivered to any more.
    pub async fn remove(&self, durable: &Durable) -> Result<(), BusError> {
        let _writing = self.writing.lock().await;
        durable.end();
        self.store.forget(&durable.service, durable.subject.as_str()).await?;
        self.store.durable(self.store.applied()).await?;
        self.durables().remove(&(durable.service.clone(), durable.subject.clone()));
        Ok(())
    }

    /// Saves, removes and counts for as long as it is polled.
    pub async fn run(&self) {
        let save = async {
            loop {
                self.changed.notified().await;
                sleep(SAVE).await;
                if let Err(error) = self.save().await {
                    tracing::warn!(%error, "where subscriptions stand was not saved; what is handled stays handled");
                    sleep(TRIM).await;
                }
            }
        };
        let trim = async {
            loop {
                if let Err(error) = self.trim().await {
                    tracing::warn!(%error, "old events were not removed");
                }
                sleep(TRIM).await;
            }
        };
        tokio::join!(save, trim);
    }

    /// Writes down where all consumers stand.
    ///
    /// # Errors
    /// When the store does not take it; it is tried again with the next change.
    pub async fn save(&self) -> Result<(), CommitError> {
        let _writing = self.writing.lock().await;
        let damaged = std::mem::take(&mut *self.damaged.lock().unwrap_or_else(PoisonError::into_inner));
        for at in damaged {
            self.store.quarantine(&Key::event(Log::Events, at)).await?;
        }
        for durable in self.all() {
            let Some(snapshot) = durable.snapshot(REMOVED) else { continue };
            if snapshot.marks.len() == REMOVED {
                self.changed();
            }
            let writes = self.writes(&durable, &snapshot);
            if let Err(error) = self.store.commit(Effects { writes, ..Effects::default() }).await {
                durable.not_saved(snapshot.marks);
                return Err(error);
            }
        }
        Ok(())
    }

    fn writes(&self, durable: &Durable, snapshot: &Snapshot) -> BTreeMap<Key, Option<bytes::Bytes>> {
        let marks = snapshot.marks.iter().map(|at| (self.mark(durable, *at), None));
        marks.chain([snapshot.saved.write()]).collect()
    }

    fn mark(&self, durable: &Durable, at: Position) -> Key {
        Key::inbox(&durable.service, durable.subject.as_str(), &self.store.event_id(at))
    }

    /// Removes everything that nobody waits for, whatever retention says; how many events are left.
    ///
    /// # Errors
    /// When the store cannot be read or changed.
    pub async fn remove_settled(&self) -> Result<u64, BusError> {
        let settled = self.all().iter().map(|durable| durable.settled_until()).min();
        let settled = settled.unwrap_or_else(|| self.head.end());
        loop {
            let oldest = self.store.events(Log::Events, None, OLDEST)?;
            let gone = oldest.iter().take_while(|logged| logged.at <= settled);
            let writes: BTreeMap<_, _> = gone.map(|logged| (Key::event(Log::Events, logged.at), None)).collect();
            if writes.is_empty() {
                return Ok(self.store.log_usage(Log::Events).keys);
            }
            self.store.commit(Effects { writes, ..Effects::default() }).await?;
        }
    }

    /// Removes what is over the limits of retention.
    ///
    /// # Errors
    /// When the store cannot be read or changed.
    pub async fn trim(&self) -> Result<(), BusError> {
        loop {
            let oldest = self.store.page(Log::Events, None, OLDEST, OLDEST_BYTES)?.events;
            let rows: Vec<Row> = oldest.iter().map(row).collect();
            let settled = self.all().iter().map(|durable| durable.settled_until()).min();
            let settled = settled.unwrap_or_else(|| self.head.end());
            let excess = self.retention.excess(&rows, self.size(), settled, now_ms());
            let Some((last, gone)) = oldest.get(..excess).and_then(|gone| Some((gone.last()?, gone))) else {
                return Ok(());
            };
            self.store.trim(Log::Events, last.at).await?;
            self.tell_of(gone);
            if excess < oldest.len() {
                return Ok(());
            }
        }
    }

    fn tell_of(&self, gone: &[Logged]) {
        for durable in self.all() {
            let lost = durable.removed(gone);
            if lost > 0 {
                self.lost.fetch_add(lost, Relaxed);
                let (service, subject) = (&durable.service, durable.subject.as_str());
                tracing::warn!(%service, subject, lost, "the log is full: events were removed that nobody has handled");
            }
        }
    }

    fn size(&self) -> Size {
        let kept = self.store.log_usage(Log::Events);
        Size { events: kept.keys, bytes: kept.bytes }
    }

    /// Counts what waits for each consumer. Of a long row it counts the rest the next time.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn count(&self) -> Result<(), BusError> {
        for durable in self.all() {
            let mut steps = 0;
            while steps < COUNT_STEPS && durable.count_ahead(&self.head, COUNTED)? {
                steps += 1;
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }

    fn durables(&self) -> std::sync::MutexGuard<'_, Durables> {
        self.durables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A damaged event, which nobody will read, is as old as can be.
fn row(logged: &Logged) -> Row {
    let content = logged.content.as_ref();
    Row {
        at: logged.at,
        time: content.map_or(0, |content| content.time),
        bytes: content.map_or(0, |content| content.size() as u64),
    }
}
