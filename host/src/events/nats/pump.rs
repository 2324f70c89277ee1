//! Between the server and what this host holds of a consumer: asks for messages, takes them in, gives signs of
//! life, and notices when the server has forgotten it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until};

use super::api::{ask, code, number, pending};
use super::config::nanos;
use super::durable::{Durable, Ended};
use super::link::{Inbox, Link, LinkError, Message};
use super::message::{self, Place};
use super::pull::{EXPIRES, HEARTBEAT};
use super::window::Arrival;
use crate::events::bus::WINDOW;
use crate::telemetry::metrics::NatsMetrics;

/// How often it is checked whether a server that says that it has nothing has nothing.
const CHECK: Duration = Duration::from_secs(20);
/// How often it is looked whether a request of an earlier connection still stands.
const LOOK: Duration = Duration::from_millis(100);
/// After a request that the server did not take.
const PAUSE: Duration = Duration::from_millis(250);

/// Works until the consumer has ended.
pub async fn run(durable: Arc<Durable>, link: Link, metrics: NatsMetrics) {
    let pump = Pump { durable, link, metrics };
    while pump.durable.ended().is_none() {
        let connection = tokio::select! {
            connection = pump.link.up() => connection,
            () = pump.durable.work() => continue,
        };
        if let Err(error) = pump.session(connection).await {
            let Durable { service, subject, .. } = &*pump.durable;
            tracing::debug!(%service, %subject, %error, "asking for events anew");
            sleep(PAUSE).await;
        }
        pump.durable.with(|window| window.pull.reset());
    }
    pump.durable.inbox.lock().await.take();
}

struct Pump {
    durable: Arc<Durable>,
    link: Link,
    metrics: NatsMetrics,
}

impl Pump {
    /// One connection and one inbox. Ends when either has to be another one.
    async fn session(&self, connection: u64) -> Result<(), LinkError> {
        take_rest(&self.durable).await;
        let mut slot = self.durable.inbox.lock().await;
        let inbox = slot.insert(self.link.inbox().await?);
        tokio::select! {
            counted = self.count_missing() => counted?,
            () = self.link.down(connection) => return Ok(()),
        }
        let mut alive = ticks(self.durable.with(|window| window.liveness()) / 3);
        let mut check = ticks(CHECK);
        let mut last = Instant::now();
        while self.durable.ended().is_none() {
            self.ask_for_more(inbox).await?;
            let now = Instant::now();
            let (forgotten, ask) = self.durable.with(|window| (window.pull.forgotten_at(), window.ask_at(now)));
            tokio::select! {
                message = inbox.next() => match message {
                    Some(message) if message.status.is_none() => {
                        last = Instant::now();
                        self.take(message).await?;
                    }
                    Some(message) => self.hear(&message).await?,
                    None => return Err(LinkError::Away("the client has ended".into())),
                },
                () = self.durable.work() => {}
                () = at(ask) => {}
                () = at(forgotten) => return self.stalled("nothing is heard of it").await,
                _ = alive.tick() => self.give_signs_of_life().await?,
                _ = check.tick() => {
                    if last.elapsed() >= CHECK && self.has_more().await? {
                        return self.stalled("it has events and sends none").await;
                    }
                }
                () = self.link.down(connection) => return Ok(()),
            }
        }
        Ok(())
    }

    /// Finds out what the server has delivered and is not here, while nothing is delivered and nothing settled.
    async fn count_missing(&self) -> Result<(), LinkError> {
        if !self.durable.with(|window| window.shut(Instant::now())) {
            return Ok(());
        }
        self.give_signs_of_life().await?;
        let _nothing_is_settled = self.durable.settling.write().await;
        let Some(info) = self.info_at_rest().await? else {
            self.durable.end(Ended::Lost);
            return Ok(());
        };
        let last = info.get("delivered").map_or(0, |delivered| number(delivered, "stream_seq"));
        let unsettled = usize::try_from(number(&info, "num_ack_pending")).unwrap_or(usize::MAX);
        self.durable.change(|window| window.counted(last, unsettled, Instant::now()));
        Ok(())
    }

    /// What the server knows when it delivers nothing. It does not know of a connection that has died without a
    /// word, and answers what was asked there. Requests of other hosts look the same; they are not waited for for
    /// longer.
    async fn info_at_rest(&self) -> Result<Option<Value>, LinkError> {
        let over = self.durable.with(|window| window.pull.over_at());
        loop {
            let is_over = Instant::now() >= over;
            let info = self.info().await?;
            if is_over || info.as_ref().is_none_or(|info| number(info, "num_waiting") == 0) {
                return Ok(info);
            }
            sleep(LOOK).await;
        }
    }

