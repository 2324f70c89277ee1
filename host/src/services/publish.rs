//! The one place that changes the catalog and swaps the table.
//!
//! The catalog's lock is held from the decision to the swap, so the table always shows what
//! the catalog says. A change runs in a task of its own: once begun, it is finished, whether
//! its client waits or has left.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use holm_registry::ServiceName;
use holm_registry::catalog::{AppRecord, Catalog, CatalogError, Change, ServiceRecord, Step};
use holm_registry::discovery::external::External;
use holm_registry::gateway::GatewaySettings;
use holm_registry::route::{Origin, RouteSpec, sort_by_specificity};
use holm_registry::store::CommitError;

use super::externals::externals;
use super::functions;
use super::gateway;
use super::lifecycle::{deploy_routes, leads_to, remove_routes};
use super::link::{Offers, broken_callers};
use super::prepare::{Outcome, Prepared};
use super::warnings::warnings;
use super::{DeployError, DeploySet, Deployed, Services, Settled, Table, lock, no_service};
use crate::runtime::{Offer, Revision};
use crate::telemetry::logs::{LogLevel, LogLine, LogSource};
use crate::telemetry::now_ms;

/// The catalog's services by name.
pub(super) type Records = BTreeMap<ServiceName, ServiceRecord>;

/// What the apps say beside their services.
pub(super) struct AppTables {
    routes: Vec<RouteSpec>,
    gateway: BTreeMap<Origin, GatewaySettings>,
    externals: Vec<(String, External)>,
}

impl AppTables {
    /// Of all apps of the catalog, with the rules as they are to be.
    pub(super) fn new(catalog: &Catalog, routes: Vec<RouteSpec>) -> Self {
        let settings = catalog.apps().filter(|app| !app.gateway.is_empty());
        let gateway = settings.map(|app| (app.origin.clone(), app.gateway.clone())).collect();
        Self { routes, gateway, externals: externals(catalog) }
    }
}

impl Services {
    /// Deploys a set: all of it or nothing.
    ///
    /// # Errors
    /// Why nothing was deployed.
    pub async fn deploy(&self, set: DeploySet) -> Result<Vec<Deployed>, DeployError> {
        let this = self.clone();
        self.finish_even_alone("deployment", async move { this.deploy_now(set).await }).await
    }

    /// Goes back to a kept revision: `to`, or the one before the live one.
    ///
    /// # Errors
    /// Why the live revision stays.
    pub async fn rollback(&self, service: &ServiceName, to: Option<u32>) -> Result<Deployed, DeployError> {
        let (this, service) = (self.clone(), service.clone());
        self.finish_even_alone("rollback", async move { this.rollback_now(&service, to).await }).await
    }

    /// Takes a service away, with its revisions and its rules. Its state stays.
    ///
    /// # Errors
    /// When there is no such service.
    pub async fn remove(&self, service: &ServiceName, force: bool) -> Result<(), DeployError> {
        let (this, service) = (self.clone(), service.clone());
        self.finish_even_alone("removal", async move { this.remove_now(&service, force).await }).await
    }

