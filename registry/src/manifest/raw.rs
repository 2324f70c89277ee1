//! What the user wrote: every value parsed, what is absent left absent.
//!
//! One function for each table of `holm.toml`, in the order of the format.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use semver::Version;
use toml::Spanned;

use super::ComponentSource;
use super::calls::{RawAllCalls, RawCall, call};
use super::events;
use super::gateway::RawGateway;
use super::grpc::{self, RawGrpc};
use super::outside::{self, RawExternal};
use super::section::Section;
use crate::discovery::settings::DiscoverySettings;
use crate::event::nats::NatsSettings;
use crate::name::{NameError, ServiceName};
use crate::settings::{Grants, Health, Isolation, Secret, Subscribe};
use crate::signature::PublicKey;
use crate::units::ByteSize;

/// The whole file.
pub(super) struct RawManifest {
    pub(super) app: Option<ServiceName>,
    pub(super) listen: Option<SocketAddr>,
    pub(super) admin: Option<SocketAddr>,
    pub(super) grpc: Option<SocketAddr>,
    pub(super) require_signature: Vec<PublicKey>,
    pub(super) nats: Option<NatsSettings>,
    pub(super) defaults: RawDefaults,
    pub(super) services: Vec<RawService>,
    pub(super) discovery: DiscoverySettings,
    pub(super) externals: Vec<RawExternal>,
    pub(super) gateway: RawGateway,
}

/// `[defaults]`
#[derive(Default)]
pub(super) struct RawDefaults {
    pub(super) timeout: Option<Duration>,
    pub(super) limits: RawLimits,
    pub(super) all_calls: RawAllCalls,
}

/// `[service.X]`
pub(super) struct RawService {
    /// As it was written, also when it is no valid name.
    pub(super) key: Spanned<String>,
    /// `None` after an error that is already reported.
    pub(super) name: Option<ServiceName>,
    pub(super) component: Option<ComponentSource>,
    pub(super) version: Option<Version>,
    pub(super) isolation: Option<Isolation>,
    pub(super) reuse: Option<u32>,
    pub(super) instances: RawInstances,
    pub(super) timeout: Option<Duration>,
    pub(super) health: Option<Health>,
    pub(super) config: BTreeMap<String, String>,
    pub(super) limits: RawLimits,
    pub(super) grants: Grants,
    pub(super) all_calls: RawAllCalls,
    pub(super) calls: Vec<RawCall>,
    pub(super) subscribe: Vec<Subscribe>,
    pub(super) grpc: Option<RawGrpc>,
}

/// `instances = { … }`
#[derive(Default)]
pub(super) struct RawInstances {
    pub(super) max: Option<u32>,
    pub(super) concurrency: Option<u32>,
    pub(super) warm: Option<u32>,
    pub(super) idle: Option<Duration>,
    pub(super) growth: Option<ByteSize>,
}

/// `[….limits]`
#[derive(Clone, Default)]
pub(super) struct RawLimits {
    pub(super) memory: Option<ByteSize>,
    pub(super) table_elements: Option<u32>,
    pub(super) handles: Option<u32>,
    pub(super) host_call: Option<ByteSize>,
    pub(super) cpu: Option<Duration>,
    pub(super) concurrency: Option<u32>,
    pub(super) queue: Option<u32>,
    pub(super) queue_wait: Option<Duration>,
    pub(super) request_body: Option<ByteSize>,
    pub(super) response_body: Option<ByteSize>,
    pub(super) response_head: Option<ByteSize>,
    pub(super) response_headers: Option<u32>,
    pub(super) keys: Option<u32>,
    pub(super) state: Option<ByteSize>,
    pub(super) value: Option<ByteSize>,
    pub(super) log_rate: Option<ByteSize>,
    pub(super) outgoing: Option<u32>,
    pub(super) outgoing_body: Option<ByteSize>,
}

