//! `holm services`.

use super::Context;
use super::host::HostArgs;
use crate::admin::api::Service;

/// List the services of the host
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    host: HostArgs,
}

const HEADER: [&str; 8] = ["SERVICE", "REVISION", "VERSION", "STATE", "INSTANCES", "IN FLIGHT", "REQUESTS", "FAULTS"];

impl Args {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<()> {
        let services = self.host.client(&context.environment)?.services().await?;
        if self.json {
            return context.output.json(&services);
        }
        if services.is_empty() {
            context
                .output
                .note("no services yet; deploy one with `holm deploy FILE.wasm --service NAME --version 1.0.0`");
        }
        Ok(context.output.table(&HEADER, services.iter().map(row).collect())?)
    }
}

fn row(service: &Service) -> Vec<String> {
    let state = match &service.reason {
        Some(reason) => format!("{}: {reason}", service.state),
        None => service.state.clone(),
    };
    vec![
        service.service.to_string(),
        service.revision.to_string(),
        service.version.to_string(),
        state,
        service.instances.to_string(),
        service.in_flight.to_string(),
        service.requests.to_string(),
        service.faults.to_string(),
    ]
}
