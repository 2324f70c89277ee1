//! What a deployment, a rollback or a removal changes. Pure: no clock, no store, no Wasm.

use holm_registry::ServiceName;
use holm_registry::catalog::{AppRecord, Step};
use holm_registry::gateway::GatewaySettings;
use holm_registry::route::{Origin, RouteSpec, check_ties};

use super::api::{AppSet, DeployError};
use super::externals::check_externals;

/// Steps that change rules, and all rules as they are afterwards.
pub struct RouteChange {
    /// For the catalog.
    pub steps: Vec<Step>,
    /// For the table.
    pub routes: Vec<RouteSpec>,
}

/// The rules after a deployment of `services`.
///
/// # Errors
/// When two rules would tie, or a rule leads to a service that does not exist.
pub fn deploy_routes(
    apps: &[AppRecord],
    services: &[ServiceName],
    app: Option<AppSet>,
    exists: impl Fn(&ServiceName) -> bool,
) -> Result<RouteChange, DeployError> {
    let mut after = apps.to_vec();
    let mut steps = Vec::new();
    match app {
        Some(app) => replace_app(&mut after, &mut steps, services, app),
        None => add_defaults(&mut after, &mut steps, services),
    }
    check_externals(&after, services, &exists)?;
    let externals: Vec<ServiceName> = names_of_externals(&after).cloned().collect();
    let routes: Vec<RouteSpec> = after.into_iter().flat_map(|app| app.routes).collect();
    check_targets(&routes, |target| services.contains(target) || externals.contains(target) || exists(target))?;
    check_ties(&routes).map_err(|ties| DeployError::Taken(ties.join("; ")))?;
    Ok(RouteChange { steps, routes })
}

/// The rules after a service has gone.
pub fn remove_routes(apps: &[AppRecord], service: &ServiceName) -> RouteChange {
    let mut steps = Vec::new();
    let mut routes = Vec::new();
    for app in apps {
        let (gone, mut kept): (Vec<_>, Vec<_>) = app.routes.iter().cloned().partition(|rule| needs(rule, service));
        routes.append(&mut kept.clone());
        match (gone.is_empty(), &app.origin) {
            (true, _) => {}
            (false, Origin::Service(_)) => steps.push(Step::RemoveRoutes(app.origin.clone())),
            (false, Origin::Manifest(_)) => {
                let services = app.services.iter().filter(|name| *name != service).cloned().collect();
                let routes = std::mem::take(&mut kept);
                steps.push(Step::Routes(AppRecord { routes, services, ..app.clone() }));
            }
        }
    }
    RouteChange { steps, routes }
}

/// Whether a rule is nothing without a service.
fn needs(rule: &RouteSpec, service: &ServiceName) -> bool {
    rule.needs().any(|target| target == service)
}

/// Whether a rule leads to a service.
pub fn leads_to(rule: &RouteSpec, service: &ServiceName) -> bool {
    rule.services().any(|target| target == service)
}

fn replace_app(after: &mut Vec<AppRecord>, steps: &mut Vec<Step>, services: &[ServiceName], app: AppSet) {
    let AppSet { name, mut routes, externals, gateway } = app;
    let origin = Origin::Manifest(name);
    for rule in &mut routes {
        rule.origin = origin.clone();
    }
    let record = AppRecord { origin, routes, services: services.to_vec(), externals, gateway };
    // the same rules again change nothing, not even the history
    if !after.contains(&record) {
        steps.push(Step::Routes(record.clone()));
    }
    after.retain(|other| other.origin != record.origin);
    // a service that a manifest takes over gives up the rule that it got without one
    for service in services {
        let alone = Origin::Service(service.clone());
        if let Some(index) = after.iter().position(|record| record.origin == alone) {
            after.remove(index);
            steps.push(Step::RemoveRoutes(alone));
        }
    }
    after.push(record);
}

/// A service that no rule leads to gets `/S/{*rest}`.
fn add_defaults(after: &mut Vec<AppRecord>, steps: &mut Vec<Step>, services: &[ServiceName]) {
    for service in services {
        if after.iter().flat_map(|app| &app.routes).any(|rule| leads_to(rule, service)) {
            continue;
        }
        let record = AppRecord {
            origin: Origin::Service(service.clone()),
            routes: vec![RouteSpec::default_for(service.clone())],
            services: vec![service.clone()],
            externals: Vec::new(),
            gateway: GatewaySettings::default(),
        };
        steps.push(Step::Routes(record.clone()));
        after.push(record);
    }
}

fn names_of_externals(apps: &[AppRecord]) -> impl Iterator<Item = &ServiceName> {
    apps.iter().flat_map(|app| &app.externals).map(|external| &external.name)
}

fn check_targets(routes: &[RouteSpec], exists: impl Fn(&ServiceName) -> bool) -> Result<(), DeployError> {
    let missing = routes.iter().find_map(|rule| Some((rule, rule.needs().find(|target| !exists(target))?)));
    let Some((rule, target)) = missing else { return Ok(()) };
    Err(DeployError::Rejected(format!(
        "the route {} leads to {target}, which is not deployed; deploy it first or in the same manifest",
        rule.path
    )))
}

