//! Who is attached to a durable consumer, and the handle of one delivery.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use holm_registry::event::Event;
use holm_registry::store::Sequence;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::durable::{Durable, Next};
use super::head::Head;
use super::keep::Kept;
use crate::events::bus::{BusError, Consumer, Delivery, Handle};
use crate::events::queue::Taken;

/// Attached to a durable consumer of this process.
pub struct Attached {
    kept: Arc<Kept>,
    durable: Arc<Durable>,
    visible: watch::Receiver<Sequence>,
}

impl Attached {
    /// Attaches to it.
    pub fn new(kept: Arc<Kept>, durable: Arc<Durable>) -> Self {
        let visible = kept.store.follow();
        Self { kept, durable, visible }
    }

    fn delivery(&self, taken: Taken, content: holm_registry::event::Content) -> Delivery {
        self.kept.changed();
        let event = Event { id: self.kept.store.event_id(taken.at), content };
        let ticket = Ticket { kept: Arc::clone(&self.kept), durable: Arc::clone(&self.durable), taken };
        Delivery::new(event, taken.attempt, Box::new(ticket))
    }

    fn head(&self) -> &Head {
        &self.kept.head
    }
}

#[async_trait]
impl Consumer for Attached {
    async fn next(&mut self) -> Result<Delivery, BusError> {
        loop {
            let durable = Arc::clone(&self.durable);
            let mut changed = pin!(durable.changed());
            changed.as_mut().enable();
            self.visible.borrow_and_update();
            let until = match durable.next(self.head(), Instant::now())? {
                Next::Deliver(taken, content) => return Ok(self.delivery(taken, *content)),
                Next::Damaged(at) => {
                    self.kept.found_damaged(at);
                    continue;
                }
                Next::Wait(until) => until,
                Next::Ended => return Err(BusError::Gone),
            };
            let time = async {
                match until {
                    Some(until) => sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = changed => {}
                () = time => {}
                // the store lives for as long as this does
                _ = self.visible.changed() => {}
            }
        }
    }
}

/// One delivery under way.
struct Ticket {
    kept: Arc<Kept>,
    durable: Arc<Durable>,
    taken: Taken,
}

#[async_trait]
impl Handle for Ticket {
    /// Nothing has to be written: the mark that the handler's commit has left says it all.
    async fn ack(self: Box<Self>) -> Result<(), BusError> {
        self.durable.settle(self.taken);
        Ok(())
    }

    async fn retry(self: Box<Self>, after: Duration) -> Result<(), BusError> {
        self.durable.retry(self.taken, Instant::now() + after);
        Ok(())
    }

    async fn give_back(self: Box<Self>) -> Result<(), BusError> {
        self.durable.give_back(self.taken);
        Ok(())
    }

    async fn terminate(self: Box<Self>) -> Result<(), BusError> {
        self.ack().await
    }

    async fn progress(&self) -> Result<(), BusError> {
        self.durable.progress(self.taken, Instant::now());
        Ok(())
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.durable.release(self.taken);
        self.kept.changed();
    }
}
