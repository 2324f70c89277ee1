//! A restarted host is the host that was stopped; a service's state is what it is.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::SystemTime;

use crate::client::Client;
use crate::process::{Host, component, fixture, manifest};

/// Every compiled component with the time it was written.
fn compiled(data: &Path) -> BTreeMap<String, SystemTime> {
    let entries = std::fs::read_dir(data.join(".holm/compiled")).unwrap();
    let entry = |entry: std::io::Result<std::fs::DirEntry>| {
        let entry = entry.unwrap();
        (entry.file_name().into_string().unwrap(), entry.metadata().unwrap().modified().unwrap())
    };
    entries.map(entry).collect()
}

#[tokio::test]
async fn a_restart_compiles_again_or_forgets_what_was_live() {
    let host = Host::start();
    host.deploy("users", "1.0.0", &component("users"), &["--isolation", "reuse"]);
    host.deploy("users", "1.1.0", &component("users_next"), &["--isolation", "reuse"]);
    host.deploy("catalog", "1.0.0", &component("catalog"), &[]);
    host.done(&["rollback", "users"]);
    let (services, routes) = (host.done(&["services", "--json"]), host.done(&["routes", "--json"]));
    let (status, dir) = host.terminate();
    assert!(status.success());
    let before = compiled(dir.path());
    assert_eq!(before.len(), 3, "{before:?}");

    let host = Host::start_in(dir, &[]);
    assert_eq!(compiled(host.dir.path()), before);
    let version = Client::new(&host.gateway).get("/users/version").await;
    assert!(version.body.contains("1.0.0"), "{}", version.body);
    assert_eq!(host.done(&["routes", "--json"]), routes);
    assert_eq!(settled(&host.done(&["services", "--json"])), settled(&services));
    // what was kept can be gone to, in both directions
    host.done(&["rollback", "users", "--to", "2"]);
    let version = Client::new(&host.gateway).get("/users/version").await;
    assert!(version.body.contains("1.1.0"), "{}", version.body);
}

#[tokio::test]
async fn a_service_that_falls_ill_looks_well() {
    let host = Host::start();
    let health = "health = { path = \"/?do=status-of:health\", interval = \"100ms\", timeout = \"5s\" }";
    let client = Client::new(&host.gateway);
    host.deploy("kv", "0.9.0", &fixture("kv"), &[]);
    assert_eq!(client.get("/kv/?do=set:health:204").await.status, 200);
    host.deploy_manifest(&manifest("kv", &fixture("kv"), health));

    assert_eq!(client.get("/kv/?do=set:health:503").await.status, 200);
    host.until("kv", "the state unhealthy", |service| service["state"] == "unhealthy");
    assert_eq!(client.get("/kv/?do=get:health").await.body, "503\n", "it serves on");
    assert_eq!(client.get("/kv/?do=set:health:204").await.status, 200);
    host.until("kv", "the state live", |service| service["state"] == "live");
    let log = host.done(&["logs", "kv"]);
    assert!(log.contains("is not well: it answered 503") && log.contains("is well again"), "{log}");
}

/// Without the numbers that begin anew with every start.
fn settled(services: &str) -> serde_json::Value {
    let mut services: serde_json::Value = serde_json::from_str(services).unwrap();
    for service in services.as_array_mut().unwrap() {
        let service = service.as_object_mut().unwrap();
        for counter in ["instances", "in_flight", "requests", "faults"] {
            assert!(service.remove(counter).is_some_and(|count| count.is_u64()), "no {counter}");
        }
    }
    services
}
