//! A durable consumer of the server: made, changed and confirmed; and who is attached to it.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use holm_registry::settings::durable_name;
use serde_json::{Map, Value, json};
use tokio::time::{Instant, sleep, sleep_until};

use super::api::{ApiError, ask, code, number};
use super::config;
use super::confirm::{confirm, differences, list};
use super::durable::{Durable, Ended, Next};
use super::link::Link;
use super::settle::Ticket;
use super::tier::Server;
use crate::events::bus::{BusError, Consumer, Delivery, Subscription};

/// How often, and how far apart, it is looked whether anybody else works with a consumer.
const LOOKS: usize = 5;
const LOOK: Duration = Duration::from_millis(100);

/// What no server changes of a consumer that there is.
const FIXED: [&str; 2] = ["ack_policy", "replay_policy"];

/// What the server has confirmed.
pub struct Confirmed {
    /// The stream of the consumer.
    pub stream: String,
    /// Its name there.
    pub name: String,
    /// Everything up to this number of the stream is settled; of a new one, everything that was ever noted.
    pub settled: u64,
}

/// Makes the consumer, or changes it, and reads back what the server made of that.
///
/// # Errors
/// When it is not as it should be.
pub async fn ensure(
    link: &Link,
    stream: String,
    subscription: &Subscription,
    server: Server,
) -> Result<Confirmed, BusError> {
    let name = durable_name(&subscription.service, &subscription.settings.subject);
    let wanted = config::consumer(subscription);
    let (info, settled) = match ask(link, &format!("CONSUMER.INFO.{stream}.{name}"), &Value::Null).await {
        Ok(found) => {
            let settled = found.get("ack_floor").map_or(0, |floor| number(floor, "stream_seq"));
            (change(link, &stream, &name, &wanted, found).await?, settled)
        }
        Err(error) if error.is(code::NO_CONSUMER) => {
            let mut begun = wanted.clone();
            begun.extend(config::start(subscription.settings.start));
            (create(link, &stream, &name, begun).await?, u64::MAX)
        }
        Err(error) => return Err(error.into()),
    };
    let mut asked = wanted;
    if config_of(&info).get("filter_subject").is_none() {
        // an old server takes no filter that is wider than the stream: what does not fit is sorted out here
        asked.remove("filter_subject");
    }
    confirm(&asked, config_of(&info), server).map_err(BusError::Refused)?;
    Ok(Confirmed { stream, name, settled })
}

async fn change(
    link: &Link,
    stream: &str,
    name: &str,
    wanted: &Map<String, Value>,
    found: Value,
) -> Result<Value, BusError> {
    let differ = differences(wanted, config_of(&found));
    let fixed: Vec<_> = differ.iter().filter(|one| FIXED.contains(&one.field.as_str())).cloned().collect();
    if !fixed.is_empty() {
        return Err(BusError::Refused(format!(
            "the consumer {name} of the stream {stream} is there already and is not what Holm needs: {}; remove it, \
             and Holm makes another one. Nothing was changed",
            list(&fixed)
        )));
    }
    if differ.is_empty() {
        return Ok(found);
    }
    // with everything that it has and Holm does not know
    let mut changed = config_of(&found).as_object().cloned().unwrap_or_default();
    changed.extend(wanted.clone());
    match put(link, stream, name, &changed).await {
        Err(error) if error.is(code::FILTER) => Ok(found),
        changed => Ok(changed?),
    }
}

async fn create(link: &Link, stream: &str, name: &str, config: Map<String, Value>) -> Result<Value, BusError> {
    match put(link, stream, name, &config).await {
        Err(error) if error.is(code::FILTER) => {
            let mut config = config;
            config.remove("filter_subject");
            Ok(put(link, stream, name, &config).await?)
        }
        made => Ok(made?),
    }
}

async fn put(link: &Link, stream: &str, name: &str, config: &Map<String, Value>) -> Result<Value, ApiError> {
    let body = json!({ "stream_name": stream, "config": config });
    ask(link, &format!("CONSUMER.DURABLE.CREATE.{stream}.{name}"), &body).await
}

/// Removes the consumer, unless other hosts work with it. `held`: what this host has of it and has not settled.
///
/// # Errors
/// When that cannot be confirmed.
pub async fn remove(link: &Link, stream: &str, name: &str, held: usize) -> Result<(), BusError> {
    for _ in 0..LOOKS {
        let info = match ask(link, &format!("CONSUMER.INFO.{stream}.{name}"), &Value::Null).await {
            Err(error) if error.is(code::NO_CONSUMER) || error.is(code::NO_STREAM) => return Ok(()),
            info => info?,
        };
        if number(&info, "num_waiting") == 0 && number(&info, "num_ack_pending") <= held as u64 {
            ask(link, &format!("CONSUMER.DELETE.{stream}.{name}"), &Value::Null).await?;
            return Ok(());
        }
        // our own request may still be there
        sleep(LOOK).await;
    }
    tracing::info!(stream, consumer = name, "other hosts work with the consumer: it stays");
    Ok(())
}

fn config_of(info: &Value) -> &Value {
    info.get("config").unwrap_or(&Value::Null)
}

/// Attached to a durable consumer.
pub struct Attached {
    durable: Arc<Durable>,
    link: Link,
}

impl Attached {
    /// Attaches to it.
    pub fn new(durable: Arc<Durable>, link: Link) -> Self {
        Self { durable, link }
    }
}

#[async_trait]
impl Consumer for Attached {
    async fn next(&mut self) -> Result<Delivery, BusError> {
        let _asking = self.durable.asking();
        loop {
            let mut changed = pin!(self.durable.changed());
            changed.as_mut().enable();
            let until = match self.durable.next(Instant::now()) {
                Next::Deliver(taken, event) => {
                    let ticket = Ticket::begin(Arc::clone(&self.durable), self.link.clone(), taken).await;
                    return Ok(Delivery::new(event, taken.attempt, Box::new(ticket)));
                }
                Next::Wait(until) => until,
                Next::Ended(Ended::Unsubscribed) => return Err(BusError::Gone),
                Next::Ended(Ended::Lost) => {
                    let Durable { name, stream, .. } = &*self.durable;
                    let text = format!("the consumer {name} of the stream {stream} was removed from the server");
                    return Err(BusError::Away(text));
                }
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
            }
        }
    }
}