    /// Asks the server for events, if there are places for some.
    async fn ask_for_more(&self, inbox: &Inbox) -> Result<(), LinkError> {
        let count = self.durable.with(|window| window.claim(Instant::now()));
        if count == 0 {
            return Ok(());
        }
        let Durable { stream, name, .. } = &*self.durable;
        let request = json!({ "batch": count, "expires": nanos(EXPIRES), "idle_heartbeat": nanos(HEARTBEAT) });
        let subject = format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{name}");
        self.link.send(&subject, Some(inbox.subject()), request.to_string().into()).await
    }

    /// An event.
    async fn take(&self, message: Message) -> Result<(), LinkError> {
        match take_in(&self.durable, message) {
            Some((reply, Arrival::Done)) => self.link.send(&reply, None, "+ACK".into()).await,
            _ => Ok(()),
        }
    }

    /// The server about a request.
    async fn hear(&self, message: &Message) -> Result<(), LinkError> {
        let now = Instant::now();
        let left = message.header("Nats-Pending-Messages").and_then(|left| left.parse().ok());
        match (message.status, message.description.as_deref()) {
            (Some(100), _) => self.durable.with(|window| window.pull.heartbeat(now)),
            (Some(404 | 408), _) => self.durable.with(|window| window.pull.over(left, now)),
            (Some(409), Some("Consumer Deleted")) => self.durable.end(Ended::Lost),
            (Some(503), _) if self.is_gone().await? => self.durable.end(Ended::Lost),
            (_, description) => {
                tracing::debug!(consumer = self.durable.name, status = message.status, description, "not sent");
                self.durable.with(|window| window.pull.over(left, now));
                sleep(PAUSE).await;
            }
        }
        Ok(())
    }

    async fn give_signs_of_life(&self) -> Result<(), LinkError> {
        for reply in self.durable.with(|window| window.alive()) {
            self.link.send(&reply, None, "+WPI".into()).await?;
        }
        Ok(())
    }

    /// Whether the server should send something.
    async fn has_more(&self) -> Result<bool, LinkError> {
        let Some(info) = self.info().await? else { return Ok(false) };
        let full = number(&info, "num_ack_pending") >= WINDOW as u64;
        if full {
            let Durable { service, subject, .. } = &*self.durable;
            tracing::warn!(%service, %subject, "{WINDOW} events wait for earlier ones of their keys, or to be tried again");
        }
        Ok(!full && self.durable.with(|window| window.pull.asked() > 0) && pending(&info) > 0)
    }

    async fn stalled(&self, why: &str) -> Result<(), LinkError> {
        let Durable { service, subject, .. } = &*self.durable;
        tracing::warn!(%service, %subject, why, "the NATS server does not deliver; asking it anew");
        self.metrics.stalled_pull();
        if self.is_gone().await? {
            self.durable.end(Ended::Lost);
        }
        Ok(())
    }

    async fn is_gone(&self) -> Result<bool, LinkError> {
        self.info().await.map(|info| info.is_none())
    }

    /// What the server knows of the consumer. `None`: nothing. An error: not known now.
    async fn info(&self) -> Result<Option<Value>, LinkError> {
        let Durable { stream, name, .. } = &*self.durable;
        match ask(&self.link, &format!("CONSUMER.INFO.{stream}.{name}"), &Value::Null).await {
            Ok(info) => Ok(Some(info)),
            Err(error) if error.is(code::NO_CONSUMER) || error.is(code::NO_STREAM) => Ok(None),
            Err(error) => Err(LinkError::Away(error.to_string().into())),
        }
    }
}

/// Takes in what has come since the pump was stopped, and hears no more. While it runs, that is its own matter.
pub async fn take_rest(durable: &Durable) {
    let Some(inbox) = durable.inbox.try_lock().ok().and_then(|mut slot| slot.take()) else { return };
    for message in inbox.close().await {
        take_in(durable, message);
    }
}

/// What becomes of a message, and where its acknowledgement goes. `None`: it is not one that a consumer was sent.
fn take_in(durable: &Durable, message: Message) -> Option<(String, Arrival)> {
    let reply = message.reply.clone()?;
    let place = Place::of(&reply)?;
    let subject = message.subject.clone();
    let event = message::event(message, Some(&place));
    if event.is_none() {
        tracing::error!(stream = place.stream, sequence = place.sequence, subject, "not an event: passed over");
    }
    let arrival = durable.change(|window| window.arrived(&place, reply.clone(), event, Instant::now()));
    Some((reply, arrival))
}

/// The first one after a while. What was missed is not made up for.
fn ticks(period: Duration) -> tokio::time::Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.reset();
    ticks
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
