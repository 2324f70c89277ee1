//! `holm remove`.

use holm_registry::ServiceName;

use super::Context;
use super::host::HostArgs;

/// Take a service away, with its revisions and routes; its data stays
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Name of the service
    service: ServiceName,
    /// Also when live services call it
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    host: HostArgs,
}

impl Args {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<()> {
        self.host.client(&context.environment)?.remove(&self.service, self.force).await?;
        context.output.note(format_args!("{} is removed", self.service));
        Ok(())
    }
}
