//! Disks that fail, fill up or stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use holm_registry::store::engine::{Batch, Engine, EngineError, Pair};
use holm_registry::store::memory::MemoryEngine;
use holm_registry::store::{CommitError, Key, Store, StoreError, StoreOptions, Usage};
use holm_registry::units::ByteSize;

use crate::common::{block_on, orders, read, unit};

/// An engine whose next sync or write fails once on demand.
#[derive(Clone, Default)]
struct Failing {
    inner: MemoryEngine,
    sync: Arc<AtomicBool>,
    write: Arc<AtomicBool>,
}

fn fail_once(switch: &AtomicBool) -> Result<(), EngineError> {
    match switch.swap(false, Ordering::SeqCst) {
        true => Err(EngineError::Io(std::io::Error::other("input/output error"))),
        false => Ok(()),
    }
}

impl Engine for Failing {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        self.inner.get(key)
    }
    fn scan(&self, from: &[u8], to: Option<&[u8]>, limit: usize) -> Result<Vec<Pair>, EngineError> {
        self.inner.scan(from, to, limit)
    }
    fn apply(&self, batch: &Batch) -> Result<(), EngineError> {
        fail_once(&self.write)?;
        self.inner.apply(batch)
    }
    fn sync(&self) -> Result<(), EngineError> {
        fail_once(&self.sync)?;
        self.inner.sync()
    }
}

#[test]
fn after_a_failed_sync_nothing_is_acknowledged_any_more() {
    let engine = Failing::default();
    let store = Store::with_engine(Box::new(engine.clone())).unwrap();
    let safe = unit().put("a", "1").commit(&store).unwrap();
    block_on(store.durable(safe)).unwrap();
    engine.sync.store(true, Ordering::SeqCst);
    let lost = unit().put("a", "2").commit(&store).unwrap();
    let poisoned = StoreError::Poisoned { reason: "a sync failed: input/output error".to_owned() };
    assert_eq!(block_on(store.durable(lost)), Err(poisoned.clone()));
    assert_eq!(block_on(store.durable(safe)), Err(poisoned.clone()));
    assert_eq!(store.health(), Err(poisoned.clone()));
    assert_eq!(unit().put("a", "3").commit(&store), Err(CommitError::Store(poisoned.clone())));
    assert_eq!(block_on(store.close()), Err(poisoned.clone()));
    assert_eq!(
        poisoned.to_string(),
        "the store stopped: a sync failed: input/output error. Check the disk, then restart Holm"
    );
    let store = Store::with_engine(Box::new(engine.inner.crash())).unwrap();
    assert_eq!(read(&store, "a").unwrap(), b"1");
}

#[test]
fn after_a_failed_write_the_commit_is_not_visible_and_the_store_stops() {
    let engine = Failing::default();
    let store = Store::with_engine(Box::new(engine.clone())).unwrap();
    engine.write.store(true, Ordering::SeqCst);
    assert!(matches!(unit().put("a", "1").commit(&store), Err(CommitError::Store(StoreError::Poisoned { .. }))));
    assert_eq!(read(&store, "a"), None);
    assert!(store.health().is_err());
}

#[test]
fn a_commit_is_refused_while_the_disk_is_nearly_full_and_reads_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let store =
        Store::open(dir.path(), &StoreOptions { reserve: ByteSize::bytes(u64::MAX), ..StoreOptions::default() })
            .unwrap();
    let error = unit().put("a", "1").commit(&store).unwrap_err();
    assert!(matches!(error, CommitError::DiskFull { reserve: u64::MAX, .. }));
    assert_eq!(read(&store, "a"), None);
    assert_eq!(store.health(), Ok(()));
    assert!(unit().read("a", Default::default()).read("b", Default::default()).commit(&store).is_ok());
    drop(store);
    let store = Store::open(dir.path(), &StoreOptions::default()).unwrap();
    unit().put("a", "1").commit(&store).unwrap();
}

#[test]
fn a_loss_of_power_takes_only_what_was_not_durable() {
    let engine = MemoryEngine::new();
    let store = Store::with_engine(Box::new(engine.clone())).unwrap();
    let first = unit().put("a", vec![1; 200_000]).put("b", "1").commit(&store).unwrap();
    block_on(store.durable(first)).unwrap();
    let left = engine.crash();
    assert!(unit().put("a", "2").commit(&store).is_err());
    let store = Store::with_engine(Box::new(left)).unwrap();
    assert_eq!(read(&store, "a").unwrap(), vec![1; 200_000]);
    assert_eq!(store.applied(), first);
}

#[test]
fn a_store_of_a_later_version_is_refused_by_name() {
    let engine = MemoryEngine::new();
    let format = Key::meta("format");
    let later = Some(Bytes::from_static(&[0, 0, 0, 0, 0, 0, 0, 9]));
    engine.apply(&Batch::from([(format.as_bytes().to_vec(), later)])).unwrap();
    assert_eq!(
        Store::with_engine(Box::new(engine)).err().unwrap().to_string(),
        "the store has format 9 and this version of Holm reads up to 3: use the version that wrote it"
    );
}

#[test]
fn what_a_store_of_the_first_layout_holds_is_not_counted() {
    let engine = MemoryEngine::new();
    let store = Store::with_engine(Box::new(engine.clone())).unwrap();
    unit().put("a", "12345").put("large", vec![0; 300_000]).commit(&store).unwrap();
    block_on(store.close()).unwrap();
    let old = Bytes::copy_from_slice(&1_u64.to_be_bytes());
    let meta = |name: &str| Key::meta(name).as_bytes().to_vec();
    engine.apply(&Batch::from([(meta("format"), Some(old)), (meta("usage/orders"), None)])).unwrap();
    let store = Store::with_engine(Box::new(engine)).unwrap();
    assert_eq!(store.usage(&orders()), Usage { keys: 2, bytes: 300_011 });
}
