//! The API as it is on the wire, and what it refuses.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use super::{Outside, ids, index, start};
use crate::client::Client;
use crate::process::{Host, fixture};

#[tokio::test]
async fn nonsense_is_registered_or_disturbs_others() {
    let (_host, consul) = start(&[]);
    consul.register(json!({ "Name": "users", "Port": 3000 })).await;
    let check = |check: Value| json!({ "Name": "x", "Check": check });
    let cases = [
        (json!({}), 400, "Missing service name"),
        (json!([]), 400, "the body must be an object"),
        (json!({ "Name": 7 }), 400, "Name must be a string"),
        (json!({ "Name": "a b" }), 400, "Name \"a b\""),
        (json!({ "Name": "x", "Port": 70_000 }), 400, "Port must be a number"),
        (json!({ "Name": "x", "Port": "3000" }), 400, "Port must be a number"),
        (json!({ "Name": "x", "Address": "http://x/" }), 400, "Address"),
        (json!({ "Name": "x", "Tags": "a" }), 400, "Tags must be a list"),
        (json!({ "Name": "x", "Meta": { "k": 1 } }), 400, "Meta must be strings"),
        (json!({ "Name": "x", "Kind": "connect-proxy" }), 400, "Kind is not supported"),
        (check(json!({ "Args": ["/bin/sh"], "Interval": "1s" })), 400, "Scripts are disabled"),
        (check(json!({ "Script": "true", "Interval": "1s" })), 400, "Scripts are disabled"),
        (check(json!({ "GRPC": "a:1", "Interval": "1s" })), 400, "GRPC is not supported"),
        (check(json!({ "Interval": "1s" })), 400, "one of HTTP, TCP and TTL"),
        (check(json!({ "HTTP": "http://a/", "TTL": "1s" })), 400, "one of HTTP, TCP and TTL"),
        (check(json!({ "HTTP": "http://127.0.0.1/" })), 400, "Interval must be above 0"),
        (check(json!({ "HTTP": "ftp://a/", "Interval": "1s" })), 400, "neither an http://"),
        (check(json!({ "TCP": "a", "Interval": "1s" })), 400, "no host:port"),
        (check(json!({ "TTL": "soon" })), 400, "`soon` is no duration"),
        (check(json!({ "TTL": "1s", "Status": "great" })), 400, "\"great\" is no status"),
        (check(json!({ "TTL": "1s", "CheckID": "service:users" })), 200, ""),
        (json!({ "Name": "y", "Check": { "TTL": "1s", "CheckID": "service:users" } }), 400, "another service"),
        (json!({ "Name": "x", "ID": "holm:x" }), 403, "belongs to this host"),
    ];
    for (registration, status, reason) in cases {
        let answer = consul.put("/agent/service/register", &registration).await;
        assert_eq!(answer.status, status, "{registration}: {}", answer.body);
        assert!(answer.body.contains(reason) && answer.body.len() < 120, "{registration}: {}", answer.body);
    }
    let answer = consul.http.send(Method::PUT, "/v1/agent/service/register", "{\"Name\": ").await;
    assert!(answer.status == 400 && answer.body.starts_with("Request decode failed"), "{answer:?}");
    let large = json!({ "Name": "large", "Tags": ["x".repeat(300 << 10)] }).to_string();
    let headers = [("content-type", "application/json")];
    let answer = consul.http.try_send_with(Method::PUT, "/v1/agent/service/register", &headers, &large).await;
    // whoever still sends when the answer comes may see the connection end instead
    assert!(answer.is_err() || answer.is_ok_and(|answer| answer.status == 413));
    assert_eq!(consul.passing("large").await, [""; 0]);
    assert_eq!(consul.passing("users").await, ["users"]);
}

#[tokio::test]
async fn a_client_that_asks_in_a_wrong_way_is_not_told_so() {
    let (_host, consul) = start(&[]);
    for (method, path, status, reason) in [
        (Method::PUT, "/v1/agent/service/deregister/nobody", 404, "Unknown service ID"),
        (Method::PUT, "/v1/agent/check/pass/service%3Anobody", 404, "Unknown check ID"),
        (Method::PUT, "/v1/agent/check/deregister/nothing", 404, "Unknown check ID"),
        (Method::GET, "/v1/agent/service/nobody", 404, "unknown service ID: nobody"),
        (Method::GET, "/v1/health/service/x?index=now", 400, "Invalid index"),
        (Method::GET, "/v1/health/service/x?wait=soon", 400, "Invalid wait time"),
        (Method::GET, "/v1/health/service/x?filter=a%3D%3Db", 400, "filter is not supported"),
        (Method::GET, "/v1/health/service/x?dc=mars", 500, "No path to datacenter"),
        (Method::GET, "/v1/health/state/great", 400, "great"),
        (Method::GET, "/v1/kv/key", 404, "not part of Holm"),
        (Method::PUT, "/v1/kv/key", 404, "not part of Holm"),
        (Method::GET, "/v1/agent/service/register", 405, "method not allowed"),
        (Method::POST, "/v1/agent/service/register", 405, "method not allowed"),
        (Method::GET, "/api/services", 404, "not part of Holm"),
    ] {
        let answer = consul.http.send(method, path, "").await;
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
        assert!(answer.body.contains(reason), "{path}: {}", answer.body);
        assert_eq!(answer.headers["content-type"], "text/plain; charset=utf-8", "{path}");
    }
}

