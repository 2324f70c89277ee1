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
    /// Its attempt has begun.
    begun: bool,
}

impl Ticket {
    /// Of what was handed out. On return its attempt has begun, and that is written down where it has to be.
    pub async fn begin(durable: Arc<Durable>, link: Link, taken: Taken) -> Self {
        let mut ticket = Self { durable, link, taken, held: true, begun: false };
        let notes = ticket.durable.with(|window| window.begins(taken));
        ticket.durable.note(notes).await;
        ticket.begun = true;
        ticket
    }

    /// Says it, and again while there is no answer. A bare `+ACK` would be sent and forgotten.
    async fn confirm(&self, what: Bytes, until: Instant) -> Result<(), BusError> {
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
        let confirmed = self.tell(what).await;
        let notes = self.durable.with(|window| window.forget(self.taken));
        self.durable.note(notes).await;
        confirmed
    }

    async fn tell(&self, what: &'static str) -> Result<(), BusError> {
        let until = Instant::now() + CONFIRM;
        // as long as what is unsettled is counted, the server hears of nothing
        let _not_counted = timeout_at(until, self.durable.settling.read()).await;
        let _settled = Settled(self);
        self.confirm(what.into(), until).await
    }
}

/// At its end a delivery is settled, whether or not the server has confirmed that, and also if nobody waits for it any
/// more: it may come again, and what it did is marked.
struct Settled<'a>(&'a Ticket);

impl Drop for Settled<'_> {
    fn drop(&mut self) {
        self.0.durable.change(|window| window.settle(self.0.taken));
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
        let until = Instant::now() + after;
        let notes = self.durable.with(|window| window.failed(self.taken));
        self.durable.note(notes).await;
        if self.durable.with(|window| window.subscription().settings.order) == Order::Key {
            self.durable.change(|window| window.retry(self.taken, until));
            return Ok(());
        }
        let reply = self.durable.with(|window| window.reply(self.taken)).ok_or(BusError::Gone)?;
        // before the server hears of it: it may come again at once, and must not look like what is here
        self.durable.change(|window| window.let_go(self.taken));
        self.held = false;
        let after = until.saturating_duration_since(Instant::now());
        let nak = if after.is_zero() { "-NAK".into() } else { format!(r#"-NAK {{"delay":{}}}"#, after.as_nanos()) };
        self.link.request(&reply, &[], nak.into(), ONCE).await?;
        Ok(())
    }

    async fn give_back(self: Box<Self>) -> Result<(), BusError> {
        let notes = self.durable.change(|window| window.give_back(self.taken));
        self.durable.note(notes).await;
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
            self.durable.change(|window| {
                if !self.begun {
                    window.give_back(self.taken);
                }
                window.release(self.taken);
            });
        }
    }
}