    async fn finish_even_alone<T: Send + 'static>(
        &self,
        name: &'static str,
        change: impl Future<Output = Result<T, DeployError>> + Send + 'static,
    ) -> Result<T, DeployError> {
        let task = self.0.tasks.spawn(name, change);
        task.await.unwrap_or_else(|error| Err(DeployError::Host(format!("the {name} ended early: {error}"))))
    }

    async fn deploy_now(&self, set: DeploySet) -> Result<Vec<Deployed>, DeployError> {
        let names: Vec<ServiceName> = set.services.iter().map(|one| one.name.clone()).collect();
        no_duplicates(&names)?;
        set.app.as_ref().map_or(Ok(()), |app| gateway::check(app, &self.0.check_gateway))?;
        let _turns = self.take_turns(&names.iter().collect::<Vec<_>>()).await;
        let offers = self.offers(&set).await?;
        let mut outcomes = Vec::with_capacity(names.len());
        for one in set.services {
            outcomes.push((one.name.clone(), self.prepare(one, &offers).await?));
        }
        if let Some(app) = &set.app {
            functions::check(&app.routes, |service| {
                prepared_offer(&outcomes, service).or_else(|| offers.of(service).ok().flatten())
            })?;
        }
        let mut catalog = self.0.catalog.lock().await;
        if !set.force {
            self.check_callers(&outcomes, &names)?;
        }
        let apps: Vec<AppRecord> = catalog.apps().cloned().collect();
        let change = deploy_routes(&apps, &names, set.app, |name| catalog.service(name).is_some())?;
        let mut steps = change.steps;
        let mut fresh = Vec::new();
        let mut deployed = Vec::new();
        for (name, outcome) in outcomes {
            match outcome {
                Outcome::Unchanged(number) => deployed.push(self.unchanged(&name, number)?),
                Outcome::Ready(prepared) => {
                    let Prepared { record, revision, numbers, settings_of, took } = *prepared;
                    steps.push(Step::Deploy(name.clone(), Box::new(record)));
                    steps.extend(numbers.map(|numbers| Step::Number(name, numbers)));
                    deployed.push(Deployed { settings_of, ..describe(&revision, took, true) });
                    fresh.push(revision);
                }
            }
        }
        let settled = self.apply(&mut catalog, steps, fresh, &[], change.routes).await?;
        drop(catalog);
        settled.await;
        Ok(self.as_it_is_now(deployed))
    }

    /// What everybody offers once the set is live: its services may call each other.
    async fn offers(&self, set: &DeploySet) -> Result<Offers, DeployError> {
        let mut offered = BTreeMap::new();
        // one alone can only call those that are live, and itself
        for one in set.services.iter().filter(|_| set.services.len() > 1) {
            offered.insert(one.name.clone(), self.loaded_of(one).await?);
        }
        Ok(Offers::new(&self.table(), offered))
    }

    /// Refuses a set that takes from a live caller what it calls.
    fn check_callers(&self, outcomes: &[(ServiceName, Outcome)], names: &[ServiceName]) -> Result<(), DeployError> {
        let table = self.table();
        let broken = outcomes.iter().flat_map(|(name, outcome)| match outcome {
            Outcome::Unchanged(_) => Vec::new(),
            Outcome::Ready(prepared) => {
                broken_callers(&table, name, Some(prepared.revision.offer()), |caller| names.contains(caller))
            }
        });
        would_break(&broken.collect::<Vec<_>>())
    }

    async fn rollback_now(&self, service: &ServiceName, to: Option<u32>) -> Result<Deployed, DeployError> {
        let _turns = self.take_turns(&[service]).await;
        let records = self.0.records.load_full();
        let record = records.get(service).ok_or_else(|| no_service(service))?;
        let number = record.plan_rollback(to)?;
        let kept = record.revision(number).cloned().ok_or_else(|| no_service(service))?;
        let prepared = self.prepare_kept(record, kept).await?;
        let deployed = describe(&prepared.revision, prepared.took, true);
        would_break(&broken_callers(&self.table(), service, Some(prepared.revision.offer()), |_| false))?;
        let mut catalog = self.0.catalog.lock().await;
        let steps = vec![Step::Rollback(service.clone(), number)];
        let routes = self.table().routes.as_ref().clone();
        let settled = self.apply(&mut catalog, steps, vec![prepared.revision], &[], routes).await?;
        drop(catalog);
        settled.await;
        self.as_it_is_now(vec![deployed]).pop().ok_or_else(|| no_service(service))
    }

    async fn remove_now(&self, service: &ServiceName, force: bool) -> Result<(), DeployError> {
        let _turns = self.take_turns(&[service]).await;
        let mut catalog = self.0.catalog.lock().await;
        if catalog.service(service).is_none() {
            return Err(no_service(service));
        }
        if !force {
            would_break(&broken_callers(&self.table(), service, None, |_| false))?;
        }
        let apps: Vec<AppRecord> = catalog.apps().cloned().collect();
        let mut change = remove_routes(&apps, service);
        change.steps.push(Step::Remove(service.clone()));
        let gone = std::slice::from_ref(service);
        let settled = self.apply(&mut catalog, change.steps, Vec::new(), gone, change.routes).await?;
        self.0.policies.forget_service(service);
        self.0.telemetry.metrics.forget_service(service);
        self.0.telemetry.logs.forget(service);
        drop(catalog);
        settled.await;
        Ok(())
    }

    /// Writes the change down, then swaps the table.
    async fn apply(
        &self,
        catalog: &mut Catalog,
        steps: Vec<Step>,
        fresh: Vec<Arc<Revision>>,
        gone: &[ServiceName],
        routes: Vec<RouteSpec>,
    ) -> Result<Settled, DeployError> {
        if steps.is_empty() {
            return Ok(Box::pin(std::future::ready(())));
        }
        catalog.apply(Change { at: now_ms(), steps }).await.map_err(catalog_error)?;
        let (before, after) = (self.0.records.load_full(), records(catalog));
        let settled = self.swap(after.clone(), fresh, gone, AppTables::new(catalog, routes));
        self.forget_pruned(&before, &after);
        Ok(settled)
    }

    /// Publishes a new table and lets what it replaces drain.
    pub(super) fn swap(
        &self,
        records: Records,
        fresh: Vec<Arc<Revision>>,
        gone: &[ServiceName],
        tables: AppTables,
    ) -> Settled {
        let before = self.table();
        let mut services = before.services.clone();
        services.retain(|name, _| !gone.contains(name));
        for revision in fresh {
            lock(&self.0.failed).remove(revision.service());
            self.tell(&revision, "is live");
            services.insert(revision.service().clone(), revision);
        }
        for name in gone {
            lock(&self.0.failed).remove(name);
        }
        let AppTables { routes, gateway, externals } = tables;
        let (routes, gateway, externals) = (Arc::new(in_order(routes)), Arc::new(gateway), Arc::new(externals));
        let table = Table { services, routes, gateway, externals };
        self.0.records.store(Arc::new(records));
        self.0.table.store(table);
        let table = self.table();
        let settled = (self.0.on_swap)(&table);
        for (name, old) in &before.services {
            if table.services.get(name).is_none_or(|new| !Arc::ptr_eq(new, old)) {
                self.0.telemetry.metrics.swapped(name);
                self.drain(old.clone());
            }
        }
        settled
    }

    fn drain(&self, old: Arc<Revision>) {
        let this = self.clone();
        let key = (old.service().clone(), old.number());
        lock(&self.0.draining).push(key.clone());
        self.0.tasks.spawn("drain of a replaced revision", async move {
            old.drain(this.0.drain).await;
            this.tell(&old, "has drained");
            lock(&this.0.draining).retain(|other| *other != key);
        });
    }

    /// The numbers of a revision stay for as long as it is kept, so that the last of them are
    /// still read after a swap.
    fn forget_pruned(&self, before: &Records, after: &Records) {
        for (name, record) in before {
            let kept = |number| after.get(name).is_some_and(|record| record.revision(number).is_some());
            for gone in record.revisions.iter().filter(|revision| !kept(revision.number)) {
                self.0.telemetry.metrics.forget(name, gone.number);
            }
        }
    }

    /// A line in the service's own log.
    pub(super) fn tell(&self, revision: &Revision, what: &str) {
        let text = format!("revision {} ({}, {}) {what}", revision.number(), revision.version, revision.digest.short());
        tracing::info!(service = %revision.service(), "{text}");
        let line = LogLine::now(revision.service(), revision.number(), LogLevel::Info, LogSource::Host, text);
        self.0.telemetry.logs.write(line);
    }

    fn unchanged(&self, name: &ServiceName, number: u32) -> Result<Deployed, DeployError> {
        let table = self.table();
        let live = table.services.get(name).filter(|live| live.number() == number).ok_or_else(|| no_service(name))?;
        Ok(describe(live, Duration::ZERO, false))
    }

    /// With what can only be said of all that is live together.
    fn as_it_is_now(&self, mut deployed: Vec<Deployed>) -> Vec<Deployed> {
        let table = self.table();
        for one in &mut deployed {
            let own = table.routes.iter().filter(|rule| leads_to(rule, &one.service));
            one.routes = own.map(|rule| rule.path.to_string()).collect();
            let live = table.services.get(&one.service);
            one.warnings = live.map(|live| warnings(&table, live)).unwrap_or_default();
        }
        deployed
    }
}

