//! `[gateway]` as a manifest writes it: what JSON has nested stands side by side there.

use holm_registry::gateway::tls::{CertificateFiles, CertificateSource};
use holm_registry::gateway::{AuthSettings, GatewaySettings, TlsSettings};
use holm_registry::manifest::Manifest;
use holm_registry::route::{RouteSpec, Target};
use serde_json::{Map, Value, json};

use crate::config::DEFAULT_BODY_LIMIT;

type Table = Map<String, Value>;

/// The section, with secrets hidden.
pub(super) fn gateway(manifest: &Manifest) -> serde_json::Result<Value> {
    // those of gRPC follow from the services
    let written = manifest.routes.iter().filter(|route| !matches!(route.target, Target::Grpc(_)));
    let routes = written.map(route).collect::<Result<Vec<_>, _>>()?;
    let mut section = json!({
        "body_limit": manifest.body_limit.unwrap_or(DEFAULT_BODY_LIMIT),
        "trusted_proxies": manifest.gateway.trusted_proxies,
        "auth": schemes(&manifest.gateway)?,
        "rate": manifest.gateway.rate,
        "route": routes,
    });
    if let (false, Some(section)) = (manifest.limits.is_empty(), section.as_object_mut()) {
        section.insert("limits".to_owned(), serde_json::to_value(&manifest.limits)?);
    }
    if let (Some(tls), Some(section)) = (&manifest.tls, section.as_object_mut()) {
        section.insert("tls".to_owned(), self::tls(tls));
    }
    Ok(section)
}

fn tls(tls: &TlsSettings) -> Value {
    let pair = |pair: &CertificateFiles| json!({ "certificate": pair.certificate, "key": pair.key });
    let mut section = match &tls.source {
        CertificateSource::Development => json!({ "development": true }),
        CertificateSource::Files(files) => {
            let (first, further) =
                files.split_first().map_or((Value::Null, [].as_slice()), |(one, all)| (pair(one), all));
            let mut section = table(first);
            section.insert("sni".to_owned(), further.iter().map(pair).collect());
            section.into()
        }
    };
    if let (Some(clients), Some(section)) = (&tls.clients, section.as_object_mut()) {
        section.insert("client_ca".to_owned(), json!(clients.ca));
        section.insert("client".to_owned(), json!(clients.demand.as_str()));
    }
    section
}

/// A rule's JSON has its target, its stages and its owner apart; a manifest has the keys of the
/// first two, and is the owner.
fn route(route: &RouteSpec) -> serde_json::Result<Value> {
    let mut table = table(serde_json::to_value(route)?);
    table.remove("origin");
    merge(&mut table, "target");
    merge(&mut table, "chain");
    merge(&mut table, "policy");
    merge(&mut table, "when");
    if let Some(Value::Object(plan)) = table.remove("compose") {
        compose(&mut table, plan);
    }
    Ok(table.into())
}

/// A plan's parts are the section itself, and the form of the answer stands beside it.
fn compose(route: &mut Table, mut plan: Table) {
    let mut parts = table(plan.remove("parts").unwrap_or_default());
    for part in parts.values_mut().filter_map(Value::as_object_mut) {
        if part.remove("need").is_some() {
            part.insert("optional".to_owned(), true.into());
        }
    }
    route.insert("compose".to_owned(), parts.into());
    route.extend(plan);
}

fn schemes(settings: &GatewaySettings) -> serde_json::Result<Value> {
    let scheme = |settings: &AuthSettings| {
        // the name of the variant around it is told by the keys, too
        let json = table(serde_json::to_value(settings.clone().without_secrets())?);
        let mut table = json.into_iter().next().map(|(_, inner)| self::table(inner)).unwrap_or_default();
        rename(&mut table, "keys", "api_keys");
        merge(&mut table, "key");
        merge(&mut table, "jwks");
        rename(&mut table, "url", "jwks");
        rename(&mut table, "public_key_file", "public_key");
        Ok(Value::Object(table))
    };
    let schemes = settings.auth.iter().map(|(name, settings)| Ok((name.to_string(), scheme(settings)?)));
    schemes.collect::<serde_json::Result<Table>>().map(Value::Object)
}

fn table(value: Value) -> Table {
    match value {
        Value::Object(table) => table,
        _ => Table::new(),
    }
}

/// Puts the fields of an inner object beside it.
fn merge(table: &mut Table, key: &str) {
    if let Some(Value::Object(inner)) = table.remove(key) {
        table.extend(inner);
    }
}

fn rename(table: &mut Table, old: &str, new: &str) {
    if let Some(value) = table.remove(old) {
        table.insert(new.to_owned(), value);
    }
}
