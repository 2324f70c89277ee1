//! Picking, and what a restart leaves, on a store in memory.

use std::collections::BTreeMap;

use holm_registry::discovery::ejection::FAILURES;
use holm_registry::discovery::registration::{InstanceId, Weights};
use holm_registry::store::memory::MemoryEngine;
use http::{HeaderMap, StatusCode};

use super::*;
use crate::telemetry::metrics::Metrics;

fn store() -> Store {
    Store::with_engine(Box::new(MemoryEngine::new())).unwrap()
}

fn discovery(store: &Store, balance: &str) -> Discovery {
    let settings = DiscoverySettings { balance: balance.parse().unwrap(), ..DiscoverySettings::default() };
    Discovery::load(store.clone(), &settings, Arc::default(), Tasks::new()).unwrap()
}

fn users(id: &str, address: &str) -> Registration {
    Registration {
        id: InstanceId::new(id),
        name: "users".to_owned(),
        address: address.to_owned(),
        port: 3000,
        tags: Vec::new(),
        meta: BTreeMap::new(),
        weights: Weights::default(),
        checks: Vec::new(),
        url: None,
    }
}

async fn two_of_them(balance: &str) -> Discovery {
    let discovery = discovery(&store(), balance);
    discovery.register(users("one", "127.0.0.1")).await.unwrap();
    discovery.register(users("two", "::1")).await.unwrap();
    discovery
}

fn pick(discovery: &Discovery) -> Picked {
    discovery.pick("users", None).unwrap()
}

#[tokio::test]
async fn the_busier_instance_is_picked() {
    let discovery = two_of_them("least-in-flight").await;
    let slow = pick(&discovery);
    let others: Vec<String> = (0..3).map(|_| pick(&discovery).id().to_string()).collect();
    assert!(others.iter().all(|id| id != slow.id().as_str()), "{others:?} beside {}", slow.id());
    assert_eq!(discovery.outside()[0].instances.iter().map(|instance| instance.in_flight).sum::<u32>(), 1);
    let urls = [slow.base_url().to_owned(), pick(&discovery).base_url().to_owned()];
    assert!(urls.contains(&"http://127.0.0.1:3000".to_owned()) && urls.contains(&"http://[::1]:3000".to_owned()));
    drop(slow);
    assert_eq!(discovery.outside()[0].instances.iter().map(|instance| instance.in_flight).sum::<u32>(), 0);
}

#[tokio::test]
async fn an_instance_that_fails_request_after_request_is_picked_again() {
    let discovery = two_of_them("round-robin").await;
    for round in 0..2 * FAILURES {
        let picked = pick(&discovery);
        match (picked.id().as_str(), round % 4) {
            ("one", 0) => picked.failed(),
            ("one", _) => picked.answered(StatusCode::BAD_GATEWAY),
            _ => picked.answered(StatusCode::NOT_FOUND),
        }
    }
    for _ in 0..3 {
        assert_eq!(pick(&discovery).id().as_str(), "two");
    }
    let ejected: Vec<bool> = discovery.outside()[0].instances.iter().map(|instance| instance.ejected).collect();
    assert_eq!(ejected, [true, false]);
}

#[tokio::test]
async fn a_request_that_fails_or_an_ejection_is_not_counted() {
    let metrics = Metrics::new();
    let (settings, numbers) = (DiscoverySettings::default(), metrics.discovery().clone());
    let discovery = Discovery::load(store(), &settings, numbers, Tasks::new()).unwrap();
    for id in ["one", "two"] {
        discovery.register(users(id, "127.0.0.1")).await.unwrap();
    }
    let busy = pick(&discovery);
    for _ in 0..FAILURES {
        pick(&discovery).failed();
    }
    busy.answered(StatusCode::OK);
    discovery.update_metrics();
    let text = metrics.encode();
    for line in [
        format!(r#"holm_discovery_requests_total{{service="users",outcome="failed"}} {FAILURES}"#),
        r#"holm_discovery_requests_total{service="users",outcome="good"} 1"#.to_owned(),
        r#"holm_discovery_ejections_total{service="users"} 1"#.to_owned(),
        r#"holm_discovery_instances{service="users",state="ejected"} 1"#.to_owned(),
        r#"holm_discovery_instances{service="users",state="passing"} 1"#.to_owned(),
    ] {
        assert!(text.contains(&line), "{line} is not in\n{text}");
    }
}

#[tokio::test]
async fn a_user_wanders_between_instances() {
    let discovery = two_of_them("hash:x-user").await;
    let mut headers = HeaderMap::new();
    assert_eq!(discovery.hash_key(&headers), None);
    headers.insert("x-user", "ada".parse().unwrap());
    let key = discovery.hash_key(&headers);
    assert_eq!(key, Some("ada"));
    let first = discovery.pick("users", key).unwrap();
    for _ in 0..5 {
        assert_eq!(discovery.pick("users", key).unwrap().id(), first.id());
    }
}

#[tokio::test]
async fn whoever_registers_steers_requests_to_any_place() {
    let discovery = discovery(&store(), "least-in-flight");
    for address in ["169.254.169.254", "10.0.0.1", "internal.example"] {
        discovery.register(users("evil", address)).await.unwrap();
        assert!(discovery.knows("users") && discovery.pick("users", None).is_none(), "{address}");
    }
    discovery.register(users("evil", "localhost")).await.unwrap();
    assert_eq!(pick(&discovery).base_url(), "http://localhost:3000");
    assert!(!discovery.knows("nobody") && discovery.pick("nobody", None).is_none());
}

#[tokio::test]
async fn a_restart_forgets_an_instance_or_remembers_one_that_went() {
    let store = store();
    let before = discovery(&store, "round-robin");
    before.register(users("one", "127.0.0.1")).await.unwrap();
    before.register(users("two", "127.0.0.1")).await.unwrap();
    before.deregister("one").await.unwrap();
    assert!(before.deregister("one").await.is_err());
    let after = discovery(&store, "round-robin");
    assert_eq!(pick(&after).id().as_str(), "two");
    assert!(after.read(|directory| directory.instance("one").is_none()));
}

#[tokio::test]
async fn a_change_wakes_nobody() {
    let discovery = two_of_them("round-robin").await;
    let since = discovery.read(|directory| directory.index_of("users"));
    let waiting = discovery.changed(since, |directory| directory.index_of("users"));
    let change = discovery.deregister("one");
    let (changed, ()) = tokio::join!(change, waiting);
    changed.unwrap();
}
