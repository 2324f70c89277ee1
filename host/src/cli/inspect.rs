//! `holm inspect`.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use holm_registry::ServiceName;
use holm_registry::settings::{Grants, Subscribe};
use holm_registry::units::format_duration;

use super::Context;
use super::ago::size;
use super::compile_limits::CompileArgs;
use super::failure::Failure;
use super::host::HostArgs;
use super::limits;
use crate::admin::api::Inspection;
use crate::admin::client::{Client, ClientError};
use crate::config::{self, CompileLimits};
use crate::runtime;

/// Show what a component imports and exports, and what of that is missing here
///
/// Of a service it also shows what it was granted, what it subscribes to, and every limit: its
/// value, whether that is the default, set by the manifest or the host's, how often it was met
/// since the host started, and why there is one.
///
/// A service that answers over gRPC without a proto file of its own has one that is made from its
/// interface: `--proto` prints it, for those who call it.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A .wasm file, or the name of a service
    #[arg(value_name = "FILE.wasm|SERVICE")]
    what: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Print the proto file that was made from the interface of a service
    #[arg(long, conflicts_with = "json")]
    proto: bool,
    #[command(flatten)]
    compile: CompileArgs,
    #[command(flatten)]
    host: HostArgs,
}

impl Args {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<()> {
        let client = self.host.client(&context.environment)?;
        let inspection = match Subject::of(&self.what)? {
            Subject::Service(name) => client.inspect_service(&name).await?,
            Subject::File(path) => inspect_file(context, &client, &path, self.compile.into()).await?,
        };
        if self.json {
            return context.output.json(&inspection);
        }
        if self.proto {
            return Ok(context.output.line(proto(&self.what, inspection)?.trim_end())?);
        }
        context.output.line(text(&inspection))?;
        if !inspection.limits.is_empty() {
            context.output.line("")?;
            context.output.table(&limits::HEADER, limits::rows(&inspection.limits))?;
        }
        Ok(())
    }
}

enum Subject {
    File(PathBuf),
    Service(ServiceName),
}

impl Subject {
    fn of(what: &str) -> Result<Self, Failure> {
        let path = Path::new(what);
        if path.exists() || path.extension().is_some_and(|extension| extension == "wasm") {
            return Ok(Self::File(path.to_owned()));
        }
        let neither =
            |error| Failure::new(format!("`{what}` is neither a file nor the name of a service")).because(error);
        what.parse().map(Self::Service).map_err(neither)
    }
}

/// A running host knows what its services export; without one, this binary has the same runtime.
async fn inspect_file(
    context: &Context,
    client: &Client,
    path: &Path,
    limits: CompileLimits,
) -> anyhow::Result<Inspection> {
    let bytes = std::fs::read(path)
        .map_err(|error| Failure::new(format!("{} cannot be read", path.display())).because(error))?;
    let bytes = Bytes::from(bytes);
    match client.inspect(bytes.clone()).await {
        Err(ClientError::NoHost { url, .. }) => {
            context
                .output
                .note(format_args!("no host answers at {url}: compared with what a host without services has"));
            let inspection = runtime::inspect(bytes, config::compiler(), limits).await;
            let refused = |error| Failure::new(format!("{} cannot be inspected", path.display())).because(error);
            let (inspection, _) = inspection.map_err(refused)?;
            Ok(inspection.into())
        }
        answer => Ok(answer?),
    }
}

fn proto(what: &str, inspection: Inspection) -> Result<String, Failure> {
    let grpc = inspection.settings.and_then(|settings| settings.grpc);
    let why = match grpc {
        Some(_) => "it answers over gRPC by a file of its own",
        None => "it does not answer over gRPC",
    };
    let missing = || {
        let failure = Failure::new(format!("no proto file was made for {what}")).because(why);
        failure.so("a service gets one by `[service.NAME.grpc]` with an `interface` and no `proto`")
    };
    inspection.proto.ok_or_else(missing)
}

fn text(inspection: &Inspection) -> String {
    let mut lines = Vec::new();
    if let Some(service) = &inspection.service {
        lines.push(format!("service    {} {} (revision {})", service.service, service.version, service.revision));
    }
    lines.push(format!("digest     {}", inspection.digest));
    lines.push(format!("size       {}", size(inspection.size)));
    lines.push(format!("isolation  {}", inspection.isolation));
    if let Some(settings) = &inspection.settings {
        lines.extend(section("grants", grants(&settings.grants)));
        lines.extend(section("subscribes to", settings.subscribe.iter().map(subscription).collect()));
    }
    lines.push("exports".to_owned());
    lines.extend(inspection.exports.iter().map(|name| format!("  {name}")));
    lines.push("imports".to_owned());
    for import in &inspection.imports {
        let nearest = import.nearest.as_ref().map(|name| format!("; the nearest is {name}")).unwrap_or_default();
        let from = match import.provided_by.as_str() {
            "host" => String::new(),
            "nobody" => format!("  MISSING HERE{nearest}"),
            services => format!("  from {services}"),
        };
        lines.push(format!("  {}{from}", import.name));
    }
    lines.join("\n")
}

/// A title with its lines below it; nothing, where there are none.
fn section(title: &str, lines: Vec<String>) -> Vec<String> {
    if lines.is_empty() {
        return lines;
    }
    std::iter::once(title.to_owned()).chain(lines.into_iter().map(|line| format!("  {line}"))).collect()
}

/// What the service may do outside its island, a line each.
fn grants(grants: &Grants) -> Vec<String> {
    let http = grants.http.iter().map(|grant| format!("http      {grant}"));
    let services = grants.services.iter().map(|service| format!("services  {service}"));
    let publish = grants.publish.iter().map(|subject| format!("publish   {subject}"));
    let secrets = grants.secrets.keys().map(|name| format!("secrets   {name}"));
    http.chain(services).chain(publish).chain(secrets).collect()
}

fn subscription(subscription: &Subscribe) -> String {
    let Subscribe { subject, max_deliver, ack_wait, concurrency, order, .. } = subscription;
    let wait = format_duration(*ack_wait);
    format!("{subject}  (order {order}, at most {concurrency} at once, {max_deliver} attempts of {wait})")
}
