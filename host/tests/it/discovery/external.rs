//! `[[external]]`: services that are not Wasm and stand in a manifest.

use serde_json::{Value, json};

use super::{Outside, ids, start};
use crate::client::Client;
use crate::door::PATIENCE;
use crate::process::{Host, fixture, manifest, stderr};

fn external(app: &str, name: &str, url: &str) -> String {
    format!(
        "[app]\nname = \"{app}\"\n[[external]]\nname = \"{name}\"\nurl = \"{url}\"\n\
         health = {{ path = \"/health\", interval = \"1s\", timeout = \"5s\" }}\n"
    )
}

fn outside(host: &Host, name: &str) -> Option<Value> {
    let all: Vec<Value> = serde_json::from_str(&host.done(&["services", "--json"])).unwrap();
    all.into_iter().find(|service| service["service"] == name)
}

#[tokio::test]
async fn an_external_of_a_manifest_is_neither_found_nor_listed_nor_replaced() {
    let (host, consul) = start(&[]);
    let billing = Outside::start().await;
    host.deploy_manifest(&external("shop", "billing", &billing.url()));
    consul.until_passing("billing", &["external:billing"]).await;
    let shown = outside(&host, "billing").unwrap();
    assert_eq!((&shown["kind"], &shown["app"]), (&json!("external"), &json!("shop")));
    assert_eq!(
        (&shown["instances"][0]["url"], &shown["instances"][0]["status"]),
        (&json!(billing.url()), &json!("passing"))
    );
    let table = host.done(&["services"]);
    assert!(table.contains("external of shop") && table.contains("passing"), "{table}");
    let refused = consul.put("/agent/service/deregister/external:billing", &Value::Null).await;
    assert_eq!(refused.status, 403, "{refused:?}");
    host.deploy_manifest(&external("shop", "mail", &billing.url()));
    assert_eq!(ids(&consul.get("/health/service/billing").await.json()), [""; 0]);
    assert!(outside(&host, "billing").is_none() && outside(&host, "mail").is_some());
}

#[tokio::test]
async fn a_name_leads_to_two_places() {
    let (host, consul) = start(&[]);
    host.deploy("users", "1.0.0", &fixture("echo"), &[]);
    let refusal = |text: &str| {
        let path = host.file("holm.toml", text);
        let output = host.cli(&["deploy", &path]);
        assert_eq!(output.status.code(), Some(1));
        stderr(&output)
    };
    let taken = refusal(&external("shop", "users", "http://127.0.0.1:1"));
    assert!(taken.contains("`users` is a service of this host"), "{taken}");
    host.deploy_manifest(&external("shop", "billing", "http://127.0.0.1:1"));
    let taken = refusal(&external("clinic", "billing", "http://127.0.0.1:1"));
    assert!(taken.contains("of app `shop` is claimed by app `clinic` too"), "{taken}");
    let taken = refusal(&manifest("billing", &fixture("echo"), ""));
    assert!(taken.contains("`billing` is a service of this host and an [[external]] of app `shop`"), "{taken}");
    let taken = consul.put("/agent/service/register", &json!({ "Name": "billing" })).await;
    assert!(taken.status == 403 && taken.body.contains("an [[external]]"), "{taken:?}");
}

#[tokio::test]
async fn an_external_is_lost_when_the_host_restarts() {
    let (host, consul) = start(&[]);
    host.deploy_manifest(&external("shop", "billing", "http://127.0.0.1:1"));
    assert_eq!(ids(&consul.get("/health/service/billing").await.json()), ["external:billing"]);
    let host = Host::start_in(host.kill(), &[]);
    assert!(outside(&host, "billing").is_some());
}

#[tokio::test]
async fn what_clients_registered_is_not_listed() {
    let (host, consul) = start(&[]);
    host.deploy("hello", "1.0.0", &fixture("echo"), &[]);
    let users = Outside::start().await;
    consul.register(users.registration("users", "users-1")).await;
    consul.until_passing("users", &["users-1"]).await;
    let table = host.done(&["services"]);
    let line = table.lines().find(|line| line.starts_with("users")).unwrap_or_else(|| panic!("{table}"));
    for word in ["registered", "users-1", &users.url(), "passing"] {
        assert!(line.contains(word), "{line}");
    }
    assert_eq!(host.service("hello")["kind"], "holm");
}

#[tokio::test]
async fn a_health_check_of_a_refused_port_is_not_told_or_disturbs_others() {
    let (host, consul) = start(&[]);
    let well = Outside::start().await;
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let section = |name: &str, url: &str| external("shop", name, url).replace("[app]\nname = \"shop\"\n", "");
    let dead = section("dead", &format!("http://127.0.0.1:{port}"));
    host.deploy_manifest(&(external("shop", "billing", &well.url()) + &dead));
    consul.until_passing("billing", &["external:billing"]).await;
    let told = || outside(&host, "dead").unwrap()["instances"][0]["checks"][0]["output"].as_str().unwrap().to_owned();
    let end = std::time::Instant::now() + PATIENCE;
    while told().is_empty() {
        assert!(std::time::Instant::now() < end, "the check was never asked");
    }
    assert!(told().contains("Connection refused"), "{}", told());
    let table = host.done(&["services"]);
    assert!(table.contains("critical") && table.contains("Connection refused"), "{table}");
    assert_eq!(consul.passing("dead").await, [""; 0]);
    let metrics = async || Client::new(&host.admin).get("/metrics").await.body;
    let text = metrics().await;
    for series in [
        r#"holm_discovery_instances{service="billing",state="passing"} 1"#,
        r#"holm_discovery_instances{service="dead",state="critical"} 1"#,
        r#"holm_discovery_checks_total{result="critical"} "#,
        r#"holm_discovery_checks_total{result="passing"} "#,
    ] {
        assert!(text.contains(series), "{series} is not in\n{text}");
    }
    host.deploy_manifest(&external("shop", "billing", &well.url()));
    let text = metrics().await;
    assert!(!text.contains("dead"), "{text}");
}