#[tokio::test]
async fn a_blocking_query_sleeps_through_a_change() {
    let (_host, consul) = start(&[]);
    consul.register(json!({ "name": "users", "id": "one", "check": { "ttl": "60s", "status": "passing" } })).await;
    let first = consul.get("/health/service/users?passing").await;
    let since = index(&first);
    assert_eq!(ids(&first.json()), ["one"]);
    let path = format!("/health/service/users?passing=1&index={since}&wait=60s");
    let waiting = consul.get(&path);
    let change = async {
        // something else that changes must not wake it
        consul.register(json!({ "Name": "orders" })).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(consul.put("/agent/check/fail/service:one?note=broken", &Value::Null).await.status, 200);
    };
    let begun = tokio::time::Instant::now();
    let (woken, ()) = tokio::join!(waiting, change);
    assert!(index(&woken) > since, "{woken:?}");
    assert_eq!(ids(&woken.json()), [""; 0]);
    assert!(begun.elapsed() < Duration::from_secs(20));
    let over = consul.get(&format!("/health/service/users?index={}&wait=50ms", index(&woken))).await;
    assert_eq!((index(&over), ids(&over.json())), (index(&woken), vec!["one".to_owned()]));
}

#[tokio::test]
async fn the_same_registration_again_wakes_everybody() {
    let (_host, consul) = start(&[]);
    let users = json!({ "Name": "users", "Check": { "TTL": "60s" }, "Tags": ["a", "b"] });
    consul.register(users.clone()).await;
    assert_eq!(consul.put("/agent/check/update/service:users", &json!({ "Status": "passing" })).await.status, 200);
    let before = index(&consul.get("/catalog/services").await);
    consul.register(users).await;
    assert_eq!(index(&consul.get("/catalog/services").await), before);
    assert_eq!(consul.passing("users").await, ["users"], "its check goes on from where it was");
    let tagged = async |tags: &str| ids(&consul.get(&format!("/health/service/users?{tags}")).await.json()).len();
    assert_eq!((tagged("tag=a&tag=b").await, tagged("tag=a&tag=c").await), (1, 0));
}

#[tokio::test]
async fn holm_s_own_services_cannot_be_discovered() {
    let (host, consul) = start(&[]);
    host.deploy("hello", "1.0.0", &fixture("echo"), &[]);
    let found = consul.get("/health/service/hello?passing").await.json();
    assert_eq!(ids(&found), ["holm:hello"]);
    let service = &found[0]["Service"];
    assert_eq!(format!("{}:{}", service["Address"].as_str().unwrap(), service["Port"]), host.gateway);
    assert_eq!((&service["Meta"]["version"], &service["Meta"]["routes"]), (&json!("1.0.0"), &json!("/hello/{*rest}")));
    let taken = consul.put("/agent/service/register", &json!({ "Name": "hello", "Port": 1 })).await;
    assert!(taken.status == 403 && taken.body.contains("belongs to a service of this host"), "{taken:?}");
    let before = index(&consul.get("/health/service/hello").await);
    let gone = async { host.done(&["remove", "hello"]) };
    let path = format!("/health/service/hello?index={before}&wait=60s");
    let (woken, _) = tokio::join!(consul.get(&path), gone);
    assert_eq!(ids(&woken.json()), [""; 0]);
}

#[tokio::test]
async fn a_registration_is_lost_when_the_host_restarts() {
    let (host, consul) = start(&[]);
    let outside = Outside::start().await;
    consul.register(outside.registration("users", "users-1")).await;
    consul.register(json!({ "Name": "gone" })).await;
    consul.until_passing("users", &["users-1"]).await;
    assert_eq!(consul.put("/agent/service/deregister/gone", &Value::Null).await.status, 200);
    let before = index(&consul.get("/catalog/services").await);
    let dir = host.kill();
    let host = Host::start_in(dir, &["--discovery", "127.0.0.1:0"]);
    let consul = super::Consul::of(&host);
    let names = consul.get("/catalog/services").await;
    assert!(index(&names) > before, "the index went back");
    assert_eq!(names.json(), json!({ "users": [] }));
    assert_eq!(consul.passing("users").await, ["users-1"], "it was well, and nothing says otherwise");
}

#[tokio::test]
async fn the_discovery_port_lets_anybody_deploy() {
    let (host, consul) = start(&[]);
    let token = format!("Bearer {}", host.token());
    let headers = [("authorization", token.as_str())];
    let answer = consul.http.try_send_with(Method::GET, "/api/services", &headers, "").await.unwrap();
    assert_eq!(answer.status, 404);
    let page = [("host", "evil.example:8500")];
    let answer = consul.http.try_send_with(Method::GET, "/v1/catalog/services", &page, "").await.unwrap();
    assert_eq!(answer.status, 421, "a web page reaches it by rebinding its name");
    let named = [("host", "consul:8500")];
    let answer = consul.http.try_send_with(Method::GET, "/v1/catalog/services", &named, "").await.unwrap();
    assert_eq!(answer.status, 200);
    let admin = Client::new(&host.admin);
    assert_eq!(admin.get("/v1/catalog/services").await.status, 403);
}
