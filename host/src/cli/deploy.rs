//! `holm deploy`: one component, or the services of a manifest as one set.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use holm_registry::manifest::ComponentSource;
use holm_registry::settings::Isolation;
use holm_registry::{Digest, ServiceName};
use semver::Version;

use super::Context;
use super::ago::{size, took};
use super::failure::UsageError;
use super::host::HostArgs;
use super::plan::{self, Plan};
use super::signature_file;
use crate::admin::api::Deployed;
use crate::admin::client::Client;

/// Deploy a component, or all services of a manifest, and swap them in
///
/// A component alone takes the place of the one before: its service keeps the settings, grants and subscriptions that
/// a manifest has given it, until a manifest says something else.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A component, or a manifest
    #[arg(value_name = "FILE.wasm|holm.toml")]
    file: PathBuf,
    /// Service to deploy; of a manifest, only this one
    #[arg(long, value_name = "NAME")]
    service: Option<ServiceName>,
    /// Semantic version of the component
    #[arg(long, value_name = "VERSION")]
    version: Option<Version>,
    /// How long an instance lives [default: as for the live revision, else by what the component exports]
    #[arg(long)]
    isolation: Option<Lifetime>,
    /// Take the settings and routes of the service from this manifest
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// Signature of the component [default: COMPONENT.sig, where there is one]
    #[arg(long, value_name = "FILE")]
    signature: Option<PathBuf>,
    /// Also when it takes from a live service what that calls
    #[arg(long)]
    force: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    host: HostArgs,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Lifetime {
    /// One instance serves many invocations, one at a time
    Reuse,
    /// A fresh instance for every invocation
    Invocation,
}

impl From<Lifetime> for Isolation {
    fn from(lifetime: Lifetime) -> Self {
        match lifetime {
            Lifetime::Reuse => Self::Reuse,
            Lifetime::Invocation => Self::Invocation,
        }
    }
}

impl Args {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<()> {
        let client = self.host.client(&context.environment)?;
        let plan = if self.file.extension().is_some_and(|extension| extension == "toml") {
            self.plan_of_manifest(&client).await?
        } else {
            self.plan_of_component(&client).await?
        };
        let deployed = upload(context, &client, plan, self.force).await?;
        show(context, &deployed, self.json)
    }

    async fn plan_of_manifest(&self, client: &Client) -> anyhow::Result<Plan> {
        let of_a_component = self.version.is_some() || self.isolation.is_some() || self.signature.is_some();
        if of_a_component || self.manifest.is_some() {
            let usage = "--version, --isolation, --signature and --manifest belong to a .wasm file; a manifest says \
                         all that itself, and signatures lie beside its components";
            return Err(UsageError(usage.to_owned()).into());
        }
        let mut manifest = plan::read_manifest(&self.file)?;
        if let Some(service) = &self.service {
            manifest = plan::only(manifest, service, &live(client).await?)?;
        }
        plan::from_parsed(manifest)
    }

    async fn plan_of_component(&self, client: &Client) -> anyhow::Result<Plan> {
        let (Some(service), Some(version)) = (self.service.clone(), self.version.clone()) else {
            let usage = "a .wasm file needs --service NAME and --version VERSION";
            return Err(UsageError(usage.to_owned()).into());
        };
        let mut plan = match &self.manifest {
            Some(path) => self.plan_with_settings(client, path, &service, version).await?,
            None => plan::from_component(service, version, &self.file, self.isolation.map(Isolation::from))?,
        };
        for part in &mut plan.services {
            if let Some(path) = &self.signature {
                part.signature = Some(signature_file::read(path, &self.file, &part.digest)?);
            }
        }
        Ok(plan)
    }

    /// The manifest's word on everything but the component and its version.
    async fn plan_with_settings(
        &self,
        client: &Client,
        path: &Path,
        service: &ServiceName,
        version: Version,
    ) -> anyhow::Result<Plan> {
        let mut manifest = plan::only(plan::read_manifest(path)?, service, &live(client).await?)?;
        for spec in manifest.services.values_mut() {
            spec.component = ComponentSource::Path(self.file.clone());
            spec.version = version.clone();
            spec.settings.isolation = self.isolation.map(Isolation::from).or(spec.settings.isolation);
        }
        plan::from_parsed(manifest)
    }
}

async fn live(client: &Client) -> anyhow::Result<Vec<ServiceName>> {
    Ok(client.services().await?.into_iter().map(|service| service.service).collect())
}

/// Sends what the host does not have, and waits until it is live.
pub(super) async fn upload(
    context: &Context,
    client: &Client,
    plan: Plan,
    force: bool,
) -> anyhow::Result<Vec<Deployed>> {
    let names: Vec<_> = plan.services.iter().map(|part| part.name.to_string()).collect();
    let progress = context.output.progress(format!("asking what the host has of {}", names.join(", ")));
    let (mut plan, components) = plan.into_upload();
    plan.force = force;
    let missing = missing(client, components).await?;
    let bytes: usize = missing.iter().map(|(_, bytes)| bytes.len()).sum();
    let sent = size(u64::try_from(bytes).unwrap_or(u64::MAX));
    progress.step(format!("deploying {}: {sent} to send, then compile, warm up, probe, swap", names.join(", ")));
    Ok(client.deploy(&plan, missing).await?)
}

async fn missing(client: &Client, components: BTreeMap<Digest, Bytes>) -> anyhow::Result<Vec<(Digest, Bytes)>> {
    let mut missing = Vec::new();
    for (digest, bytes) in components {
        if !client.has_component(&digest).await? {
            missing.push((digest, bytes));
        }
    }
    Ok(missing)
}

/// What became live, for deployments and rollbacks.
pub(super) fn show(context: &Context, deployed: &[Deployed], json: bool) -> anyhow::Result<()> {
    if json {
        return context.output.json(&deployed);
    }
    for one in deployed {
        context.output.line(sentence(one))?;
        for route in &one.routes {
            context.output.line(format_args!("  {route}"))?;
        }
        for warning in &one.warnings {
            context.output.note(format_args!("warning: {}: {warning}", one.service));
        }
    }
    Ok(())
}

fn sentence(deployed: &Deployed) -> String {
    let Deployed { service, revision, version, isolation, .. } = deployed;
    let kept = deployed.settings_of.map(|of| format!(", settings of revision {of}")).unwrap_or_default();
    if deployed.changed {
        let took = took(deployed.took_ms);
        format!("{service} {version} is live as revision {revision} (isolation {isolation}, {took}{kept})")
    } else {
        format!("{service} {version} was live already as revision {revision} (isolation {isolation}), nothing changed")
    }
}
