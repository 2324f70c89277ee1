//! How many calls from one caller to one target may be under way: the others wait for their
//! turn, in a queue with an end and within their deadline.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use holm_registry::settings::BulkheadSettings;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout_at;

/// The places for calls.
#[derive(Debug)]
pub struct Bulkhead {
    places: Semaphore,
    queue: u32,
    waiting: AtomicU32,
}

/// The queue was full, or the deadline passed in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// One of those who wait, until it is dropped.
struct Waiting<'a>(&'a AtomicU32);

impl Bulkhead {
    /// All places free.
    pub fn new(settings: &BulkheadSettings) -> Self {
        let places = Semaphore::new(settings.concurrency as usize);
        Self { places, queue: settings.queue, waiting: AtomicU32::new(0) }
    }

    /// A place at once, or one in the queue until the deadline. First come, first served.
    ///
    /// # Errors
    /// When there is neither.
    pub async fn enter(&self, deadline: Instant) -> Result<SemaphorePermit<'_>, Full> {
        if let Ok(place) = self.places.try_acquire() {
            return Ok(place);
        }
        let _waiting = Waiting::begin(&self.waiting, self.queue)?;
        match timeout_at(deadline.into(), self.places.acquire()).await {
            Ok(Ok(place)) => Ok(place),
            _ => Err(Full),
        }
    }
}

impl<'a> Waiting<'a> {
    fn begin(waiting: &'a AtomicU32, queue: u32) -> Result<Self, Full> {
        let more = |count: u32| (count < queue).then(|| count + 1);
        waiting.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).map(|_| Self(waiting)).map_err(|_| Full)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::poll;

    use super::*;

    fn bulkhead(concurrency: u32, queue: u32) -> Bulkhead {
        Bulkhead::new(&BulkheadSettings { concurrency, queue })
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[tokio::test]
    async fn one_call_more_than_allowed_is_made() {
        let bulkhead = bulkhead(2, 0);
        let (first, _second) = (bulkhead.enter(soon()).await.unwrap(), bulkhead.enter(soon()).await.unwrap());
        assert!(bulkhead.enter(soon()).await.is_err());
        drop(first);
        assert!(bulkhead.enter(soon()).await.is_ok());
    }

    #[tokio::test]
    async fn a_call_waits_where_the_queue_is_full_or_has_no_turn() {
        let bulkhead = bulkhead(1, 1);
        let inside = bulkhead.enter(soon()).await.unwrap();
        let mut waiting = Box::pin(bulkhead.enter(soon()));
        assert!(poll!(&mut waiting).is_pending());
        assert!(bulkhead.enter(soon()).await.is_err(), "the queue is full");
        drop(inside);
        assert!(poll!(&mut waiting).is_ready());
    }

    #[tokio::test]
    async fn a_call_that_gave_up_keeps_its_place_in_the_queue() {
        let bulkhead = bulkhead(1, 1);
        let _inside = bulkhead.enter(soon()).await.unwrap();
        let mut waiting = Box::pin(bulkhead.enter(soon()));
        assert!(poll!(&mut waiting).is_pending());
        drop(waiting);
        let too_late = Instant::now() + Duration::from_millis(5);
        assert_eq!(bulkhead.enter(too_late).await.unwrap_err(), Full);
        assert!(Instant::now() >= too_late, "it had a place in the queue, and waited there");
    }
}
