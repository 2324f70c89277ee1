//! The catalog on a store: what a restart, a conflict and a newer version make of it.

use holm_registry::catalog::{
    Action, AppRecord, Catalog, Change, KEPT_HISTORY, Plan, RevisionRecord, RevisionState, Step, Wanted,
};
use holm_registry::gateway::GatewaySettings;
use holm_registry::route::Origin;
use holm_registry::settings::{Secret, Settings};
use holm_registry::store::{CommitError, Effects, Key, Record, Sequence, Store};
use holm_registry::{Digest, ServiceName};

use crate::common::{Home, block_on, orders};

fn plan(catalog: &Catalog, name: &ServiceName, version: &str) -> Box<RevisionRecord> {
    let service = catalog.service(name).cloned();
    let service = service.unwrap_or_else(|| holm_registry::catalog::ServiceRecord::new(name.clone()));
    let mut settings = Settings::default();
    settings.grants.secrets.insert("key".to_owned(), Secret::new("hush"));
    let digest = Digest::of(version.as_bytes());
    let wanted = Wanted { version: version.parse().unwrap(), digest, settings, signature: None };
    match service.plan_deploy(wanted, 7).unwrap() {
        Plan::New(revision) => revision,
        Plan::Unchanged(number) => panic!("revision {number} is the same"),
    }
}

fn apply(catalog: &mut Catalog, steps: Vec<Step>) -> Result<Sequence, String> {
    block_on(catalog.apply(Change { at: 1, steps })).map_err(|error| error.to_string())
}

fn deploy(catalog: &mut Catalog, name: &ServiceName, version: &str) {
    let revision = plan(catalog, name, version);
    apply(catalog, vec![Step::Deploy(name.clone(), revision)]).unwrap();
}

fn put(store: &Store, path: &str, json: &str) {
    let writes = [(Key::catalog(path), Some(json.to_owned().into()))].into();
    block_on(store.commit(Effects { writes, ..Effects::default() })).unwrap();
}

fn raw(store: &Store, path: &str) -> Option<Record> {
    store.get(&Key::catalog(path)).unwrap()
}

#[test]
fn a_restart_finds_every_service_and_the_whole_history() {
    let home = Home::disk();
    let store = home.open();
    let mut catalog = Catalog::load(store.clone()).unwrap();
    deploy(&mut catalog, &orders(), "1.0.0");
    deploy(&mut catalog, &orders(), "1.1.0");
    apply(&mut catalog, vec![Step::Rollback(orders(), 1)]).unwrap();
    let before: Vec<_> = catalog.services().cloned().collect();
    let history: Vec<_> = catalog.history().cloned().collect();
    block_on(store.close()).unwrap();
    drop((store, catalog));
    let catalog = Catalog::load(home.open()).unwrap();
    assert_eq!(catalog.services().cloned().collect::<Vec<_>>(), before);
    assert_eq!(catalog.history().cloned().collect::<Vec<_>>(), history);
    let service = catalog.service(&orders()).unwrap();
    assert_eq!((service.live, service.next), (Some(1), 3));
    assert_eq!(service.state(1), Some(RevisionState::Live));
    assert_eq!(service.state(2), Some(RevisionState::Kept));
    let actions: Vec<_> = history.iter().map(|entry| (entry.sequence, entry.action, entry.revision)).collect();
    assert_eq!(actions, [(3, Action::Rollback, Some(1)), (2, Action::Deploy, Some(2)), (1, Action::Deploy, Some(1))]);
}

#[test]
fn a_set_with_one_impossible_step_changes_nothing() {
    let store = Home::memory().open();
    let mut catalog = Catalog::load(store.clone()).unwrap();
    deploy(&mut catalog, &orders(), "1.0.0");
    let revision = plan(&catalog, &orders(), "1.1.0");
    let nobody: ServiceName = "nobody".parse().unwrap();
    let steps = vec![Step::Deploy(orders(), revision), Step::Remove(nobody)];
    assert_eq!(apply(&mut catalog, steps).unwrap_err(), "there is no service nobody; there is orders");
    assert_eq!(catalog.service(&orders()).unwrap().live, Some(1));
    assert_eq!(Catalog::load(store).unwrap().history().count(), 1);
}

