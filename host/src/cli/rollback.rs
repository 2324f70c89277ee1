//! `holm rollback`.

use holm_registry::ServiceName;

use super::Context;
use super::deploy::show;
use super::host::HostArgs;

/// Make an earlier revision of a service live again
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Name of the service
    service: ServiceName,
    /// Revision to go back to [default: the one that was live before]
    #[arg(long, value_name = "REVISION")]
    to: Option<u32>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    host: HostArgs,
}

impl Args {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<()> {
        let client = self.host.client(&context.environment)?;
        let progress = context.output.progress(format!("rolling {} back", self.service));
        let deployed = client.rollback(&self.service, self.to).await?;
        drop(progress);
        show(context, &[deployed], self.json)
    }
}
