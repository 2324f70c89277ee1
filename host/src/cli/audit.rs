//! `holm audit`.

use super::Context;
use super::host::HostArgs;
use crate::audit::{Entry, Outcome};

/// Show who changed what on a host, the latest last
///
/// The lines lie in audit.log in the host's data directory, older ones in audit.log.1 to .4.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// How many of the last entries
    #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 100)]
    limit: usize,
    /// Print one line of JSON for each
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    host: HostArgs,
}

impl Args {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<()> {
        let entries = self.host.client(&context.environment)?.audit(self.limit).await?;
        if self.json {
            return entries.iter().try_for_each(|entry| context.output.json_line(entry));
        }
        let header = ["AT", "WHO", "FROM", "ACTION", "SERVICE", "VERSION", "DIGEST", "SIGNED BY", "OUTCOME"];
        Ok(context.output.table(&header, entries.into_iter().map(row).collect())?)
    }
}

fn row(entry: Entry) -> Vec<String> {
    let reason = entry.reason.map(|reason| format!(": {reason}")).unwrap_or_default();
    let untold = if entry.not_told > 0 { format!(" ({} more before)", entry.not_told) } else { String::new() };
    let outcome = match entry.outcome {
        Outcome::Done => "done".to_owned(),
        Outcome::Refused => format!("refused{reason}{untold}"),
    };
    let subject = entry.subject;
    let short = |text: Option<String>, length: usize| text.unwrap_or_default().chars().take(length).collect();
    vec![
        entry.at,
        entry.who,
        entry.peer.unwrap_or_default(),
        format!("{:?} {}", entry.action, subject.function.unwrap_or_default()).trim_end().to_lowercase(),
        subject.service.unwrap_or_default(),
        subject.version.unwrap_or_default(),
        short(subject.digest, "sha256:".len() + 12),
        short(subject.signed_by, "ed25519:".len() + 12),
        outcome,
    ]
}