#[cfg(test)]
mod tests {
    use holm_registry::discovery::external::External;

    use super::*;

    fn name(text: &str) -> ServiceName {
        text.parse().unwrap()
    }

    fn rule(path: &str, service: &str) -> RouteSpec {
        RouteSpec { path: path.parse().unwrap(), rewrite: None, ..RouteSpec::default_for(name(service)) }
    }

    fn app(name: &str, routes: Vec<RouteSpec>) -> Option<AppSet> {
        Some(AppSet { name: name.to_owned(), routes, externals: Vec::new(), gateway: GatewaySettings::default() })
    }

    fn all(_: &ServiceName) -> bool {
        true
    }

    fn paths(change: &RouteChange) -> Vec<String> {
        change.routes.iter().map(|rule| rule.path.to_string()).collect()
    }

    fn shop(mut routes: Vec<RouteSpec>) -> AppRecord {
        let origin = Origin::Manifest("shop".into());
        routes.iter_mut().for_each(|rule| rule.origin = origin.clone());
        let services = vec![name("users"), name("orders")];
        AppRecord { origin, routes, services, externals: Vec::new(), gateway: GatewaySettings::default() }
    }

    #[test]
    fn a_service_without_a_manifest_gets_a_rule_of_its_own_once() {
        let first = deploy_routes(&[], &[name("users")], None, all).unwrap();
        assert_eq!(paths(&first), ["/users/{*rest}"]);
        let Some(Step::Routes(record)) = first.steps.first() else { panic!("no step") };
        let again = deploy_routes(std::slice::from_ref(record), &[name("users")], None, all).unwrap();
        assert!(again.steps.is_empty());
        assert_eq!(paths(&again), ["/users/{*rest}"]);
    }

    #[test]
    fn a_manifest_takes_over_from_the_default_rule() {
        let alone = deploy_routes(&[], &[name("users")], None, all).unwrap();
        let Some(Step::Routes(record)) = alone.steps.first() else { panic!("no step") };
        let rules = app("shop", vec![rule("/api/users", "users")]);
        let after = deploy_routes(std::slice::from_ref(record), &[name("users")], rules, all).unwrap();
        assert_eq!(paths(&after), ["/api/users"]);
    }

    #[test]
    fn a_manifest_that_is_deployed_again_drops_the_rules_that_it_no_longer_has() {
        let before = [shop(vec![rule("/a", "users"), rule("/b", "orders")])];
        let rules = app("shop", vec![rule("/c", "users")]);
        let after = deploy_routes(&before, &[name("users")], rules, all).unwrap();
        assert_eq!(paths(&after), ["/c"]);
    }

    #[test]
    fn the_same_manifest_again_changes_something() {
        let rules = || app("shop", vec![rule("/a", "users")]);
        let first = deploy_routes(&[], &[name("users")], rules(), all).unwrap();
        let Some(Step::Routes(record)) = first.steps.first() else { panic!("no step") };
        let again = deploy_routes(std::slice::from_ref(record), &[name("users")], rules(), all).unwrap();
        assert!(again.steps.is_empty());
        assert_eq!(paths(&again), ["/a"]);
    }

    #[test]
    fn a_route_claimed_twice_is_refused_and_both_owners_are_named() {
        let before = [shop(vec![rule("/api/{id}", "users")])];
        let rules = app("clinic", vec![rule("/api/{name}", "patients")]);
        let Err(error) = deploy_routes(&before, &[name("patients")], rules, all) else { panic!("accepted") };
        let text = error.to_string();
        assert!(text.contains("`/api/{id}` of app `shop` is claimed by app `clinic` too, as `/api/{name}`"), "{text}");
    }

    #[test]
    fn a_route_to_nowhere_is_refused() {
        let rules = app("shop", vec![rule("/x", "nobody")]);
        let Err(error) = deploy_routes(&[], &[name("users")], rules, |_| false) else { panic!("accepted") };
        assert!(error.to_string().contains("leads to nobody, which is not deployed"), "{error}");
    }

    #[test]
    fn a_route_to_a_service_that_is_not_wasm_is_refused() {
        let billing = External { name: name("billing"), url: "http://127.0.0.1:3000".parse().unwrap(), health: None };
        let routes = vec![rule("/x", "billing")];
        let rules = Some(AppSet { name: "shop".into(), routes, externals: vec![billing], ..AppSet::default() });
        assert_eq!(paths(&deploy_routes(&[], &[], rules, |_| false).unwrap()), ["/x"]);
    }

    #[test]
    fn a_removed_service_takes_its_rules_along_and_no_others() {
        let before = [shop(vec![rule("/a", "users"), rule("/b", "orders")])];
        let change = remove_routes(&before, &name("users"));
        assert_eq!(paths(&change), ["/b"]);
        assert_eq!(change.steps.len(), 1);
    }
}
