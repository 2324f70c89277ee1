//! `holm services`.

use serde_json::Value;

use super::Context;
use super::host::HostArgs;
use crate::admin::api::{CallLine, OutsideInstance, OutsideService, Service};

/// List the services: the host's own, and those outside that manifests name or clients registered
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    host: HostArgs,
}

const HEADER: [&str; 8] = ["SERVICE", "REVISION", "VERSION", "STATE", "INSTANCES", "IN FLIGHT", "REQUESTS", "FAULTS"];

const OUTSIDE: [&str; 7] = ["SERVICE", "KIND", "INSTANCE", "URL", "HEALTH", "IN FLIGHT", "CHECKS"];

impl Args {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<()> {
        let client = self.host.client(&context.environment)?;
        let (services, outside) = (client.services().await?, client.outside().await?);
        if self.json {
            return context.output.json(&together(&services, &outside)?);
        }
        if services.is_empty() {
            context
                .output
                .note("no services yet; deploy one with `holm deploy FILE.wasm --service NAME --version 1.0.0`");
        }
        if !services.is_empty() || outside.is_empty() {
            context.output.table(&HEADER, services.iter().map(|service| row(service, &services)).collect())?;
        }
        if !services.is_empty() && !outside.is_empty() {
            context.output.line("")?;
        }
        if !outside.is_empty() {
            context.output.table(&OUTSIDE, outside.iter().flat_map(|one| outside_rows(one, &services)).collect())?;
        }
        Ok(())
    }
}

/// Both kinds in one list; `kind` tells them apart.
fn together(services: &[Service], outside: &[OutsideService]) -> serde_json::Result<Vec<Value>> {
    let own = |service: &Service| {
        let mut value = serde_json::to_value(service)?;
        if let Some(fields) = value.as_object_mut() {
            fields.insert("kind".to_owned(), "holm".into());
        }
        Ok(value)
    };
    services.iter().map(own).chain(outside.iter().map(serde_json::to_value)).collect()
}

/// A row for each instance.
fn outside_rows(service: &OutsideService, all: &[Service]) -> Vec<Vec<String>> {
    let kind = match &service.app {
        Some(app) => format!("{} of {app}", service.kind),
        None => service.kind.clone(),
    };
    let row = |instance: &OutsideInstance| {
        let left_out = if instance.ejected { ", left out" } else { "" };
        vec![
            service.service.clone(),
            kind.clone(),
            instance.id.clone(),
            instance.url.clone(),
            format!("{}{left_out}{}", instance.status, left_alone(&service.service, all)),
            instance.in_flight.to_string(),
            checks(instance),
        ]
    };
    service.instances.iter().map(row).collect()
}

/// What is wrong, else how many checks there are.
fn checks(instance: &OutsideInstance) -> String {
    let bad = instance.checks.iter().find(|check| check.status != "passing");
    match (bad, instance.checks.len()) {
        (Some(check), _) if !check.output.is_empty() => {
            let line = check.output.lines().next().unwrap_or_default();
            // what was asked stands in other columns; what came of it may be cut off behind it
            let told = line.split_once(": ").map_or(line, |(_, told)| told);
            told.chars().take(80).collect()
        }
        (_, 0) => "none".to_owned(),
        (_, count) => count.to_string(),
    }
}

fn row(service: &Service, all: &[Service]) -> Vec<String> {
    vec![
        service.service.to_string(),
        service.revision.to_string(),
        service.version.to_string(),
        state(service, all),
        service.instances.to_string(),
        service.in_flight.to_string(),
        service.requests.to_string(),
        service.faults.to_string(),
    ]
}

/// `live`, and every breaker that is not closed, at its caller and at its target.
fn state(service: &Service, all: &[Service]) -> String {
    let mut text = service.state.clone();
    if let Some(reason) = &service.reason {
        text += &format!(": {reason}");
    }
    for call in &service.breakers {
        text += &format!(", breaker {} to {}", call.breaker, call.service.as_ref().unwrap_or(&call.target));
    }
    text + &left_alone(service.service.as_str(), all)
}

/// Whose breaker to this service is not closed.
fn left_alone(service: &str, all: &[Service]) -> String {
    let is_to = |call: &CallLine| call.service.as_deref() == Some(service);
    let callers = all.iter().filter(|caller| caller.breakers.iter().any(is_to));
    let names: Vec<&str> = callers.map(|caller| caller.service.as_str()).collect();
    if names.is_empty() { String::new() } else { format!(", left alone by {}", names.join(", ")) }
}
