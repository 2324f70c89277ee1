//! `holm up`: the host itself.

use std::net::SocketAddr;
use std::path::PathBuf;

use holm_registry::event::nats::NatsSettings;
use holm_registry::manifest::Manifest;
use holm_registry::signature::PublicKey;

use super::compile_limits::CompileArgs;
use super::output::ready_line;
use super::{Context, plan};
use crate::app::{Addresses, App};
use crate::config::{FileHost, HostConfig, HostFlags, PLACES};
use crate::telemetry::init::{self, FlushGuard, LogFormat};

/// Start a host: gateway, services and admin API
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Deploy the services of this manifest before the host says that it is ready
    #[arg(long, value_name = "FILE")]
    pub(super) manifest: Option<PathBuf>,
    /// Data directory [default: $HOLM_DATA, else .holm]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Address of the gateway; port 0 lets the system choose [default: 127.0.0.1:8080]
    #[arg(long, value_name = "IP:PORT", value_parser = address)]
    listen: Option<SocketAddr>,
    /// Address of the admin API; port 0 lets the system choose [default: 127.0.0.1:7070]
    #[arg(long, value_name = "IP:PORT", value_parser = address)]
    admin: Option<SocketAddr>,
    /// Address of a listener for clients of Consul's agent, such as 127.0.0.1:8500 [default: none]
    #[arg(long, value_name = "IP:PORT", value_parser = address)]
    discovery: Option<SocketAddr>,
    /// A second address of the gateway, for clients that look for gRPC at a port of its own, such as
    /// 127.0.0.1:50051 [default: none; the first one speaks gRPC, too]
    #[arg(long, value_name = "IP:PORT", value_parser = address)]
    grpc: Option<SocketAddr>,
    /// NATS server that events go over, such as nats://127.0.0.1:4222, several with commas between them [default:
    /// `[nats]` of the manifest, else events stay in this host]
    #[arg(long, value_name = "URL")]
    nats: Option<NatsSettings>,
    /// Which log lines go to stderr, such as `warn` or `info,holm::access=off` [default: $HOLM_LOG, else info]
    #[arg(long, value_name = "FILTER")]
    pub(super) log: Option<String>,
    /// How they look: text or json
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    log_format: LogFormat,
    /// Take only components that this key has signed; may be given several times, one of them is
    /// enough [default: `require_signature` of the manifest, else take all]
    #[arg(long, value_name = "ed25519:KEY")]
    require_signature: Vec<PublicKey>,
    /// Places for instances, of all services together; nearly every instance takes one, and each service keeps
    /// one [default: 2000]
    #[arg(long, value_name = "NUMBER", value_parser = places)]
    places: Option<u32>,
    #[command(flatten)]
    compile: CompileArgs,
}

impl Args {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<()> {
        let manifest = self.manifest.as_deref().map(plan::read_manifest).transpose()?;
        let file = manifest.as_ref().map_or_else(FileHost::default, file_host);
        let plan = manifest.map(plan::from_parsed).transpose()?;
        let (config, _flushed_at_the_end) = self.begin(file, context)?;
        serve(context, config, plan).await
    }

    /// The configuration of the host; from here on it logs, until what this returns is dropped.
    pub(super) fn begin(self, file: FileHost, context: &Context) -> anyhow::Result<(HostConfig, FlushGuard)> {
        let config = HostConfig::resolve(self.flags(), file, &context.environment)?;
        let flushed_at_the_end = init::init(&config.log, config.log_format, context.output.colored())?;
        for warning in config.warnings() {
            tracing::warn!("{warning}");
        }
        Ok((config, flushed_at_the_end))
    }

    fn flags(self) -> HostFlags {
        let Self { listen, admin, discovery, grpc, data, log, log_format, .. } = self;
        let Self { require_signature, places, nats, compile, .. } = self;
        let (log_format, compile) = (Some(log_format), compile.into());
        HostFlags { listen, admin, discovery, grpc, data, log, log_format, compile, require_signature, places, nats }
    }
}

/// What a manifest says of the host itself.
pub(super) fn file_host(manifest: &Manifest) -> FileHost {
    FileHost {
        listen: manifest.listen,
        admin: manifest.admin,
        grpc: manifest.grpc,
        body_limit: manifest.body_limit,
        tls: manifest.tls.clone(),
        limits: manifest.limits.clone(),
        discovery: manifest.discovery.clone(),
        require_signature: manifest.require_signature.clone(),
        nats: manifest.nats.clone(),
    }
}

async fn serve(context: &Context, config: HostConfig, plan: Option<plan::Plan>) -> anyhow::Result<()> {
    let app = App::build(config).await?;
    if let Some(plan) = plan {
        let progress = context.output.progress(format!("deploying {} services", plan.services.len()));
        app.deploy(plan.into_deploy_set()).await?;
        drop(progress);
    }
    ready(context, app.addresses(), app.services().list().len())?;
    app.run().await
}

/// Says where the host serves.
pub(super) fn ready(context: &Context, addresses: Addresses, services: usize) -> std::io::Result<()> {
    context.output.line(ready_line(&addresses, services))
}

fn places(text: &str) -> Result<u32, String> {
    let number = text.parse().ok().filter(|number| PLACES.contains(number));
    number.ok_or_else(|| format!("write a number from {} to {}", PLACES.start(), PLACES.end()))
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let with_localhost = text.replacen("localhost:", "127.0.0.1:", 1);
    with_localhost.parse().map_err(|_| "write IP:PORT, such as 127.0.0.1:8080 or [::1]:8080".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Args as _;

    use super::*;
    use crate::config::DEFAULT_PLACES;

    #[test]
    fn the_help_tells_another_number_of_places() {
        let help = Args::augment_args(clap::Command::new("up")).render_long_help().to_string();
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(help.contains(&format!("[default: {DEFAULT_PLACES}]")), "{help}");
        assert_eq!(places("100"), Ok(100));
        assert_eq!(places("99"), Err("write a number from 100 to 20000".to_owned()));
    }
}
