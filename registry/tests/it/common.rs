//! What the tests share: stores on both engines, short effects, an executor of ten lines.

use std::future::Future;
use std::pin::pin;
use std::process::Command;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use bytes::Bytes;
use holm_registry::ServiceName;
use holm_registry::event::Content;
use holm_registry::store::memory::MemoryEngine;
use holm_registry::store::{CommitError, Effects, Key, Keyset, Log, Sequence, Store, StoreOptions};
use tempfile::TempDir;

/// Makes of each function a test on disk and one in memory.
macro_rules! over_both_engines {
    ($($(#[$doc:meta])* fn $name:ident($home:ident) $body:block)*) => {
        $(
            fn $name($home: &Home) $body
        )*
        mod on_disk {
            $( #[test] fn $name() { super::$name(&crate::common::Home::disk()); } )*
        }
        mod in_memory {
            $( #[test] fn $name() { super::$name(&crate::common::Home::memory()); } )*
        }
    };
}
pub(crate) use over_both_engines;

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// This program again, with one ignored test alone.
pub(crate) fn own_test(name: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", name, "--ignored", "--nocapture", "--test-threads=1"]);
    command
}

/// Runs a future on this thread.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}

pub(crate) fn orders() -> ServiceName {
    "orders".parse().unwrap()
}

pub(crate) fn key(name: &str) -> Key {
    Key::state(&orders(), "", name)
}

pub(crate) fn keyset() -> Keyset {
    Keyset::new(&orders(), "")
}

/// Effects written as a sentence: `read("a", 3).put("b", "x")`.
#[derive(Clone, Default)]
pub(crate) struct Unit(pub(crate) Effects);

impl Unit {
    pub(crate) fn read(mut self, name: &str, seen: Sequence) -> Self {
        self.0.reads.insert(key(name), seen);
        self
    }
    pub(crate) fn listed(mut self, seen: Sequence) -> Self {
        self.0.keysets.insert(keyset(), seen);
        self
    }
    pub(crate) fn put(mut self, name: &str, value: impl Into<Bytes>) -> Self {
        self.0.writes.insert(key(name), Some(value.into()));
        self
    }
    pub(crate) fn delete(mut self, name: &str) -> Self {
        self.0.writes.insert(key(name), None);
        self
    }
    /// Publishes an event whose source is `text`.
    pub(crate) fn publish(self, text: &str) -> Self {
        self.append(Log::Events, text, 0)
    }
    /// Adds an event with a payload of that many bytes to a log.
    pub(crate) fn append(mut self, log: Log, text: &str, payload: usize) -> Self {
        let content = Content {
            subject: "orders.created".parse().unwrap(),
            source: text.to_owned(),
            kind: "orders.created".to_owned(),
            time: 1,
            content_type: None,
            key: None,
            correlation_id: "c".to_owned(),
            traceparent: None,
            headers: Vec::new(),
            payload: vec![7; payload].into(),
        };
        self.0.events.push((log, content.encode()));
        self
    }
    /// Handles an event for the subscription `sub`.
    pub(crate) fn handle(mut self, event: &str, time: u64) -> Self {
        self.0.mark(Key::inbox(&orders(), "sub", event), time);
        self
    }
    pub(crate) fn commit(self, store: &Store) -> Result<Sequence, CommitError> {
        block_on(store.commit(self.0))
    }
}

pub(crate) fn unit() -> Unit {
    Unit::default()
}

pub(crate) fn read(store: &Store, name: &str) -> Option<Vec<u8>> {
    store.get(&key(name)).unwrap().map(|record| record.value.to_vec())
}

/// A place that a store can be opened on again and again.
pub(crate) enum Home {
    Disk(TempDir),
    Memory(MemoryEngine),
}

impl Home {
    pub(crate) fn disk() -> Self {
        Self::Disk(tempfile::tempdir().unwrap())
    }
    pub(crate) fn memory() -> Self {
        Self::Memory(MemoryEngine::new())
    }
    pub(crate) fn open(&self) -> Store {
        self.open_with(&StoreOptions::default())
    }
    pub(crate) fn open_with(&self, options: &StoreOptions) -> Store {
        match self {
            Self::Disk(dir) => Store::open(&dir.path().join("store"), options).unwrap(),
            Self::Memory(engine) => Store::with_engine_and(Box::new(engine.clone()), options).unwrap(),
        }
    }
}
