//! Room for instances: what one service can take of it, and what the others keep.

use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::client::Client;
use crate::process::{Host, fixture, manifest, stderr};

/// A host with few places: 90 for services, and 10 for deployments.
fn small_host() -> Host {
    Host::start_in(tempfile::tempdir().unwrap(), &["--places", "100"])
}

/// As many instances as one service may have at most.
const HOG: &str = "timeout = \"60s\"\ninstances = { max = 90 }\nlimits = { concurrency = 90 }";

/// A number of `/metrics` without labels.
async fn gauge(host: &Host, name: &str) -> u64 {
    let text = Client::new(&host.admin).get("/metrics").await.body;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
}

/// Requests that are never answered, each on a connection of its own; they end when these are dropped.
async fn hold(host: &Host, count: usize) -> Vec<TcpStream> {
    let mut asked = JoinSet::new();
    for _ in 0..count {
        let address = host.gateway.clone();
        asked.spawn(async move {
            let mut socket = TcpStream::connect(address).await.unwrap();
            socket.write_all(b"GET /hog/?ms=60000 HTTP/1.1\r\nHost: s\r\n\r\n").await.unwrap();
            socket
        });
    }
    asked.join_all().await
}

#[tokio::test]
async fn a_service_that_takes_all_places_stops_the_others_and_their_deployments() {
    let host = small_host();
    host.deploy_manifest(&manifest("hog", &fixture("sleep"), HOG));
    host.deploy("neighbour", "1.0.0", &fixture("echo"), &["--isolation", "reuse"]);
    host.deploy("fresh", "1.0.0", &fixture("echo"), &["--isolation", "invocation"]);
    let client = Client::new(&host.gateway);
    assert_eq!(client.get("/hog/?ms=1").await.status, 200);
    let held = hold(&host, 90).await;
    // its own place, and all others but those that the two neighbours keep
    host.until("hog", "as many instances as it may have", |service| service["instances"] == 88);

    for path in ["/neighbour/", "/fresh/"] {
        let began = Instant::now();
        assert_eq!(client.get(path).await.status, 200);
        assert!(began.elapsed() < Duration::from_secs(5), "{path} was answered after {:?}", began.elapsed());
    }
    // many at once take turns
    let mut crowd = JoinSet::new();
    for _ in 0..20 {
        let client = client.clone();
        crowd.spawn(async move { client.get("/neighbour/").await.status });
    }
    assert!(crowd.join_all().await.into_iter().all(|status| status == 200));

    // others, the hostile one itself, and one that is new
    host.deploy("neighbour", "1.1.0", &fixture("echo"), &["--isolation", "reuse"]);
    assert_eq!(client.get("/neighbour/").await.status, 200);
    let next = manifest("hog", &fixture("sleep"), HOG).replace("1.0.0", "1.1.0");
    host.deploy_manifest(&next);
    assert_eq!(client.get("/hog/?ms=1").await.status, 200);
    host.deploy("new", "1.0.0", &fixture("echo"), &[]);
    assert_eq!(client.get("/new/").await.status, 200);

    let metrics = Client::new(&host.admin).get("/metrics").await.body;
    assert!(metrics.contains(r#"holm_limit_hits_total{service="hog",revision="1",limit="places"}"#), "{metrics}");
    let shown = host.done(&["inspect", "hog"]);
    let places: Vec<&str> = shown.lines().find(|line| line.contains("places")).unwrap().split_whitespace().collect();
    assert!(places.contains(&"90") && places.contains(&"host"), "{places:?}");
    assert_eq!((gauge(&host, "holm_places").await, gauge(&host, "holm_places_claimed").await), (100, 4));
    assert!(gauge(&host, "holm_places_taken").await > 88);

    drop(held);
    host.until("hog", "the end of its instances", |service| service["instances"].as_u64() <= Some(1));
}

#[test]
fn more_is_deployed_than_could_ever_run() {
    let host = small_host();
    let many: String = (0..91)
        .map(|number| {
            let section = manifest(&format!("s{number}"), &fixture("echo"), "instances = { warm = 0 }");
            section.replace(&format!("[app]\nname = \"s{number}\"\n"), "")
        })
        .collect();
    let refused = host.cli(&["deploy", &host.file("many.toml", format!("[app]\nname = \"many\"\n{many}"))]);
    let told = stderr(&refused);
    assert!(told.contains("the 90 places for that are taken by 90 services") && told.contains("--places"), "{told}");

    let hog = manifest("hog", &fixture("sleep"), "instances = { max = 91 }");
    let refused = host.cli(&["deploy", &host.file("hog.toml", hog)]);
    let told = stderr(&refused);
    assert!(told.contains("91 places") && told.contains("lower `instances.max`"), "{told}");
    host.deploy("one", "1.0.0", &fixture("echo"), &[]);
}
