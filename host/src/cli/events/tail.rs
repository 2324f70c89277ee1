//! `holm events tail`.

use holm_registry::subject::SubjectPattern;

use crate::admin::api::{EventLine, Payload};
use crate::cli::Context;
use crate::cli::host::HostArgs;

/// Print events as they are published from now on, until the host stops
///
/// Nothing is taken away from anybody. It needs the admin token, and the audit log says who has looked.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Which events: `orders.created`, `orders.*`, `orders.>`, `>`
    #[arg(default_value = ">")]
    subject: SubjectPattern,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    host: HostArgs,
}

impl Args {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<()> {
        let client = self.host.client(&context.environment)?;
        let mut events = client.tail(self.subject.as_str()).await?;
        while let Some(event) = events.next().await? {
            match self.json {
                true => context.output.json_line(&event)?,
                false => context.output.line(text(&event))?,
            }
        }
        Ok(())
    }
}

fn text(event: &EventLine) -> String {
    let key = event.key.as_ref().map(|key| format!(" [{key}]")).unwrap_or_default();
    format!("{} {}{key} {}: {}", event.time, event.subject, event.source, payload(&event.payload))
}

/// A line of it.
fn payload(payload: &Payload) -> String {
    match (&payload.data, &payload.data_base64) {
        (Some(text), _) => text.escape_debug().to_string().replace("\\\"", "\""),
        (None, Some(base64)) => format!("base64:{base64}"),
        (None, None) => String::new(),
    }
}
