//! `holm token`: tokens that may do less than the admin token.

use std::time::SystemTime;

use clap::Subcommand;

use super::Context;
use super::ago::ago;
use super::host::HostArgs;
use crate::admin::Scope;
use crate::admin::api::{Token, parse_rfc3339};

/// Make, list and revoke tokens; this takes the admin token
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a token and print it, this once
    New(New),
    /// List the tokens, without the tokens
    List(List),
    /// Make a token worth nothing
    Revoke(Revoke),
}

#[derive(Debug, clap::Args)]
struct New {
    /// What it is good for: deploy (and look), read, or discovery (register and discover)
    #[arg(long, value_name = "SCOPE")]
    scope: Scope,
    /// Who has it, for `holm token list`
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
    #[command(flatten)]
    host: HostArgs,
}

#[derive(Debug, clap::Args)]
struct List {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    host: HostArgs,
}

#[derive(Debug, clap::Args)]
struct Revoke {
    /// As `holm token list` shows it
    id: String,
    #[command(flatten)]
    host: HostArgs,
}

impl Args {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<()> {
        match self.command {
            Command::New(args) => args.run(context).await,
            Command::List(args) => args.run(context).await,
            Command::Revoke(args) => args.run(context).await,
        }
    }
}

impl New {
    async fn run(self, context: &Context) -> anyhow::Result<()> {
        let made = self.host.client(&context.environment)?.make_token(self.scope, self.note).await?;
        context.output.note(format!("made {} (scope {}); it is not shown again", made.id, made.scope));
        Ok(context.output.line(made.token)?)
    }
}

impl List {
    async fn run(self, context: &Context) -> anyhow::Result<()> {
        let tokens = self.host.client(&context.environment)?.tokens().await?;
        if self.json {
            return context.output.json(&tokens);
        }
        let now = SystemTime::now();
        let rows = tokens.iter().map(|token| row(token, now)).collect();
        Ok(context.output.table(&["ID", "SCOPE", "CREATED", "NOTE"], rows)?)
    }
}

impl Revoke {
    async fn run(self, context: &Context) -> anyhow::Result<()> {
        self.host.client(&context.environment)?.revoke_token(&self.id).await?;
        context.output.note(format!("revoked {}", self.id));
        Ok(())
    }
}

fn row(token: &Token, now: SystemTime) -> Vec<String> {
    let created = parse_rfc3339(&token.created_at).map(|then| ago(then, now));
    let created = created.unwrap_or_else(|| token.created_at.clone());
    vec![token.id.clone(), token.scope.to_string(), created, token.note.clone()]
}
