//! The handle of one delivery. What it says is said until the server has confirmed it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use holm_registry::settings::Order;
use tokio::time::{Instant, timeout_at};

use super::durable::Durable;
use super::link::{Link, LinkError};
use crate::events::bus::{BusError, Handle};
use crate::events::queue::Taken;

/// How long the server has to confirm once.
const ONCE: Duration = Duration::from_secs(2);
/// How long it is tried, through restarts of the server. What is not confirmed by then comes again, and whoever
/// handles it has its mark: so this is no longer than a drain.
const CONFIRM: Duration = Duration::from_secs(30);

/// One delivery under way.
pub struct Ticket {
    durable: Arc<Durable>,
    link: Link,
    taken: Taken,
    /// It is still held here.
    held: bool,
}

impl Ticket {
    /// Of what was handed out.
    pub fn new(durable: Arc<Durable>, link: Link, taken: Taken) -> Self {
        Self { durable, link, taken, held: true }
    }

    /// Says it, and again while there is no answer. A bare `+ACK` would be sent and forgotten.
    async fn confirm(&self, what: Bytes) -> Result<(), BusError> {
        let until = Instant::now() + CONFIRM;
        loop {
            // a redelivery may have given it another subject meanwhile
            let reply = self.durable.with(|window| window.reply(self.taken)).ok_or(BusError::Gone)?;
            let error = match self.link.request(&reply, &[], what.clone(), ONCE).await {
                Ok(_) => return Ok(()),
                Err(LinkError::Nobody) => return Err(BusError::Gone),
                Err(error) => error,
            };
            if timeout_at(until, self.link.up()).await.is_err() || Instant::now() >= until {
                return Err(error.into());
            }
        }
    }

    async fn settle(self: Box<Self>, what: &'static str) -> Result<(), BusError> {
        let confirmed = self.confirm(what.into()).await;
        // not confirmed, it may come again, and is settled here all the same: what it did is marked
        self.durable.change(|window| window.settle(self.taken));
        confirmed
    }
}

#[async_trait]
impl Handle for Ticket {
    async fn ack(self: Box<Self>) -> Result<(), BusError> {
        self.settle("+ACK").await
    }

    /// An event with an order stays here, where what is behind it knows of it. Any other goes back to the server,
    /// and in time to whichever host asks.
    async fn retry(mut self: Box<Self>, after: Duration) -> Result<(), BusError> {
        if self.durable.with(|window| window.subscription().settings.order) == Order::Key {
            self.durable.change(|window| window.retry(self.taken, Instant::now() + after));
            return Ok(());
        }
        let reply = self.durable.with(|window| window.reply(self.taken)).ok_or(BusError::Gone)?;
        // before the server hears of it: it may come again at once, and must not look like what is here
        self.durable.change(|window| window.let_go(self.taken));
        self.held = false;
        let nak = if after.is_zero() { "-NAK".into() } else { format!(r#"-NAK {{"delay":{}}}"#, after.as_nanos()) };
        self.link.request(&reply, &[], nak.into(), ONCE).await?;
        Ok(())
    }

    async fn give_back(self: Box<Self>) -> Result<(), BusError> {
        self.durable.change(|window| window.give_back(self.taken));
        Ok(())
    }

    /// Without the reason: servers before 2.10.4 do not understand it, and deliver again.
    async fn terminate(self: Box<Self>) -> Result<(), BusError> {
        self.settle("+TERM").await
    }

    async fn progress(&self) -> Result<(), BusError> {
        // the server is told of everything that is held, see `pump`
        self.durable.with(|window| window.progress(self.taken, Instant::now()));
        Ok(())
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.held {
            self.durable.change(|window| window.release(self.taken));
        }
    }
}
