//! The peer "bare async-nats": one process that publishes, confirmed, and handles, acknowledging twice as it should,
//! and does nothing else.

use std::time::{Duration, Instant};

use anyhow::Context;
use async_nats::jetstream::{self, AckKind, consumer, stream};
use bytes::Bytes;
use futures::stream::{FuturesUnordered, StreamExt};
use serde::{Deserialize, Serialize};

use crate::events::{EVENTS, LASTS, RATE, SIZE, WINDOW};

/// What it found out.
#[derive(Serialize, Deserialize)]
pub struct Measured {
    /// From the first publication to the last acknowledgement of a round.
    pub took: Duration,
    /// Half of the events, and 99 of 100, took no longer at the low rate.
    pub latency: (Duration, Duration),
}

/// Runs both, and prints them as JSON.
pub async fn run(url: &str) -> anyhow::Result<()> {
    let context = jetstream::new(async_nats::connect(url).await?);
    let bare = Bare::new(context).await?;
    let measured = Measured { took: bare.round().await?, latency: bare.latency().await? };
    crate::report::line(serde_json::to_string(&measured)?);
    Ok(())
}

struct Bare {
    context: jetstream::Context,
    messages: consumer::Consumer<consumer::pull::Config>,
}

impl Bare {
    /// With a stream as Holm makes it.
    async fn new(context: jetstream::Context) -> anyhow::Result<Self> {
        let stream = context
            .get_or_create_stream(stream::Config {
                name: "BARE".to_owned(),
                subjects: vec!["bare.*".to_owned()],
                max_age: Duration::from_secs(7 * 24 * 60 * 60),
                max_messages: 1_000_000,
                max_bytes: 1 << 30,
                duplicate_window: Duration::from_secs(120),
                ..stream::Config::default()
            })
            .await?;
        let durable = consumer::pull::Config {
            durable_name: Some("bare".to_owned()),
            ack_wait: Duration::from_secs(30),
            max_ack_pending: 1000,
            ..consumer::pull::Config::default()
        };
        let messages = stream.get_or_create_consumer("bare", durable).await?;
        Ok(Self { context, messages })
    }

    async fn round(&self) -> anyhow::Result<Duration> {
        let begun = Instant::now();
        let (published, handled) = tokio::join!(self.publish(EVENTS), self.handle(EVENTS));
        published?;
        handled?;
        Ok(begun.elapsed())
    }

    async fn publish(&self, count: u32) -> anyhow::Result<()> {
        let mut under_way = FuturesUnordered::new();
        for number in 0..count {
            under_way.push(self.publish_one(number));
            if under_way.len() >= WINDOW {
                under_way.next().await.context("nothing is under way")??;
            }
        }
        while let Some(published) = under_way.next().await {
            published?;
        }
        Ok(())
    }

    /// With an id and the headers that an event of Holm's has.
    async fn publish_one(&self, number: u32) -> anyhow::Result<()> {
        let mut headers = async_nats::HeaderMap::new();
        let id = format!("{:016x}-{number}", std::process::id());
        for (name, value) in
            [("Nats-Msg-Id", id.as_str()), ("ce-id", &id), ("ce-source", "bare"), ("ce-type", "bare.a")]
        {
            headers.insert(name, value);
        }
        let mut payload = vec![b'x'; SIZE];
        let now = crate::report::nanos_now().to_be_bytes();
        payload.iter_mut().zip(now).for_each(|(place, byte)| *place = byte);
        self.context.publish_with_headers("bare.a", headers, Bytes::from(payload)).await?.await?;
        Ok(())
    }

    /// How long each took.
    async fn handle(&self, count: u32) -> anyhow::Result<Vec<Duration>> {
        let mut messages = self.messages.stream().max_messages_per_batch(WINDOW).messages().await?;
        let (mut under_way, mut took, mut taken) = (FuturesUnordered::new(), Vec::new(), 0);
        while took.len() < count as usize {
            tokio::select! {
                message = messages.next(), if taken < count && under_way.len() < WINDOW => {
                    let message = message.context("the consumer has ended")??;
                    taken += 1;
                    under_way.push(acknowledge(message));
                }
                Some(done) = under_way.next() => took.push(done?),
            }
        }
        Ok(took)
    }

    async fn latency(&self) -> anyhow::Result<(Duration, Duration)> {
        let count = RATE * u32::try_from(LASTS.as_secs())?;
        let paced = async {
            let mut due = tokio::time::interval(Duration::from_secs(1) / RATE);
            for number in 0..count {
                due.tick().await;
                self.publish_one(EVENTS + number).await?;
            }
            anyhow::Ok(())
        };
        let (published, handled) = tokio::join!(paced, self.handle(count));
        published?;
        let mut took = handled?;
        took.sort_unstable();
        let at = |share: f64| took.get((took.len() as f64 * share) as usize).copied().unwrap_or_default();
        Ok((at(0.5), at(0.99)))
    }
}

async fn acknowledge(message: jetstream::Message) -> anyhow::Result<Duration> {
    message.double_ack_with(AckKind::Ack).await.map_err(|error| anyhow::anyhow!(error))?;
    let sent = message.payload.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
    Ok(Duration::from_nanos(crate::report::nanos_now().saturating_sub(sent)))
}
