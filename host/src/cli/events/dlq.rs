//! `holm events dlq`.

use std::time::SystemTime;

use clap::Subcommand;
use holm_registry::ServiceName;

use crate::admin::api::{DeadLetterLine, parse_rfc3339};
use crate::admin::client::{Client, ClientError};
use crate::cli::Context;
use crate::cli::ago::ago;
use crate::cli::failure::UsageError;
use crate::cli::host::HostArgs;

/// Dead letters in one question to the host.
const PAGE: usize = 500;
/// Characters of a reason in the table.
const REASON: usize = 60;

/// List, show, replay and drop dead letters: events that a subscription could not handle
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List them, the oldest first
    Ls {
        /// Only those of this service
        #[arg(long)]
        service: Option<ServiceName>,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        host: HostArgs,
    },
    /// Print one of them with its event, as JSON; needs the admin token
    Show {
        /// Its number, as `ls` prints it
        number: String,
        #[command(flatten)]
        host: HostArgs,
    },
    /// Publish their events once more, for the subscription that has failed alone
    Replay(Which),
    /// Remove them: their events are given up for good
    Drop(Which),
}

#[derive(Debug, clap::Args)]
struct Which {
    /// Their numbers, as `ls` prints them
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    numbers: Vec<String>,
    /// All of them, or all of one service
    #[arg(long)]
    all: bool,
    /// With --all: only those of this service
    #[arg(long, requires = "all")]
    service: Option<ServiceName>,
    #[command(flatten)]
    host: HostArgs,
}

impl Args {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<()> {
        match self.what {
            What::Ls { service, json, host } => {
                let letters = all(&host.client(&context.environment)?, service.as_ref()).await?;
                if json {
                    return context.output.json(&letters);
                }
                let now = SystemTime::now();
                let rows = letters.into_iter().map(|letter| row(letter, now)).collect();
                Ok(context.output.table(&["NUMBER", "SERVICE", "SUBJECT", "ATTEMPTS", "WHEN", "REASON"], rows)?)
            }
            What::Show { number, host } => {
                let letter = host.client(&context.environment)?.dead_letter(checked(&number)?).await?;
                context.output.json(&letter)
            }
            What::Replay(which) => {
                let client = which.host.client(&context.environment)?;
                for number in which.numbers(&client).await? {
                    let published = client.replay(&number).await?;
                    context.output.line(format_args!("{number} is published again as {}", published.id))?;
                }
                Ok(())
            }
            What::Drop(which) => {
                let client = which.host.client(&context.environment)?;
                for number in which.numbers(&client).await? {
                    client.drop_dead_letter(&number).await?;
                    context.output.line(format_args!("{number} is dropped"))?;
                }
                Ok(())
            }
        }
    }
}

impl Which {
    async fn numbers(&self, client: &Client) -> anyhow::Result<Vec<String>> {
        if self.all {
            let letters = all(client, self.service.as_ref()).await?;
            return Ok(letters.into_iter().map(|letter| letter.number).collect());
        }
        self.numbers.iter().map(|number| checked(number).map(str::to_owned)).collect()
    }
}

/// It goes into a path.
fn checked(number: &str) -> anyhow::Result<&str> {
    let numeric = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    match number.split_once('-') {
        Some((sequence, index)) if numeric(sequence) && numeric(index) => Ok(number),
        _ => Err(UsageError(format!("`{number}` is not the number of a dead letter; `holm events dlq ls` lists them"))
            .into()),
    }
}

async fn all(client: &Client, service: Option<&ServiceName>) -> Result<Vec<DeadLetterLine>, ClientError> {
    let mut found: Vec<DeadLetterLine> = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = client.dead_letters(after.as_deref(), PAGE).await?;
        let last = page.last().map(|letter| letter.number.clone());
        let whole = page.len() < PAGE;
        found.extend(page.into_iter().filter(|letter| service.is_none_or(|name| name.as_str() == letter.service)));
        match last {
            Some(last) if !whole => after = Some(last),
            _ => return Ok(found),
        }
    }
}

fn row(letter: DeadLetterLine, now: SystemTime) -> Vec<String> {
    let when = parse_rfc3339(&letter.at).map_or(letter.at, |then| ago(then, now));
    let reason = letter.reason.lines().next().unwrap_or_default();
    let short: String = reason.chars().take(REASON).collect();
    let dots = if short.len() < letter.reason.len() { "…" } else { "" };
    let attempts = letter.attempts.to_string();
    vec![letter.number, letter.service, letter.subject, attempts, when, format!("{short}{dots}")]
}
