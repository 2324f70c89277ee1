//! Typed calls from service to service.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::Method;
use tokio::task::JoinSet;

use crate::client::{Answer, Client};
use crate::process::{Host, fixture, manifest, stderr};

/// A host with the ledger, and with a caller that has these lines in its section of the manifest.
pub(crate) fn serve(settings: &str) -> (Host, Client) {
    let host = Host::start();
    host.deploy_manifest(&manifest("ledger", &fixture("ledger"), ""));
    host.deploy_manifest(&manifest("caller", &fixture("caller"), settings));
    let client = Client::new(&host.gateway);
    (host, client)
}

pub(crate) async fn told(client: &Client, path: &str) -> String {
    let Answer { status, body, .. } = client.get(path).await;
    assert_eq!(status, 200, "{path}: {body}");
    body
}

#[tokio::test]
pub(crate) async fn a_call_does_not_do_what_its_types_say() {
    let (_host, client) = serve("");
    assert_eq!(told(&client, "/caller/?balance=ada").await, "None");
    assert_eq!(told(&client, "/caller/?add=ada&amount=5").await, "Ok(5)");
    assert_eq!(told(&client, "/caller/?add=ada&amount=-7").await, "Ok(-2)");
    assert_eq!(told(&client, "/caller/?balance=ada").await, "Some(-2)");
    assert_eq!(told(&client, "/caller/?wait=1").await, "1");
    // the same state, whatever the door
    assert_eq!(told(&client, "/ledger/?account=ada").await, "-2");
}

#[tokio::test]
pub(crate) async fn what_a_failed_call_staged_is_kept() {
    let (_host, client) = serve("");
    assert_eq!(told(&client, "/caller/?add=ada&amount=2000000").await, "Err(Refusal::Limit(1000000))");
    assert_eq!(told(&client, "/caller/?balance=ada").await, "None");
}

#[tokio::test]
async fn a_provider_that_fails_takes_its_caller_along_without_a_word() {
    let (host, client) = serve("timeout = \"500ms\"");
    for (path, status, kind) in [("/caller/?break=1", 502, "dependency"), ("/caller/?wait=60000", 504, "deadline")] {
        let answer = client.get(path).await;
        assert_eq!((answer.status.as_u16(), answer.fault().as_str()), (status, kind), "{path}");
    }
    host.done(&["remove", "ledger", "--force"]);
    let answer = client.get("/caller/?balance=ada").await;
    assert_eq!((answer.status.as_u16(), answer.fault().as_str()), (503, "no-service"));
    let log = host.done(&["logs", "caller"]);
    assert!(log.contains("ledger failed fixtures:calls/ledger@1.0.0 break-down"), "{log}");
}

#[tokio::test]
async fn a_fallback_is_not_what_callers_see() {
    let calls = "[service.caller.calls.\"fixtures:calls/ledger\"]\ntimeout = \"200ms\"\nfallback = [\
                 { function = \"wait\", value = \"{ms}\" }, { function = \"balance\", value = 42 }]\n";
    let (host, client) = serve(calls);
    assert_eq!(told(&client, "/caller/?wait=5000").await, "5000");
    host.done(&["remove", "ledger", "--force"]);
    assert_eq!(told(&client, "/caller/?balance=ada").await, "Some(42)");
}

#[tokio::test]
async fn a_provider_is_taken_from_under_its_callers() {
    let (host, client) = serve("");
    let refused = host.cli(&["remove", "ledger"]);
    assert!(stderr(&refused).contains("caller calls fixtures:calls/ledger@1.0.0"), "{}", stderr(&refused));
    let other = fixture("echo").to_str().unwrap().to_owned();
    let refused = host.cli(&["deploy", &other, "--service", "ledger", "--version", "2.0.0"]);
    assert!(stderr(&refused).contains("add: there is no such function"), "{}", stderr(&refused));
    assert_eq!(told(&client, "/caller/?add=ada&amount=5").await, "Ok(5)");
    host.done(&["deploy", &other, "--service", "ledger", "--version", "2.0.0", "--force"]);
    assert_eq!(client.get("/caller/?balance=ada").await.fault(), "no-service");
    host.done(&["rollback", "ledger"]);
    assert_eq!(told(&client, "/caller/?balance=ada").await, "Some(5)");
}

/// A megabyte of bytes, with the four that say how many they are: what a call may carry.
const MOST: usize = (1 << 20) - 4;