#[test]
fn a_removed_service_is_gone_and_the_history_says_so() {
    let store = Home::memory().open();
    let mut catalog = Catalog::load(store.clone()).unwrap();
    deploy(&mut catalog, &orders(), "1.0.0");
    apply(&mut catalog, vec![Step::Remove(orders())]).unwrap();
    assert_eq!(raw(&store, "service/orders"), None);
    let catalog = Catalog::load(store).unwrap();
    assert_eq!(catalog.services().count(), 0);
    let latest = catalog.history().next().unwrap();
    assert_eq!((latest.action, latest.service.as_str()), (Action::Remove, "orders"));
}

#[test]
fn an_app_and_a_service_of_the_same_name_keep_their_own_routes() {
    let store = Home::memory().open();
    let mut catalog = Catalog::load(store.clone()).unwrap();
    let app = |origin| AppRecord {
        origin,
        routes: Vec::new(),
        services: vec![orders()],
        externals: Vec::new(),
        gateway: GatewaySettings::default(),
    };
    let (manifest, alone) = (Origin::Manifest("orders".to_owned()), Origin::Service(orders()));
    let steps = vec![Step::Routes(app(manifest.clone())), Step::Routes(app(alone.clone()))];
    apply(&mut catalog, steps).unwrap();
    apply(&mut catalog, vec![Step::RemoveRoutes(alone)]).unwrap();
    let catalog = Catalog::load(store).unwrap();
    assert_eq!(catalog.apps().cloned().collect::<Vec<_>>(), [app(manifest)]);
    assert!(catalog.history().all(|entry| entry.action == Action::Routes && entry.service == "orders"));
}

#[test]
fn a_record_of_a_newer_version_is_reported_and_never_overwritten() {
    let store = Home::memory().open();
    let newer = r#"{"format":2,"name":"orders","shape":"new"}"#;
    put(&store, "service/orders", newer);
    put(&store, "service/damaged", "{");
    let mut catalog = Catalog::load(store.clone()).unwrap();
    let reported: Vec<_> = catalog.unreadable().iter().map(|bad| bad.path.as_str()).collect();
    assert_eq!(reported, ["service/damaged", "service/orders"]);
    let revision = plan(&catalog, &orders(), "1.0.0");
    assert_eq!(
        apply(&mut catalog, vec![Step::Deploy(orders(), revision)]).unwrap_err(),
        "the record service/orders in the catalog cannot be read (it has format 2, and this version of Holm reads \
         up to 1) and is left as it is; use the version of Holm that wrote it"
    );
    assert_eq!(raw(&store, "service/orders").unwrap().value, newer);
    deploy(&mut catalog, &"users".parse().unwrap(), "1.0.0");
}

#[test]
fn somebody_elses_change_is_a_conflict_and_not_lost() {
    let store = Home::memory().open();
    let mut one = Catalog::load(store.clone()).unwrap();
    let mut two = Catalog::load(store).unwrap();
    deploy(&mut one, &orders(), "1.0.0");
    let revision = plan(&two, &orders(), "2.0.0");
    let error = block_on(two.apply(Change { at: 1, steps: vec![Step::Deploy(orders(), revision)] })).unwrap_err();
    assert!(matches!(error, holm_registry::catalog::CatalogError::Commit(CommitError::Conflict(_))));
    assert!(two.service(&orders()).is_none());
}

#[test]
fn the_history_does_not_grow_for_ever() {
    let store = Home::memory().open();
    let mut catalog = Catalog::load(store.clone()).unwrap();
    deploy(&mut catalog, &orders(), "1.0.0");
    deploy(&mut catalog, &orders(), "1.1.0");
    for _ in 0..KEPT_HISTORY / 10 {
        let to_and_fro = (0..10).map(|n| Step::Rollback(orders(), 1 + n % 2)).collect();
        apply(&mut catalog, to_and_fro).unwrap();
    }
    let catalog = Catalog::load(store.clone()).unwrap();
    assert_eq!(catalog.history().count(), KEPT_HISTORY);
    assert_eq!(catalog.history().next().unwrap().sequence, KEPT_HISTORY as u64 + 2);
    assert_eq!(raw(&store, "history/00000000000000000002"), None);
}
