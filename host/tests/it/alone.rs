//! What a service keeps when a component is deployed alone: all that a manifest has said about it.

use std::time::Instant;

use serde_json::json;

use crate::client::Client;
use crate::door::PATIENCE;
use crate::process::{Host, fixture, manifest, stderr};

const PUBLISHES: &str = "grants = { publish = [\"orders.*\"], secrets = { key = \"s3cret\" } }\n";
const HANDLES: &str = "isolation = \"reuse\"\n[[service.h.subscribe]]\nsubject = \"orders.*\"\n";

/// `p` publishes, `h` handles it.
fn serve() -> (Host, Client) {
    let host = Host::start();
    host.deploy_manifest(&manifest("p", &fixture("publish"), PUBLISHES));
    host.deploy_manifest(&manifest("h", &fixture("handler"), HANDLES));
    let client = Client::new(&host.gateway);
    (host, client)
}

async fn publish(client: &Client) -> String {
    client.get("/p/?subject=orders.created").await.body
}

async fn until_handled(client: &Client, count: u32) {
    let end = Instant::now() + PATIENCE;
    while client.get("/h/?get=count/orders.created").await.body != count.to_string() {
        assert!(Instant::now() < end, "the event number {count} was never handled");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_component_that_is_deployed_alone_takes_grants_and_subscriptions_from_its_service() {
    let (host, client) = serve();
    for (service, component) in [("p", "publish"), ("h", "handler")] {
        let told = host.deploy(service, "1.1.0", &fixture(component), &[]);
        assert!(told.contains("is live as revision 2") && told.contains(", settings of revision 1)"), "{told}");
    }
    assert_eq!(publish(&client).await, "ok");
    until_handled(&client, 1).await;
    let told = host.deploy("h", "1.2.0", &fixture("handler"), &["--isolation", "invocation", "--json"]);
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&told[0]["isolation"], &told[0]["settings_of"]), (&json!("invocation"), &json!(2)));
    assert_eq!(publish(&client).await, "ok");
    until_handled(&client, 2).await;
    let shown = host.done(&["inspect", "p"]);
    assert!(shown.contains("publish   orders.*") && !shown.contains("s3cret"), "{shown}");
    let again = host.deploy("p", "1.1.0", &fixture("publish"), &[]);
    assert!(again.contains("was live already as revision 2"), "{again}");
}

#[tokio::test]
async fn a_manifest_or_a_rollback_does_not_take_back_what_was_granted() {
    let (host, client) = serve();
    host.deploy_manifest(&manifest("p", &fixture("publish"), ""));
    assert!(publish(&client).await.contains("Denied"));
    let told = host.deploy("p", "1.1.0", &fixture("publish"), &[]);
    assert!(!told.contains("settings of"), "{told}");
    assert!(publish(&client).await.contains("Denied"), "grants of a manifest that was replaced");
    host.done(&["rollback", "p", "--to", "1"]);
    host.deploy("p", "1.2.0", &fixture("publish"), &[]);
    assert_eq!(publish(&client).await, "ok");
    host.done(&["remove", "p"]);
    host.deploy("p", "1.3.0", &fixture("publish"), &[]);
    assert!(publish(&client).await.contains("Denied"), "grants of a service that was removed");
}

#[tokio::test]
async fn settings_that_do_not_fit_a_component_are_nobodys() {
    let (host, client) = serve();
    let path = fixture("kv");
    let refused = host.cli(&["deploy", path.to_str().unwrap(), "--service", "h", "--version", "2.0.0"]);
    let told = stderr(&refused);
    assert_eq!(refused.status.code(), Some(1), "{told}");
    for part in ["subscribes to orders.*", "kept those of revision 1", "--manifest FILE"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert_eq!(publish(&client).await, "ok");
    until_handled(&client, 1).await;
    let other = host.file("other.toml", manifest("h", &path, ""));
    let told = host.deploy("h", "2.0.0", &path, &["--manifest", &other]);
    assert!(!told.contains("settings of"), "{told}");
}