#[tokio::test]
async fn a_call_carries_less_than_a_megabyte_or_as_much_as_it_likes() {
    let (host, client) = serve("");
    for what in ["measure", "fill"] {
        assert_eq!(told(&client, &format!("/caller/?{what}={MOST}")).await, MOST.to_string());
    }
    let arguments = client.get(&format!("/caller/?measure={}", MOST + 1)).await;
    assert_eq!((arguments.status.as_u16(), arguments.fault().as_str()), (502, "limit"));
    let result = client.get(&format!("/caller/?fill={}", MOST + 1)).await;
    assert_eq!((result.status.as_u16(), result.fault().as_str()), (502, "dependency"));
    let log = host.done(&["logs", "caller"]);
    assert!(log.contains("measure: the values of one call take more than 1048576 bytes"), "{log}");
    // far more is not even taken out of the guest
    assert_eq!(client.get(&format!("/caller/?measure={}", 3 * MOST)).await.fault(), "limit");
    let log = host.done(&["logs", "caller"]);
    assert!(log.contains("limits.host_call was reached"), "{log}");
    assert_eq!(told(&client, "/caller/?measure=10").await, "10");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_swap_of_the_provider_loses_a_call() {
    let (host, client) = serve("");
    let ledger = fixture("ledger").to_str().unwrap().to_owned();
    let (swapped, calling) = (Arc::new(AtomicBool::new(false)), client.clone());
    let done = swapped.clone();
    let mut callers = JoinSet::new();
    callers.spawn(async move {
        let mut added = 0;
        while !done.load(Ordering::Relaxed) {
            added += 1;
            assert_eq!(told(&calling, "/caller/?add=ada").await, format!("Ok({added})"));
        }
        added
    });
    for version in 1..=20 {
        let (version, isolation) = (format!("2.{version}.0"), if version % 2 == 0 { "reuse" } else { "invocation" });
        let arguments = ["deploy", &ledger, "--service", "ledger", "--version", &version, "--isolation", isolation];
        host.done(&arguments);
    }
    swapped.store(true, Ordering::Relaxed);
    let added = callers.join_next().await.unwrap().unwrap();
    assert_eq!(told(&client, "/caller/?balance=ada").await, format!("Some({added})"));
}

#[test]
fn a_service_that_is_called_is_shown_as_missing() {
    let (host, _client) = serve("");
    let caller = fixture("caller").to_str().unwrap().to_owned();
    for what in ["caller", &caller] {
        let shown = host.done(&["inspect", what]);
        assert!(shown.contains("fixtures:calls/ledger@1.0.0  from ledger") && !shown.contains("MISSING"), "{shown}");
    }
    host.done(&["remove", "ledger", "--force"]);
    assert!(host.done(&["inspect", "caller"]).contains("fixtures:calls/ledger@1.0.0  MISSING HERE"));
}

#[tokio::test]
async fn an_interface_that_two_services_export_is_taken_from_one_of_them() {
    let host = Host::start();
    for name in ["first", "second"] {
        host.deploy(name, "1.0.0", &fixture("ledger"), &[]);
    }
    let path = host.file("caller.toml", manifest("caller", &fixture("caller"), ""));
    let refused = host.cli(&["deploy", &path]);
    assert!(stderr(&refused).contains("which several services export (first, second do)"), "{}", stderr(&refused));
    let named = "[service.caller.calls.\"fixtures:calls/ledger\"]\nservice = \"second\"\n";
    host.deploy_manifest(&manifest("caller", &fixture("caller"), named));
    let client = Client::new(&host.gateway);
    assert_eq!(told(&client, "/caller/?add=ada").await, "Ok(1)");
    assert_eq!(client.send(Method::GET, "/second/?account=ada", "").await.body, "1");
    let nobody = host.cli(&["deploy", fixture("caller").to_str().unwrap(), "--service", "c", "--version", "1.0.0"]);
    assert!(stderr(&nobody).contains("several services"), "{}", stderr(&nobody));
}

/// What benches measure.
#[tokio::test]
pub(crate) async fn one_of_many_calls_goes_wrong() {
    let host = Host::start();
    host.deploy_manifest(&manifest("tally", &fixture("tally"), ""));
    host.deploy_manifest(&manifest("loops", &fixture("loops"), "grants = { services = [\"tally\"] }"));
    let client = Client::new(&host.gateway);
    for call in ["none", "total", "weigh", "http-total", "http-weigh"] {
        let nanos: u64 = told(&client, &format!("/loops/?call={call}&times=20")).await.parse().unwrap();
        assert!(nanos > 0, "{call}");
    }
    assert_eq!(host.service("tally")["requests"], 4 * 20);
}
