//! Services that are not Wasm, as manifests name them. Pure: no clock, no store, no network.

use std::collections::BTreeMap;

use holm_registry::ServiceName;
use holm_registry::catalog::{AppRecord, Catalog};
use holm_registry::discovery::external::External;
use holm_registry::route::Origin;

use super::api::DeployError;

/// All externals, each with the app whose manifest names it.
pub(super) fn externals(catalog: &Catalog) -> Vec<(String, External)> {
    named(catalog.apps()).map(|(app, external)| (app.to_owned(), external.clone())).collect()
}

fn named<'a>(apps: impl Iterator<Item = &'a AppRecord>) -> impl Iterator<Item = (&'a str, &'a External)> {
    apps.filter_map(|app| match &app.origin {
        Origin::Manifest(name) => Some((name.as_str(), &app.externals)),
        Origin::Service(_) => None,
    })
    .flat_map(|(name, externals)| externals.iter().map(move |external| (name, external)))
}

/// A name leads to one place: no external has the name of a service, or of another external.
///
/// # Errors
/// Which name is taken, and by whom.
pub(super) fn check_externals(
    apps: &[AppRecord],
    services: &[ServiceName],
    exists: &impl Fn(&ServiceName) -> bool,
) -> Result<(), DeployError> {
    let mut seen = BTreeMap::new();
    for (app, external) in named(apps.iter()) {
        let name = &external.name;
        if services.contains(name) || exists(name) {
            let what = format!("`{name}` is a service of this host and an [[external]] of app `{app}`");
            return Err(DeployError::Taken(format!("{what}; rename one, or `holm remove {name}` first")));
        }
        if let Some(other) = seen.insert(name, app) {
            let what = format!("the [[external]] `{name}` of app `{other}` is claimed by app `{app}` too");
            return Err(DeployError::Taken(format!("{what}; a name leads to one place: rename one of them")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use holm_registry::gateway::GatewaySettings;

    use super::*;

    fn app(name: &str, externals: &[&str]) -> AppRecord {
        let external = |name: &&str| External {
            name: name.parse().unwrap(),
            url: "http://127.0.0.1:3000".parse().unwrap(),
            health: None,
        };
        let externals = externals.iter().map(external).collect();
        AppRecord {
            origin: Origin::Manifest(name.to_owned()),
            routes: Vec::new(),
            services: Vec::new(),
            externals,
            gateway: GatewaySettings::default(),
        }
    }

    fn refusal(apps: &[AppRecord], services: &[&str]) -> Option<String> {
        let services: Vec<ServiceName> = services.iter().map(|name| name.parse().unwrap()).collect();
        check_externals(apps, &services, &|name| name.as_str() == "users").err().map(|error| error.to_string())
    }

    #[test]
    fn a_name_leads_to_two_places() {
        assert_eq!(refusal(&[app("shop", &["billing"]), app("clinic", &["mail"])], &["orders"]), None);
        let twice = refusal(&[app("shop", &["billing"]), app("clinic", &["billing"])], &[]).unwrap();
        assert!(
            twice.starts_with("the [[external]] `billing` of app `shop` is claimed by app `clinic` too"),
            "{twice}"
        );
        let live = refusal(&[app("shop", &["users"])], &[]).unwrap();
        assert!(live.contains("`users` is a service of this host") && live.contains("holm remove users"), "{live}");
        assert!(refusal(&[app("shop", &["orders"])], &["orders"]).is_some());
    }
}
