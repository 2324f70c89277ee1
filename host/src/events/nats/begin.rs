//! From where the log is sent to the server.
//!
//! The embedded bus keeps events in the log that everybody has handled. A host that was on it before must not send
//! those: to new consumers they would look new. So when it comes to NATS, what is in the log stays there.

use bytes::Bytes;
use holm_registry::store::{Effects, Key, Log, Position, Sequence, Store};

use crate::events::bus::BusError;

/// Under which name it is kept. It is there for as long as the host is on NATS.
const BEGIN: &str = "nats-begin";

/// Behind which place events are sent: the end of the log, when the host comes to NATS.
///
/// # Errors
/// When the store cannot be read, or does not take it.
pub async fn begin(store: &Store) -> Result<Position, BusError> {
    if let Some(begun) = store.get(&Key::meta(BEGIN))?.and_then(|record| read(&record.value)) {
        return Ok(behind(begun));
    }
    let left = store.log_usage(Log::Events).keys;
    if left > 0 {
        tracing::warn!(
            left,
            "events of the embedded bus that somebody has not handled stay in the store and are not sent to NATS; \
             start once without NATS to have them handled"
        );
    }
    let now = store.applied();
    write(store, Some(Bytes::copy_from_slice(&now.0.to_be_bytes()))).await?;
    Ok(behind(now))
}

/// Whether the host was on NATS when it ended: what is in the log waits to be sent.
///
/// # Errors
/// When the store cannot be read.
pub fn has_begun(store: &Store) -> Result<bool, BusError> {
    Ok(store.get(&Key::meta(BEGIN))?.is_some())
}

/// The host has left NATS: what it publishes from now on is for the embedded bus.
///
/// # Errors
/// When the store cannot be read, or does not take it.
pub async fn end(store: &Store) -> Result<(), BusError> {
    if !has_begun(store)? {
        return Ok(());
    }
    write(store, None).await
}

async fn write(store: &Store, value: Option<Bytes>) -> Result<(), BusError> {
    let writes = [(Key::meta(BEGIN), value)].into();
    let sequence = store.commit(Effects { writes, ..Effects::default() }).await?;
    Ok(store.durable(sequence).await?)
}

fn read(value: &Bytes) -> Option<Sequence> {
    Some(Sequence(u64::from_be_bytes(*value.first_chunk()?)))
}

fn behind(sequence: Sequence) -> Position {
    Position { sequence, index: u32::MAX }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::testing::{content, publish, store};

    #[tokio::test]
    async fn what_was_handled_on_the_embedded_bus_is_sent_to_nats() {
        let store = store();
        let old = publish(&store, &[content("a")]).await;
        let begun = begin(&store).await.unwrap();
        assert!(begun.sequence >= old && has_begun(&store).unwrap());
        publish(&store, &[content("a")]).await;
        assert_eq!(begin(&store).await.unwrap(), begun, "what waits is left out after a restart");
        end(&store).await.unwrap();
        let last = publish(&store, &[content("a")]).await;
        assert!(begin(&store).await.unwrap().sequence >= last);
    }
}