/// Reads the whole file.
pub(super) fn manifest(mut root: Section<'_>) -> RawManifest {
    let app = root.section("app", "{ name = \"shop\" }").and_then(app);
    let [listen, admin, grpc] = root.section("host", "{ listen = \"127.0.0.1:8080\" }").map(host).unwrap_or_default();
    let defaults = root.section("defaults", "{ timeout = \"3s\" }").map(defaults).unwrap_or_default();
    let services = root.named_sections("service", "{ component = \"users.wasm\", version = \"1.0.0\" }");
    let gateway = root.section("gateway", "{ body_limit = \"1MiB\" }").map(RawGateway::read).unwrap_or_default();
    let require_signature =
        root.section("deploy", "{ require_signature = [\"ed25519:…\"] }").map(deploy).unwrap_or_default();
    let discovery = root.section("discovery", "{ listen = \"127.0.0.1:8500\" }").map(outside::discovery);
    let externals = root.sections("external", "[{ name = \"legacy-billing\", url = \"http://127.0.0.1:3000\" }]");
    let nats = root.section("nats", "{ url = \"nats://127.0.0.1:4222\" }").and_then(events::nats);
    root.finish();
    let services = services.into_iter().map(|(name, section)| service(name, section)).collect();
    let externals = externals.into_iter().map(outside::external).collect();
    let discovery = discovery.unwrap_or_default();
    RawManifest { app, listen, admin, grpc, require_signature, nats, defaults, services, discovery, externals, gateway }
}

/// Whose signature components need. An empty list would silently mean nobody's.
fn deploy(mut section: Section<'_>) -> Vec<PublicKey> {
    const KEY: &str = "require_signature";
    let keys = section.list(KEY, "[\"ed25519:…\"]", str::parse);
    if section.has_any(&[KEY]) && keys.as_ref().is_some_and(Vec::is_empty) {
        let help = "name a key, as `holm keys new` prints it, or take the line away";
        section.report(
            section.key_span(KEY),
            format!("`{KEY}` is empty, which would let every component in"),
            help.to_owned(),
        );
    }
    section.finish();
    keys.unwrap_or_default()
}

fn app(mut section: Section<'_>) -> Option<ServiceName> {
    let name = section.parsed("name", "\"shop\"", |text| {
        text.parse::<ServiceName>().map_err(|error| format!("an app is named like a service: {error}"))
    });
    section.finish();
    name.map(Spanned::into_inner)
}

/// Where to listen: the gateway, the admin API, and the gateway for gRPC.
fn host(mut section: Section<'_>) -> [Option<SocketAddr>; 3] {
    let mut address = |key, example| section.parsed(key, example, parse_address).map(Spanned::into_inner);
    let found = [
        address("listen", "\"127.0.0.1:8080\""),
        address("admin", "\"127.0.0.1:7070\""),
        address("grpc", "\"127.0.0.1:50051\""),
    ];
    section.finish();
    found
}

pub(super) fn parse_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| format!("`{text}` is not an address to listen on: it needs an IP address and a port"))
}

fn defaults(mut section: Section<'_>) -> RawDefaults {
    let found = RawDefaults {
        timeout: section.duration("timeout"),
        limits: limits_in(&mut section),
        all_calls: RawAllCalls::read(&mut section),
    };
    section.finish();
    found
}

fn service(name: Spanned<&str>, mut section: Section<'_>) -> RawService {
    let parsed: Result<ServiceName, NameError> = name.get_ref().parse();
    if let Err(error) = &parsed {
        section.report(name.span(), error.to_string(), "for example `[service.order-items]`".to_owned());
    }
    section.require("component", "\"users.wasm\"");
    section.require("version", "\"1.0.0\"");
    let found = RawService {
        key: Spanned::new(name.span(), (*name.get_ref()).to_owned()),
        name: parsed.ok(),
        component: section.parsed("component", "\"users.wasm\"", parse_component).map(Spanned::into_inner),
        version: section.parsed("version", "\"1.0.0\"", parse_version).map(Spanned::into_inner),
        isolation: section.parsed("isolation", "\"reuse\"", str::parse).map(Spanned::into_inner),
        reuse: section.count("reuse"),
        instances: section.section("instances", "{ max = 64, warm = 1 }").map(instances).unwrap_or_default(),
        timeout: section.duration("timeout"),
        health: section.section("health", "{ path = \"/health\" }").and_then(health),
        config: section.texts("config", "{ currency = \"EUR\" }"),
        limits: limits_in(&mut section),
        grants: section
            .section("grants", "{ http = [\"https://api.example.com/v1/\"] }")
            .map(grants)
            .unwrap_or_default(),
        all_calls: RawAllCalls::read(&mut section),
        calls: calls(&mut section),
        subscribe: section
            .sections("subscribe", "[{ subject = \"orders.created\" }]")
            .into_iter()
            .filter_map(events::subscribe)
            .collect(),
        grpc: section
            .section("grpc", "{ proto = \"user.proto\", service = \"user.UserService\" }")
            .and_then(grpc::grpc),
    };
    section.finish();
    found
}

