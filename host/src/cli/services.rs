//! `holm services`.

use serde_json::Value;

use super::Context;
use super::host::HostArgs;
use crate::admin::api::{OutsideInstance, OutsideService, Service};

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
            context.output.table(&HEADER, services.iter().map(row).collect())?;
        }
        if !services.is_empty() && !outside.is_empty() {
            context.output.line("")?;
        }
        if !outside.is_empty() {
            context.output.table(&OUTSIDE, outside.iter().flat_map(outside_rows).collect())?;
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
fn outside_rows(service: &OutsideService) -> Vec<Vec<String>> {
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
            format!("{}{left_out}", instance.status),
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
            check.output.lines().next().unwrap_or_default().chars().take(80).collect()
        }
        (_, 0) => "none".to_owned(),
        (_, count) => count.to_string(),
    }
}

fn row(service: &Service) -> Vec<String> {
    let state = match &service.reason {
        Some(reason) => format!("{}: {reason}", service.state),
        None => service.state.clone(),
    };
    vec![
        service.service.to_string(),
        service.revision.to_string(),
        service.version.to_string(),
        state,
        service.instances.to_string(),
        service.in_flight.to_string(),
        service.requests.to_string(),
        service.faults.to_string(),
    ]
}
