//! What `holm services`, the admin API and `/metrics` show of services that are not Wasm.

use std::collections::BTreeMap;

use holm_registry::discovery::instance::{Instance, Owner};

use super::{Discovery, now};
use crate::telemetry::metrics::Instances;

/// A service that is not Wasm.
#[derive(Clone, Debug)]
pub struct OutsideService {
    /// Its name.
    pub name: String,
    /// `external` for one of a manifest, `registered` for one of a client.
    pub kind: &'static str,
    /// The app whose manifest names it.
    pub app: Option<String>,
    /// In the order of their ids.
    pub instances: Vec<OutsideInstance>,
}

/// One instance of it.
#[derive(Clone, Debug)]
pub struct OutsideInstance {
    /// Its id.
    pub id: String,
    /// Where it is.
    pub url: String,
    /// `passing`, `warning` or `critical`.
    pub status: &'static str,
    /// Left out for failing requests, whatever its checks say.
    pub ejected: bool,
    /// Requests under way there.
    pub in_flight: u32,
    /// Its tags.
    pub tags: Vec<String>,
    /// Its checks.
    pub checks: Vec<OutsideCheck>,
}

/// One check of it.
#[derive(Clone, Debug)]
pub struct OutsideCheck {
    /// Its id.
    pub id: String,
    /// `passing`, `warning` or `critical`.
    pub status: &'static str,
    /// What the last result said.
    pub output: String,
}

impl Discovery {
    /// All services that are not Wasm, in the order of their names.
    pub fn outside(&self) -> Vec<OutsideService> {
        let state = self.state();
        let mut services = BTreeMap::<&str, OutsideService>::new();
        for instance in state.directory.shown().filter(|instance| *instance.owner() != Owner::Holm) {
            let pool = state.pools.get(instance.name());
            let id = &instance.registration().id;
            let (in_flight, ejected) = pool.map_or((0, false), |pool| pool.load(id, now()));
            let service = services.entry(instance.name()).or_insert_with(|| service(instance));
            service.instances.push(OutsideInstance { in_flight, ejected, ..one(instance) });
        }
        services.into_values().collect()
    }

    /// Brings the numbers of instances up to date, for who is about to read them.
    pub fn update_metrics(&self) {
        let mut counts = Instances::new();
        for service in self.outside() {
            for instance in service.instances {
                let state = if instance.ejected { "ejected" } else { instance.status };
                *counts.entry((service.name.clone(), state)).or_default() += 1;
            }
        }
        self.0.metrics.show(counts);
    }
}

fn service(instance: &Instance) -> OutsideService {
    let (kind, app) = match instance.owner() {
        Owner::App(app) => ("external", Some(app.clone())),
        Owner::Client | Owner::Holm => ("registered", None),
    };
    OutsideService { name: instance.name().to_owned(), kind, app, instances: Vec::new() }
}

fn one(instance: &Instance) -> OutsideInstance {
    let registration = instance.registration();
    let check = |check: &holm_registry::discovery::watched::Watched| OutsideCheck {
        id: check.spec().id.clone(),
        status: check.status().as_str(),
        output: check.output().to_owned(),
    };
    OutsideInstance {
        id: registration.id.to_string(),
        url: registration.base_url(),
        status: instance.status().as_str(),
        ejected: false,
        in_flight: 0,
        tags: registration.tags.clone(),
        checks: instance.checks().iter().map(check).collect(),
    }
}