fn calls(section: &mut Section<'_>) -> Vec<RawCall> {
    let found = section.named_sections("calls", "{ inventory = { timeout = \"2s\" } }");
    found.into_iter().filter_map(|(name, section)| call(name, section)).collect()
}

/// A path is resolved later, against the manifest's folder.
fn parse_component(text: &str) -> Result<ComponentSource, String> {
    if text.starts_with("sha256:") {
        return text
            .parse()
            .map(ComponentSource::Digest)
            .map_err(|error: crate::digest::DigestError| error.to_string());
    }
    match text {
        "" => Err("the component is empty; name its .wasm file, relative to the manifest, or its digest".to_owned()),
        path => Ok(ComponentSource::Path(path.into())),
    }
}

fn parse_version(text: &str) -> Result<Version, String> {
    Version::parse(text).map_err(|error| format!("`{text}` is not a semantic version: {error}"))
}

fn instances(mut section: Section<'_>) -> RawInstances {
    let found = RawInstances {
        max: section.count("max"),
        concurrency: section.count("concurrency"),
        warm: section.count("warm"),
        idle: section.duration("idle"),
        growth: section.size("growth"),
    };
    section.finish();
    found
}

pub(super) fn health(mut section: Section<'_>) -> Option<Health> {
    section.require("path", "\"/health\"");
    let path = section.parsed("path", "\"/health\"", any_text);
    let interval = section.duration("interval").unwrap_or_else(Health::default_interval);
    let timeout = section.duration("timeout").unwrap_or_else(Health::default_timeout);
    section.finish();
    path.map(|path| Health { path: path.into_inner(), interval, timeout })
}

fn any_text(text: &str) -> Result<String, std::convert::Infallible> {
    Ok(text.to_owned())
}

fn limits_in(section: &mut Section<'_>) -> RawLimits {
    section.section("limits", "{ memory = \"64MiB\" }").map(limits).unwrap_or_default()
}

fn limits(mut section: Section<'_>) -> RawLimits {
    let found = RawLimits {
        memory: section.size("memory"),
        table_elements: section.count("table_elements"),
        handles: section.count("handles"),
        host_call: section.size("host_call"),
        cpu: section.duration("cpu"),
        concurrency: section.count("concurrency"),
        queue: section.count("queue"),
        queue_wait: section.duration("queue_wait"),
        request_body: section.size("request_body"),
        response_body: section.size("response_body"),
        response_head: section.size("response_head"),
        response_headers: section.count("response_headers"),
        keys: section.count("keys"),
        state: section.size("state"),
        value: section.size("value"),
        log_rate: section.size("log_rate"),
        outgoing: section.count("outgoing"),
        outgoing_body: section.size("outgoing_body"),
    };
    section.finish();
    found
}

fn grants(mut section: Section<'_>) -> Grants {
    let http = section.list("http", "[\"https://api.example.com/v1/\"]", str::parse).unwrap_or_default();
    let services = section.list("services", "[\"inventory\"]", str::parse).unwrap_or_default();
    let publish = section.list("publish", "[\"orders.*\"]", str::parse).unwrap_or_default();
    let secrets = section.texts("secrets", "{ DB_TOKEN = \"${DB_TOKEN}\" }");
    section.empty_list("files", "components have no files; keep data in wasi:keyvalue");
    section.finish();
    let secrets = secrets.into_iter().map(|(name, value)| (name, Secret::new(value))).collect();
    Grants { http, services, publish, secrets }
}
