//! `holm events publish`.

use std::io::{self, Read};
use std::path::Path;

use bytes::Bytes;
use holm_registry::subject::Subject;

use crate::admin::api::{Payload, PublishEvent};
use crate::cli::Context;
use crate::cli::failure::{Failure, UsageError};
use crate::cli::host::HostArgs;

/// Publish an event, as somebody outside: grants do not hold, reserved subjects and headers do
///
/// Its id is printed when it is durable.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// What it is published to: `orders.created`
    subject: Subject,
    /// The payload; @FILE reads a file, - stdin
    #[arg(default_value = "", hide_default_value = true)]
    payload: String,
    /// A header; may be given more than once
    #[arg(long = "header", short = 'H', value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(String, String)>,
    /// Events of one key are delivered in order
    #[arg(long)]
    key: Option<String>,
    /// What happened [default: the subject]
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// Media type of the payload, as in application/json
    #[arg(long, value_name = "TYPE")]
    content_type: Option<String>,
    #[command(flatten)]
    host: HostArgs,
}

const EXAMPLES: &str = r#"Examples:
  holm events publish orders.created '{"order": "o-1"}' --key o-1 --content-type application/json
  holm events publish orders.created @order.json -H 'x-tenant: 7'"#;

impl Args {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<()> {
        let payload = Payload::of(&bytes(&self.payload)?);
        let event = PublishEvent {
            subject: self.subject.to_string(),
            kind: self.kind,
            key: self.key,
            content_type: self.content_type,
            headers: self.headers,
            payload,
        };
        let published = self.host.client(&context.environment)?.publish(&event).await?;
        Ok(context.output.line(published.id)?)
    }
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("write it as `name: value`")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

fn bytes(written: &str) -> Result<Bytes, anyhow::Error> {
    match written.strip_prefix('@') {
        Some("") => Err(UsageError("@ needs the name of a file behind it".to_owned()).into()),
        Some(path) => {
            let unreadable = |error| Failure::new(format!("{path} cannot be read")).because(error);
            Ok(std::fs::read(Path::new(path)).map_err(unreadable)?.into())
        }
        None if written == "-" => {
            let mut read = Vec::new();
            io::stdin().read_to_end(&mut read)?;
            Ok(read.into())
        }
        None => Ok(written.to_owned().into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_not_read_as_it_was_written() {
        assert_eq!(header("x-tenant: 7"), Ok(("x-tenant".to_owned(), "7".to_owned())));
        assert_eq!(header("a:b:c"), Ok(("a".to_owned(), "b:c".to_owned())));
        assert!(header("x-tenant").is_err());
    }
}
