//! `holm events streams` and `holm events consumers`.

use std::time::SystemTime;

use crate::admin::api::{Consumer, Stream, parse_rfc3339};
use crate::cli::Context;
use crate::cli::ago::{ago, size};
use crate::cli::host::HostArgs;

/// List what the event bus keeps
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Streams {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    host: HostArgs,
}

/// List the subscriptions of services, and how far they are
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Consumers {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    host: HostArgs,
}

impl Streams {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<()> {
        let streams = self.host.client(&context.environment)?.streams().await?;
        if self.json {
            return context.output.json(&streams);
        }
        let now = SystemTime::now();
        let rows = streams.into_iter().map(|stream| row(stream, now)).collect();
        Ok(context.output.table(&["STREAM", "EVENTS", "SIZE", "OLDEST", "LOST"], rows)?)
    }
}

fn row(stream: Stream, now: SystemTime) -> Vec<String> {
    let Stream { stream, events, bytes, oldest, lost } = stream;
    let oldest = oldest.and_then(|text| parse_rfc3339(&text)).map(|then| ago(then, now));
    vec![stream, events.to_string(), size(bytes), oldest.unwrap_or_default(), lost.to_string()]
}

impl Consumers {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<()> {
        let consumers = self.host.client(&context.environment)?.consumers().await?;
        if self.json {
            return context.output.json(&consumers);
        }
        let row = |consumer: Consumer| {
            let Consumer { service, subject, lag, in_flight, redelivered } = consumer;
            vec![service, subject, lag.to_string(), in_flight.to_string(), redelivered.to_string()]
        };
        let rows = consumers.into_iter().map(row).collect();
        Ok(context.output.table(&["SERVICE", "SUBJECT", "LAG", "IN FLIGHT", "REDELIVERED"], rows)?)
    }
}
