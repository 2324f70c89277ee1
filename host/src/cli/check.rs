//! `holm check`: is the manifest right, and what does it come to?

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use holm_registry::ServiceName;
use holm_registry::discovery::balance::Balance;
use holm_registry::discovery::external::External;
use holm_registry::discovery::ranges::IpRange;
use holm_registry::manifest::{ComponentSource, Manifest, ServiceSpec};
use holm_registry::signature::PublicKey;
use serde::Serialize;
use serde_json::Value;

use self::nats::Nats;
use super::compile_limits::CompileArgs;
use super::{Context, check_components, plan};
use crate::admin::api::without_secrets;
use crate::config::{DEFAULT_ADMIN, DEFAULT_LISTEN};

mod gateway;
mod nats;

/// Check a manifest and print it with every default filled in
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The manifest
    #[arg(default_value = "holm.toml", value_name = "holm.toml")]
    manifest: PathBuf,
    /// Look at the components, too: compile each, in a process of its own, find what it imports, and whether that and
    /// the fallbacks of its calls fit what the others export
    #[arg(long)]
    components: bool,
    /// Print JSON instead of TOML
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    compile: CompileArgs,
}

/// A manifest as it is written, with nothing left to guess.
#[derive(Serialize)]
struct Resolved {
    app: App,
    host: Host,
    deploy: Deploy,
    nats: Option<Nats>,
    discovery: Discovery,
    external: Vec<External>,
    service: BTreeMap<ServiceName, Value>,
    gateway: Value,
}

#[derive(Serialize)]
struct App {
    name: String,
}

#[derive(Serialize)]
struct Host {
    listen: SocketAddr,
    admin: SocketAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    grpc: Option<SocketAddr>,
}

/// Without its token, which is nobody's business.
#[derive(Serialize)]
struct Discovery {
    listen: Option<SocketAddr>,
    allow: Vec<IpRange>,
    balance: Balance,
}

#[derive(Serialize)]
struct Deploy {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    require_signature: Vec<PublicKey>,
}

impl Args {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<()> {
        let manifest = plan::read_manifest(&self.manifest)?;
        if self.components {
            check_components::check(context, &manifest, self.compile.into()).await?;
        }
        let resolved = resolved(manifest)?;
        if self.json {
            return context.output.json(&resolved);
        }
        Ok(context.output.raw(toml::to_string_pretty(&resolved)?.as_bytes())?)
    }
}

/// With the keys of a manifest; secrets are hidden.
fn resolved(manifest: Manifest) -> anyhow::Result<Value> {
    let gateway = gateway::gateway(&manifest)?;
    let services = manifest.services.into_iter().map(|(name, spec)| Ok((name, service(spec)?)));
    let mut value = serde_json::to_value(Resolved {
        app: App { name: manifest.app },
        host: Host {
            listen: manifest.listen.unwrap_or(DEFAULT_LISTEN),
            admin: manifest.admin.unwrap_or(DEFAULT_ADMIN),
            grpc: manifest.grpc,
        },
        deploy: Deploy { require_signature: manifest.require_signature },
        nats: manifest.nats.map(Nats::from),
        discovery: Discovery {
            listen: manifest.discovery.listen,
            allow: manifest.discovery.allow.ranges().to_vec(),
            balance: manifest.discovery.balance,
        },
        external: manifest.externals,
        service: services.collect::<serde_json::Result<_>>()?,
        gateway,
    })?;
    drop_empty(&mut value);
    Ok(value)
}

fn service(spec: ServiceSpec) -> serde_json::Result<Value> {
    let component = match spec.component {
        ComponentSource::Path(path) => path.display().to_string(),
        ComponentSource::Digest(digest) => digest.to_string(),
    };
    let mut value = serde_json::to_value(without_secrets(spec.settings))?;
    if let Some(table) = value.as_object_mut() {
        table.insert("component".to_owned(), component.into());
        table.insert("version".to_owned(), spec.version.to_string().into());
    }
    Ok(value)
}

