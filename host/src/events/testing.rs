//! What the tests of the parts share.

use bytes::Bytes;
use holm_registry::event::Content;
use holm_registry::store::engine::Engine;
use holm_registry::store::memory::MemoryEngine;
use holm_registry::store::{Effects, Log, Sequence, Store};

/// An event without anything special.
pub fn content(subject: &str) -> Content {
    Content {
        subject: subject.parse().unwrap(),
        source: "test".to_owned(),
        kind: subject.to_owned(),
        time: crate::telemetry::now_ms(),
        content_type: None,
        key: None,
        correlation_id: "c".to_owned(),
        traceparent: None,
        headers: Vec::new(),
        payload: Bytes::new(),
    }
}

/// The same with a key.
pub fn keyed(subject: &str, key: &str) -> Content {
    Content { key: Some(key.to_owned()), ..content(subject) }
}

/// An empty store.
pub fn store() -> Store {
    on(MemoryEngine::new())
}

/// A store on an engine.
pub fn on(engine: impl Engine) -> Store {
    Store::with_engine(Box::new(engine)).unwrap()
}

/// Publishes events with one commit.
pub async fn publish(store: &Store, contents: &[Content]) -> Sequence {
    let events = contents.iter().map(|content| (Log::Events, content.encode())).collect();
    store.commit(Effects { events, ..Effects::default() }).await.unwrap()
}
