//! How instances and checks look to clients of Consul.

use holm_registry::discovery::check::{How, Pace};
use holm_registry::discovery::directory::Directory;
use holm_registry::discovery::go_duration;
use holm_registry::discovery::instance::Instance;
use holm_registry::discovery::watched::Watched;
use serde_json::{Map, Value, json};

use super::query::{Asked, DATACENTER};

/// The one node.
pub(super) const NODE: &str = "holm";
const NODE_ADDRESS: &str = "127.0.0.1";

/// The node, as it stands in every answer.
pub(super) fn node() -> Value {
    json!({ "ID": "", "Node": NODE, "Address": NODE_ADDRESS, "Datacenter": DATACENTER, "TaggedAddresses": {}, "Meta": {} })
}

/// An instance of `/v1/agent/services`, and the middle of one of `/v1/health/service`.
pub(super) fn service(instance: &Instance) -> Value {
    let registration = instance.registration();
    let (created, modified) = instance.indexes();
    json!({
        "ID": registration.id,
        "Service": registration.name,
        "Tags": registration.tags,
        "Meta": registration.meta,
        "Address": registration.address,
        "Port": registration.port,
        "Weights": { "Passing": registration.weights.passing, "Warning": registration.weights.warning },
        "EnableTagOverride": false,
        "Datacenter": DATACENTER,
        "CreateIndex": created,
        "ModifyIndex": modified,
    })
}

/// An instance of `/v1/health/service`.
pub(super) fn health(instance: &Instance) -> Value {
    let checks: Vec<Value> = instance.checks().iter().map(|each| check(instance, each)).collect();
    json!({ "Node": node(), "Service": service(instance), "Checks": checks })
}

/// A check.
pub(super) fn check(instance: &Instance, check: &Watched) -> Value {
    let registration = instance.registration();
    let (created, modified) = instance.indexes();
    let (kind, pace) = kind(&check.spec().how);
    let text = |time: fn(&Pace) -> std::time::Duration| pace.map(|pace| go_duration::format(time(pace)));
    json!({
        "Node": NODE,
        "CheckID": check.spec().id,
        "Name": check.spec().name,
        "Status": check.status().as_str(),
        "Notes": check.spec().notes,
        "Output": check.output(),
        "ServiceID": registration.id,
        "ServiceName": registration.name,
        "ServiceTags": registration.tags,
        "Type": kind,
        "Interval": text(|pace| pace.interval).unwrap_or_default(),
        "Timeout": text(|pace| pace.timeout).unwrap_or_default(),
        "Definition": {},
        "CreateIndex": created,
        "ModifyIndex": modified,
    })
}

fn kind(how: &How) -> (&'static str, Option<&Pace>) {
    match how {
        How::Http { pace, .. } => ("http", Some(pace)),
        How::Tcp { pace, .. } => ("tcp", Some(pace)),
        How::Ttl(_) => ("ttl", None),
        How::Host => ("", None),
    }
}

/// An instance of `/v1/catalog/service`.
pub(super) fn catalog(instance: &Instance) -> Value {
    let registration = instance.registration();
    let (created, modified) = instance.indexes();
    json!({
        "ID": "",
        "Node": NODE,
        "Address": NODE_ADDRESS,
        "Datacenter": DATACENTER,
        "NodeMeta": {},
        "TaggedAddresses": {},
        "ServiceID": registration.id,
        "ServiceName": registration.name,
        "ServiceTags": registration.tags,
        "ServiceAddress": registration.address,
        "ServicePort": registration.port,
        "ServiceMeta": registration.meta,
        "ServiceWeights": { "Passing": registration.weights.passing, "Warning": registration.weights.warning },
        "ServiceEnableTagOverride": false,
        "CreateIndex": created,
        "ModifyIndex": modified,
    })
}

/// The instances of a name that have the tags that are asked for.
pub(super) fn tagged<'a>(
    directory: &'a Directory,
    name: &str,
    asked: &Asked,
) -> impl Iterator<Item = &'a Instance> + use<'a> {
    let wanted = asked.tags.clone();
    let has_all = move |instance: &&Instance| wanted.iter().all(|tag| instance.registration().tags.contains(tag));
    directory.named(name).collect::<Vec<_>>().into_iter().filter(has_all)
}

/// All names with the tags of all their instances.
pub(super) fn names(directory: &Directory) -> Value {
    let mut found = Map::new();
    for name in directory.names() {
        let mut tags: Vec<&str> =
            directory.named(name).flat_map(|instance| &instance.registration().tags).map(String::as_str).collect();
        tags.sort_unstable();
        tags.dedup();
        found.insert(name.to_owned(), json!(tags));
    }
    Value::Object(found)
}
