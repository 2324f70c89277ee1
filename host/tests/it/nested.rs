//! Services that ask each other by name, within one host.

use std::time::{Duration, Instant};

use http::Method;
use tokio::task::JoinSet;

use crate::client::{Answer, Client};
use crate::process::{Host, fixture, manifest};

/// A host with a relay as each of these services, which may ask each other.
fn relays(names: &[&str], settings: &str) -> (Host, Client) {
    let host = Host::start();
    for name in names {
        let settings = format!("grants = {{ services = {names:?} }}\n{settings}\n");
        host.deploy_manifest(&manifest(name, &fixture("relay"), &settings));
    }
    let client = Client::new(&host.gateway);
    (host, client)
}

#[tokio::test]
pub(crate) async fn a_service_asks_another_without_a_grant_or_under_a_false_name() {
    let (host, client) = relays(&["a", "b"], "");
    host.deploy_manifest(&manifest("none", &fixture("relay"), ""));
    for (path, status, body) in [
        ("/a/", 200, ""),
        ("/a/b", 200, "a"),
        ("/a/b.holm", 200, "a"),
        ("/a/b/a", 200, "b"),
        ("/none/a", 502, "ErrorCode::HttpRequestDenied"),
        ("/a/none", 502, "ErrorCode::HttpRequestDenied"),
        ("/b/a/none", 502, "ErrorCode::HttpRequestDenied"),
    ] {
        let answer = client.get(path).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (status, body), "{path}");
    }
    let forged = client.try_send_with(Method::GET, "/a/", &[("x-holm-caller", "b")], "").await.unwrap();
    assert_eq!(forged.body, "");
    host.cli(&["remove", "b"]);
    assert!(client.get("/a/b").await.body.contains("DnsError"), "a service that is gone is not said to be unknown");
}

#[tokio::test]
async fn services_call_each_other_without_end() {
    let (_host, client) = relays(&["a", "b"], "");
    let deep = |times: usize| format!("/a{}", "/b/a".repeat(times));
    assert_eq!(client.get(&deep(4)).await.status, 200);
    let answer = client.get(&deep(5)).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (502, "ErrorCode::LoopDetected"));
}

/// `a` asks `b`, which asks `a`: forty clients where four may run. Those that wait for a call must not keep it from
/// its permit.
#[tokio::test]
pub(crate) async fn services_that_call_each_other_starve() {
    let (_host, client) = relays(&["a", "b"], "limits = { concurrency = 4, queue = 64 }");
    let mut clients = JoinSet::new();
    let until = Instant::now() + Duration::from_secs(3);
    for _ in 0..40 {
        let client = client.clone();
        clients.spawn(async move {
            let (mut good, mut bad) = (0, 0);
            while Instant::now() < until {
                let Answer { status, .. } = client.get("/a/b/a").await;
                match status.as_u16() {
                    200 => good += 1,
                    502 | 503 => bad += 1,
                    other => panic!("status {other}"),
                }
            }
            (good, bad)
        });
    }
    let counts = clients.join_all().await;
    let (good, bad) = counts.iter().fold((0, 0), |(good, bad), (more, worse)| (good + more, bad + worse));
    println!("{good} answered, {bad} turned away");
    assert!(good > 9 * bad, "{good} answered, {bad} turned away");
    assert_eq!(client.get("/a/b/a").await.status, 200);
}