/// The most specific first; those that are alike by their path, so that every host lists them alike.
fn in_order(mut routes: Vec<RouteSpec>) -> Vec<RouteSpec> {
    routes.sort_by_cached_key(|rule| rule.path.to_string());
    sort_by_specificity(&mut routes);
    routes
}

fn would_break(broken: &[String]) -> Result<(), DeployError> {
    match broken {
        [] => Ok(()),
        broken => Err(DeployError::Rejected(format!(
            "this would break services that are live: {}; deploy them together with it, or insist with --force",
            broken.join("; ")
        ))),
    }
}

/// What a service of a set is going to offer, if it changes.
fn prepared_offer<'a>(outcomes: &'a [(ServiceName, Outcome)], service: &ServiceName) -> Option<&'a Offer> {
    outcomes.iter().find_map(|(name, outcome)| match outcome {
        Outcome::Ready(prepared) if name == service => Some(prepared.revision.offer()),
        _ => None,
    })
}

fn no_duplicates(names: &[ServiceName]) -> Result<(), DeployError> {
    let mut seen = BTreeSet::new();
    match names.iter().find(|name| !seen.insert(*name)) {
        Some(twice) => Err(DeployError::Rejected(format!("{twice} occurs twice in this deployment; leave one out"))),
        None => Ok(()),
    }
}

fn describe(revision: &Revision, took: Duration, changed: bool) -> Deployed {
    Deployed {
        service: revision.service().clone(),
        revision: revision.number(),
        version: revision.version.clone(),
        digest: revision.digest,
        isolation: revision.isolation().as_str(),
        changed,
        took,
        settings_of: None,
        routes: Vec::new(),
        warnings: Vec::new(),
    }
}

pub(super) fn records(catalog: &Catalog) -> Records {
    catalog.services().map(|record| (record.name.clone(), record.clone())).collect()
}

fn catalog_error(error: CatalogError) -> DeployError {
    match error {
        CatalogError::Plan(plan) => plan.into(),
        CatalogError::NoSuchService { .. } => DeployError::NotFound(error.to_string()),
        CatalogError::Commit(CommitError::DiskFull { .. }) => DeployError::DiskFull(error.to_string()),
        other => DeployError::Host(other.to_string()),
    }
}
