//! `holm revisions`.

use std::time::SystemTime;

use holm_registry::ServiceName;

use super::Context;
use super::ago::ago;
use super::host::HostArgs;
use crate::admin::api::{Revision, parse_rfc3339};

/// List the live and the kept revisions of a service
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Name of the service
    service: ServiceName,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    host: HostArgs,
}

impl Args {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<()> {
        let revisions = self.host.client(&context.environment)?.revisions(&self.service).await?;
        if self.json {
            return context.output.json(&revisions);
        }
        let now = SystemTime::now();
        let rows = revisions.iter().map(|revision| row(revision, now)).collect();
        Ok(context.output.table(&["REVISION", "VERSION", "STATE", "CREATED", "DIGEST"], rows)?)
    }
}

fn row(revision: &Revision, now: SystemTime) -> Vec<String> {
    let created = parse_rfc3339(&revision.created_at).map(|then| ago(then, now));
    vec![
        revision.revision.to_string(),
        revision.version.to_string(),
        revision.state.clone(),
        created.unwrap_or_else(|| revision.created_at.clone()),
        revision.digest.to_string(),
    ]
}
