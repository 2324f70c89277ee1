//! Tokens that may do less than everything.

use http::Method;
use serde_json::json;

use super::start;
use crate::client::Client;
use crate::process::{Host, holm, stderr, stdout};

fn make(host: &Host, scope: &str) -> String {
    host.done(&["token", "new", "--scope", scope, "--note", scope]).trim().to_owned()
}

async fn status(client: &Client, method: Method, path: &str, header: (&str, &str)) -> u16 {
    client.try_send_with(method, path, &[header], "").await.unwrap().status.as_u16()
}

#[tokio::test]
async fn a_token_of_one_scope_is_good_for_another() {
    let host = Host::start();
    let admin = Client::new(&host.admin);
    for (scope, look, deploy, discover) in
        [("read", 200, 403, 403), ("deploy", 200, 404, 403), ("discovery", 403, 403, 200)]
    {
        let token = make(&host, scope);
        let bearer = format!("Bearer {token}");
        let bearer = ("authorization", bearer.as_str());
        assert_eq!(status(&admin, Method::GET, "/api/services", bearer).await, look, "{scope}");
        assert_eq!(status(&admin, Method::DELETE, "/api/services/nobody", bearer).await, deploy, "{scope}");
        assert_eq!(status(&admin, Method::GET, "/api/tokens", bearer).await, 403, "{scope}");
        assert_eq!(status(&admin, Method::GET, "/v1/catalog/services", bearer).await, discover, "{scope}");
        let header = ("x-consul-token", token.as_str());
        assert_eq!(status(&admin, Method::GET, "/v1/catalog/services", header).await, discover, "{scope}");
        let query = format!("/v1/catalog/services?token={token}");
        assert_eq!(status(&admin, Method::GET, &query, ("accept", "*/*")).await, discover, "{scope}");
    }
    assert_eq!(status(&admin, Method::GET, "/v1/catalog/services", ("x-consul-token", "wrong")).await, 403);
}

#[tokio::test]
async fn a_revoked_token_lets_somebody_in() {
    let host = Host::start();
    let token = make(&host, "read");
    let listed: serde_json::Value = serde_json::from_str(&host.done(&["token", "list", "--json"])).unwrap();
    assert_eq!((&listed[0]["scope"], &listed[0]["note"]), (&json!("read"), &json!("read")));
    assert!(!listed.to_string().contains(&token), "the list shows the token");
    let url = format!("http://{}", host.admin);
    let ask =
        |token: &str| holm(host.dir.path()).args(["services", "--admin-url", &url, "--token", token]).output().unwrap();
    assert!(ask(&token).status.success());
    host.done(&["token", "revoke", listed[0]["id"].as_str().unwrap()]);
    assert_eq!(ask(&token).status.code(), Some(1));
    let unknown = host.cli(&["token", "revoke", "nothing"]);
    assert!(stderr(&unknown).contains("holm token list"), "{}", stderr(&unknown));
    let wrong = host.cli(&["token", "new", "--scope", "everything"]);
    assert_eq!((wrong.status.code(), stdout(&wrong).as_str()), (Some(2), ""));
}

#[tokio::test]
async fn the_token_of_the_discovery_listener_is_not_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("holm.toml"), "[discovery]\nlisten = \"127.0.0.1:0\"\ntoken = \"open-sesame\"\n")
        .unwrap();
    let host = Host::start_in(dir, &["--manifest", "holm.toml"]);
    let client = Client::new(host.discovery.as_ref().unwrap());
    let names = "/v1/catalog/services";
    assert_eq!(status(&client, Method::GET, names, ("accept", "*/*")).await, 403);
    assert_eq!(status(&client, Method::GET, names, ("x-consul-token", "wrong")).await, 403);
    assert_eq!(status(&client, Method::GET, names, ("x-consul-token", "open-sesame")).await, 200);
    let scoped = make(&host, "discovery");
    assert_eq!(status(&client, Method::GET, names, ("x-consul-token", &scoped)).await, 200);
    assert_eq!(status(&client, Method::GET, names, ("x-consul-token", &make(&host, "deploy"))).await, 403);
    // as in Consul, where clients send none with it
    assert_eq!(status(&client, Method::GET, "/v1/status/leader", ("accept", "*/*")).await, 200);
    let (_host, open) = start(&[]);
    assert_eq!(status(&open.http, Method::GET, names, ("accept", "*/*")).await, 200);
}
