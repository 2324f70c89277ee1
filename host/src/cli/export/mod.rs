//! `holm export`: what other platforms need to run a host with this manifest.
//!
//! | file | question it answers |
//! | --- | --- |
//! | `kubernetes` | which objects does a cluster need (pure)? |
//! | `pod` | what is in the pod, and what does it take (pure)? |
//! | `portable` | what must a manifest say in another place, and what does it need there (pure)? |
//! | `yaml` | how is an object written (pure)? |
//! | this one | the command |

mod kubernetes;
mod pod;
mod portable;
mod yaml;

use std::path::PathBuf;

use self::kubernetes::Wanted;
use self::portable::Portable;
use super::Context;
use super::failure::Failure;

/// Print what another platform needs to run this manifest
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    platform: Platform,
}

#[derive(Debug, clap::Subcommand)]
enum Platform {
    Kubernetes(Kubernetes),
}

/// Objects for `kubectl apply -f -`: Deployment, Service, ConfigMap, Secret and a volume for the state
///
/// The container image holds `holm` and the components, each as /components/SERVICE.wasm; the Containerfile of the
/// repository makes one. Memory is asked for by the limits of the services. Values of `${NAME}` are left empty in the
/// Secret: nothing is read from the environment.
#[derive(Debug, clap::Args)]
struct Kubernetes {
    /// The manifest
    #[arg(default_value = "holm.toml")]
    manifest: PathBuf,
    /// The container image
    #[arg(long, value_name = "IMAGE")]
    image: String,
    /// How many hosts; each has a state of its own, so more than one needs `[nats]` or services without state
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    replicas: u16,
    /// Size of the volume for state and events
    #[arg(long, value_name = "QUANTITY", default_value = "1Gi")]
    storage: String,
}

impl Args {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<()> {
        let Platform::Kubernetes(kubernetes) = self.platform;
        kubernetes.run(context)
    }
}

impl Kubernetes {
    fn run(self, context: &Context) -> anyhow::Result<()> {
        let path = self.manifest.display().to_string();
        let text = std::fs::read_to_string(&self.manifest)
            .map_err(|error| Failure::new(format!("{path} cannot be read")).because(error))?;
        let base = self.manifest.parent().unwrap_or(&self.manifest);
        let portable = Portable::parse(&path, &text, base)?;
        let Self { image, replicas, storage, .. } = self;
        let objects = kubernetes::objects(&portable, &Wanted { image, replicas, storage });
        if replicas > 1 && portable.manifest.nats.is_none() {
            context.output.note("warning: each of the hosts has its own state and events, since there is no `[nats]`");
        }
        let documents: Vec<_> = objects.iter().map(yaml::document).collect();
        Ok(context.output.raw(documents.join("---\n").as_bytes())?)
    }
}
