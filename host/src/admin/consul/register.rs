//! What a client registers, from its JSON to a [`Registration`].

use std::collections::BTreeMap;

use holm_registry::discovery::check::{CheckSpec, How, HttpCheck, Pace, Status, Thresholds};
use holm_registry::discovery::registration::{InstanceId, Registration, Weights};
use serde_json::Value;

use super::fields::{Fields, wrong};
use super::refusal::Refusal;

/// An instance without an address is on this machine: Consul takes its node's address then.
const THIS_MACHINE: &str = "127.0.0.1";
/// What would run on the host, or beside it.
const SCRIPTS: [&str; 4] = ["Args", "Script", "DockerContainerID", "OSService"];
/// What Consul checks and Holm does not.
const OTHER_CHECKS: [&str; 5] = ["GRPC", "H2PING", "UDP", "AliasNode", "AliasService"];
/// What would make a service part of Consul's own mesh.
const MESH: [&str; 3] = ["Kind", "Proxy", "Connect"];

/// `PUT /v1/agent/service/register`
pub(super) fn registration(body: &[u8]) -> Result<Registration, Refusal> {
    let mut fields = Fields::parse(body)?;
    if let Some(mesh) = MESH.iter().find(|key| fields.has(key)) {
        return Err(Refusal::bad_request(format!("{mesh} is not supported: Consul's mesh is no part of Holm")));
    }
    let name = fields.text("Name")?;
    let id = fields.text("ID")?;
    let id = if id.is_empty() { name.clone() } else { id };
    let address = fields.text("Address")?;
    let mut checks = fields.list("Checks")?;
    checks.extend(fields.take("Check").filter(|check| check.as_object().is_none_or(|fields| !fields.is_empty())));
    Ok(Registration {
        address: if address.is_empty() { THIS_MACHINE.to_owned() } else { address },
        port: fields.number("Port", u16::MAX.into())?.and_then(|port| u16::try_from(port).ok()).unwrap_or_default(),
        tags: fields.texts("Tags")?,
        meta: meta(&mut fields)?,
        weights: weights(&mut fields)?,
        checks: all_checks(checks, &id, &name)?,
        id: InstanceId::new(id),
        name,
        url: None,
    })
}

/// `PUT /v1/agent/check/register`: the check, and the id of the service that it is for.
pub(super) fn lone_check(body: &[u8]) -> Result<(CheckSpec, String), Refusal> {
    let mut fields = Fields::parse(body)?;
    let service = fields.text("ServiceID")?;
    if service.is_empty() {
        return Err(Refusal::bad_request("ServiceID is missing: a node has no checks here"));
    }
    let (id, name) = (fields.text("ID")?, fields.text("Name")?);
    if name.is_empty() {
        return Err(Refusal::bad_request("Missing check name"));
    }
    let id = if id.is_empty() { name.clone() } else { id };
    Ok((check(fields, id, name)?, service))
}

/// Consul numbers the checks of a service when it has several.
fn all_checks(checks: Vec<Value>, id: &str, name: &str) -> Result<Vec<CheckSpec>, Refusal> {
    let several = checks.len() > 1;
    let numbered = |at: usize| if several { format!("service:{id}:{}", at + 1) } else { format!("service:{id}") };
    let one = |(at, value)| check(Fields::of("a check", value)?, numbered(at), format!("Service '{name}' check"));
    checks.into_iter().enumerate().map(one).collect()
}

fn check(mut fields: Fields, id: String, name: String) -> Result<CheckSpec, Refusal> {
    let or = |text: String, default: String| if text.is_empty() { default } else { text };
    Ok(CheckSpec {
        id: or(fields.text("CheckID")?, id),
        name: or(fields.text("Name")?, name),
        notes: fields.text("Notes")?,
        deregister_after: fields.duration("DeregisterCriticalServiceAfter")?.filter(|after| !after.is_zero()),
        thresholds: thresholds(&mut fields)?,
        initial: initial(&mut fields)?,
        how: how(&mut fields)?,
    })
}