/// TOML has no null; to a manifest, a missing key or table means the same as an empty one. Not so
/// in the answer of a fallback, which is the user's own.
fn drop_empty(value: &mut Value) {
    match value {
        Value::Object(table) => {
            table.iter_mut().filter(|(key, _)| *key != "fallback").for_each(|(_, value)| drop_empty(value));
            table.retain(|_, value| !value.is_null() && value.as_object().is_none_or(|table| !table.is_empty()));
        }
        Value::Array(items) => items.iter_mut().for_each(drop_empty),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use holm_registry::gateway::AuthSettings;

    use super::*;

    const SMALL: &str = r#"
        [service.users]
        component = "users.wasm"
        version = "1.0.0"
        grants = { services = ["mailer"], secrets = { DB = "hunter2" } }
        retry = { budget = 0.5 }
        [service.users.calls.mailer]
        timeout = "1s"
        bulkhead = { concurrency = 4 }
        [service.users.calls."shop:inventory/stock@1.0.0"]
        breaker = { error_threshold = 20 }
        fallback = [{ function = "get", value = { ok = {}, name = "{name}" } }, { service = "spare" }]
        [[service.users.subscribe]]
        subject = "orders.>"
        backoff = []
        start = "2026-11-22T09:30:00Z"
        [nats]
        url = "nats://nats.test"
        user = "holm"
        password = "hunter2"
        tls = { ca = "ca.pem" }
        [discovery]
        balance = "hash:x-user"
        token = "hunter2"
        [[external]]
        name = "billing"
        url = "http://127.0.0.1:3000"
        health = { path = "/health" }
        [gateway.defaults]
        auth = "jwt"
        [gateway.auth.jwt]
        secret = "hunter2-hunter2-hunter2-hunter2-hunter2"
        issuer = "shop"
        claims = { tenant = "acme" }
        headers = { x-user-id = "id" }
        [gateway.rate.default]
        requests = 100
        per = "15m"
        [gateway.auth.file]
        public_key = "issuer.pem"
        [gateway.auth.issuer]
        jwks = "https://login.test/keys"
        scopes = ["read"]
        [gateway.auth.keys]
        api_keys = { mobile = "hunter2-hunter2-hunter2" }
        [[gateway.route]]
        path = "/u/{*rest}"
        methods = ["GET"]
        rewrite = "/{rest}"
        service = "users"
        [[gateway.route]]
        path = "/k"
        service = "users"
        auth = ["keys", "issuer"]
        rate = "default"
        scopes = ["write"]
        [[gateway.route]]
        path = "/old/{*rest}"
        redirect = "/u/{rest}"
        [[gateway.route]]
        path = "/m"
        upstream = "http://127.0.0.1:1/v1"
        headers = { x-beta = "*" }
        query = { v = "2" }
        compress = true
        cors = { origins = ["https://a.test"], credentials = true }
        request = { set = { x-a = "1" }, remove = ["cookie"] }
        response = { add = { x-b = "2" } }
        retry = { attempts = 3 }
        breaker = { volume_threshold = 3 }
        bulkhead = { concurrency = 8 }
        fallback = { respond = { status = 203, json = { a = 1 } } }
        [gateway.limits]
        connections_per_client = 50
        header_timeout = "5s"
        [gateway.tls]
        certificate = "a.pem"
        key = "a-key.pem"
        client_ca = "ca.pem"
        sni = [{ certificate = "b.pem", key = "b-key.pem" }]
    "#;

    #[test]
    fn the_resolved_manifest_is_none_itself() {
        let manifest = Manifest::parse("holm.toml", SMALL, Path::new(""), &|_| None).unwrap();
        let text = toml::to_string_pretty(&resolved(manifest.clone()).unwrap()).unwrap();
        assert!(!text.contains("hunter2"), "{text}");
        let again =
            Manifest::parse("holm.toml", &text, Path::new(""), &|_| None).unwrap_or_else(|e| panic!("{e}\n{text}"));
        assert_eq!((&again.routes, &again.tls, &again.limits), (&manifest.routes, &manifest.tls, &manifest.limits));
        let schemes = |manifest: &Manifest| {
            let hidden = |(name, scheme): (_, AuthSettings)| (name, scheme.without_secrets());
            manifest.gateway.auth.clone().into_iter().map(hidden).collect::<BTreeMap<_, _>>()
        };
        assert_eq!(schemes(&again), schemes(&manifest));
        assert_eq!(again.gateway.rate, manifest.gateway.rate);
        let broker = |manifest: &Manifest| manifest.nats.clone().map(|nats| (nats.servers, nats.tls)).unwrap();
        assert_eq!(broker(&again), broker(&manifest));
        assert_eq!(
            (again.externals.clone(), again.discovery.balance.clone()),
            (manifest.externals.clone(), manifest.discovery.balance.clone())
        );
        let settings = |manifest: &Manifest| {
            let mut settings = manifest.services.values().next().unwrap().settings.clone();
            settings.grants.secrets.clear();
            settings
        };
        assert_eq!(settings(&again), settings(&manifest));
    }
}
