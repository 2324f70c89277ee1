//! `holm call`.

use std::io;
use std::path::Path;
use std::time::Duration;

use holm_registry::ServiceName;
use holm_registry::units::parse_duration;
use serde_json::Value;

use super::Context;
use super::failure::{Failure, UsageError};
use super::host::HostArgs;
use crate::admin::api::{Call, Function};
use crate::admin::client::Client;

/// Call a function of a service, with JSON for values; without a function, list those that there are
///
/// The result is printed as JSON, and the exit code is 0, also when it is an `err` of the function's own
/// (`{"err": …}`): that is an answer. The exit code is 1 when there is no answer: no such function, arguments that
/// do not fit, a service that fails or is late. What the call changed is durable when its result is printed.
///
/// Values are written by their WIT type: a record is an object, a list or tuple an array, list<u8> a string of base64, u64
/// and s64 strings or numbers up to 2^53, an option its value or null, a result {"ok": …} or {"err": …}, an enum "case",
/// a variant "case" or {"case": …}, flags an array of names.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Name of the service
    service: ServiceName,
    /// Interface that it exports; its last word will do where that leaves no choice
    #[arg(requires = "function")]
    interface: Option<String>,
    /// Function to call
    function: Option<String>,
    /// JSON array of the arguments, or object with their names; @FILE reads a file, - stdin
    #[arg(default_value = "[]", hide_default_value = true, value_name = "ARGUMENTS")]
    arguments: String,
    /// How long it may take [default: the service's own timeout, which is the most]
    #[arg(long, value_name = "DURATION", value_parser = timeout)]
    timeout: Option<Duration>,
    #[command(flatten)]
    host: HostArgs,
}

const EXAMPLES: &str = r#"Examples:
  holm call inventory
  holm call inventory stock check-availability '[[{"product": "tea", "quantity": 2}]]'
  holm call inventory shop:inventory/stock@1.0.0 reserve '{"order": "o-1", "items": []}'
  holm call inventory stock import @products.json"#;

impl Args {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<()> {
        let client = self.host.client(&context.environment)?;
        let (Some(interface), Some(function)) = (self.interface, self.function) else {
            return list(context, &client, &self.service).await;
        };
        let arguments = arguments(&self.arguments)?;
        let call = Call { interface, function, arguments, timeout: self.timeout };
        let answer = client.call(&self.service, &call).await?;
        context.output.json(&answer.result)
    }
}

async fn list(context: &Context, client: &Client, service: &ServiceName) -> anyhow::Result<()> {
    let functions = client.functions(service).await?;
    if functions.is_empty() {
        context.output.note(format_args!("{service} exports no interface of its own: it can only be asked over HTTP"));
    }
    let mut before = None;
    for Function { interface, function, refused } in &functions {
        if before != Some(interface) {
            context.output.line(interface)?;
        }
        let refused = refused.as_ref().map(|why| format!(" (not from outside: {why})")).unwrap_or_default();
        context.output.line(format_args!("  {function}{refused}"))?;
        before = Some(interface);
    }
    Ok(())
}

fn arguments(written: &str) -> anyhow::Result<Value> {
    let (text, place) = match written.strip_prefix('@') {
        Some(path) => (read_file(Path::new(path))?, path),
        None if written == "-" => (io::read_to_string(io::stdin())?, "stdin"),
        None => (written.to_owned(), "the arguments"),
    };
    let wrong = |error| UsageError(format!("{place} is no JSON: {error}; write an array, as in '[\"ada\", 5]'"));
    Ok(serde_json::from_str(&text).map_err(wrong)?)
}

fn read_file(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|error| Failure::new(format!("{} cannot be read", path.display())).because(error))
}

fn timeout(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|error| error.to_string())
}
