//! How the body of a request is gathered: within a limit for each, and one for all together.

use std::sync::Arc;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout_at;

use super::LARGEST;
use crate::body::Body;
use crate::fault::{Fault, FaultKind, KeyFault};
use crate::runtime::intake;

/// KiB of all bodies that are kept until the end of their requests. A crowd of clients must not fill the host's
/// memory before a single guest has run; 64 MiB are what a small machine can spare.
const ALL: usize = 64 << 10;

/// Room for bodies, in all services together.
#[derive(Clone)]
pub struct Room(Arc<Semaphore>);

impl Default for Room {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(ALL)))
    }
}

/// A whole body, and its room.
pub struct Gathered {
    /// The bytes.
    pub bytes: Bytes,
    _room: Option<OwnedSemaphorePermit>,
}

impl Room {
    /// Reads a body to its end.
    ///
    /// # Errors
    /// It is too large or not there in time, or there is no room for it.
    pub async fn gather(&self, body: Body, deadline: Instant) -> Result<Gathered, Fault> {
        let late = |_| Fault::new(FaultKind::BodyTimeout, "the body was not there by the deadline");
        timeout_at(deadline.into(), self.read(body)).await.map_err(late)?
    }

    /// Room is taken as bytes arrive: who only announces a large body takes nothing from others.
    async fn read(&self, mut body: Body) -> Result<Gathered, Fault> {
        let (mut bytes, mut room) = (BytesMut::new(), None::<OwnedSemaphorePermit>);
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(intake::fault_of)?.into_data() else { continue };
            if bytes.len() + data.len() > LARGEST {
                let why = format!("the body has more than {LARGEST} bytes");
                return Err(Fault::new(FaultKind::Key(KeyFault::RequestTooLarge), why));
            }
            bytes.extend_from_slice(&data);
            let missing = bytes.len().div_ceil(1 << 10) - room.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
            let more = self.take(missing)?;
            match &mut room {
                Some(room) => room.merge(more),
                None => room = Some(more),
            }
        }
        Ok(Gathered { bytes: bytes.freeze(), _room: room })
    }

    fn take(&self, kib: usize) -> Result<OwnedSemaphorePermit, Fault> {
        let taken = self.0.clone().try_acquire_many_owned(u32::try_from(kib).unwrap_or(u32::MAX));
        let full =
            |_| Fault::new(FaultKind::Overload, "the bodies of requests with an idempotency key fill their room");
        taken.map_err(full)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::body::full;

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(50)
    }

    #[tokio::test]
    async fn clients_fill_the_memory_of_the_host_with_bodies() {
        let room = Room::default();
        let mut held = Vec::new();
        for _ in 0..64 {
            held.push(room.gather(full(vec![0; LARGEST]), soon()).await.unwrap());
        }
        let refused = room.gather(full("x"), soon()).await.err().unwrap();
        assert!(refused.kind == FaultKind::Overload && refused.retry_after.is_some());
        assert!(room.gather(full(""), soon()).await.unwrap().bytes.is_empty());
        held.clear();
        assert_eq!(room.gather(full("x"), soon()).await.unwrap().bytes, "x");
        assert_eq!(room.0.available_permits(), ALL);
        let large = room.gather(full(vec![0; LARGEST + 1]), soon()).await.err().unwrap();
        assert_eq!(large.kind, FaultKind::Key(KeyFault::RequestTooLarge));
    }

    #[tokio::test]
    async fn a_body_that_never_comes_is_waited_for() {
        let never = http_body_util::StreamBody::new(futures::stream::pending()).boxed_unsync();
        let late = Room::default().gather(never, soon()).await.err().unwrap();
        assert_eq!(late.kind, FaultKind::BodyTimeout);
    }
}