fn how(fields: &mut Fields) -> Result<How, Refusal> {
    if SCRIPTS.iter().any(|key| fields.has(key)) {
        return Err(Refusal::bad_request("Scripts are disabled on this agent: use an HTTP, TCP or TTL check"));
    }
    let unsupported = OTHER_CHECKS.into_iter().chain(["TLSSkipVerify", "TCPUseTLS"]);
    if let Some(other) = unsupported.into_iter().find(|key| fields.has(key)) {
        return Err(Refusal::bad_request(format!("{other} is not supported: use an HTTP, TCP or TTL check")));
    }
    match (fields.text("HTTP")?, fields.text("TCP")?, fields.duration("TTL")?) {
        (url, tcp, None) if !url.is_empty() && tcp.is_empty() => {
            let request = request(fields, &url)?;
            Ok(How::Http { request, pace: pace(fields)? })
        }
        (url, tcp, None) if url.is_empty() && !tcp.is_empty() => {
            let address = tcp.parse().map_err(|error| Refusal::bad_request(format!("Invalid check: {error}")))?;
            Ok(How::Tcp { address, pace: pace(fields)? })
        }
        (url, tcp, Some(ttl)) if url.is_empty() && tcp.is_empty() => Ok(How::Ttl(ttl)),
        _ => Err(Refusal::bad_request("Invalid check: give it one of HTTP, TCP and TTL")),
    }
}

fn request(fields: &mut Fields, url: &str) -> Result<HttpCheck, Refusal> {
    let method = fields.text("Method")?;
    let mut headers = Vec::new();
    for (name, values) in fields.pairs("Header")? {
        let Value::Array(values) = values else { return Err(wrong("Header", "lists of strings by name")) };
        for value in values {
            let Value::String(value) = value else { return Err(wrong("Header", "lists of strings by name")) };
            headers.push((name.clone(), value));
        }
    }
    Ok(HttpCheck {
        url: url.parse().map_err(|error| Refusal::bad_request(format!("Invalid check: {error}")))?,
        method: if method.is_empty() { "GET".to_owned() } else { method },
        headers,
        body: fields.text("Body")?,
    })
}

fn pace(fields: &mut Fields) -> Result<Pace, Refusal> {
    let interval = fields.duration("Interval")?.unwrap_or_default();
    Ok(Pace::new(interval, fields.duration("Timeout")?.filter(|timeout| !timeout.is_zero())))
}

/// Without a word about warnings there are none.
fn thresholds(fields: &mut Fields) -> Result<Thresholds, Refusal> {
    let mut count = |key| fields.number(key, u32::MAX).map(|count| count.filter(|count| *count > 0));
    let failures_before_critical = count("FailuresBeforeCritical")?.unwrap_or(1);
    Ok(Thresholds {
        success_before_passing: count("SuccessBeforePassing")?.unwrap_or(1),
        failures_before_warning: count("FailuresBeforeWarning")?.unwrap_or(failures_before_critical),
        failures_before_critical,
    })
}

fn initial(fields: &mut Fields) -> Result<Status, Refusal> {
    match fields.text("Status")?.as_str() {
        "" => Ok(Status::Critical),
        text => status(text),
    }
}

/// A status by Consul's word.
pub(super) fn status(text: &str) -> Result<Status, Refusal> {
    text.parse().map_err(|error| Refusal::bad_request(format!("Invalid check status: {error}")))
}

fn meta(fields: &mut Fields) -> Result<BTreeMap<String, String>, Refusal> {
    let text = |(key, value)| match value {
        Value::String(text) => Ok((key, text)),
        _ => Err(wrong("Meta", "strings by name")),
    };
    fields.pairs("Meta")?.into_iter().map(text).collect()
}

fn weights(fields: &mut Fields) -> Result<Weights, Refusal> {
    let Some(weights) = fields.take("Weights") else { return Ok(Weights::default()) };
    let mut weights = Fields::of("Weights", weights)?;
    let mut weight = |key| weights.number(key, u16::MAX.into()).map(|weight| weight.unwrap_or(1));
    Ok(Weights { passing: weight("Passing")?, warning: weight("Warning")? })
}
