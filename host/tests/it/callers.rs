//! Who calls whom, as `holm calls`, `holm services` and `/metrics` tell it.

use serde_json::{Value, json};

use crate::calls::{serve, told};
use crate::client::Client;
use crate::door::PATIENCE;
use crate::process::{Host, fixture, manifest};

/// The lines of a caller whose breaker opens at the first failure and stays open for this long.
fn breaker(reset_timeout: &str) -> String {
    format!(
        "[service.caller.calls.\"fixtures:calls/ledger\"]\ntimeout = \"100ms\"\n\
         breaker = {{ error_threshold = 10, volume_threshold = 2, reset_timeout = \"{reset_timeout}\" }}\n"
    )
}

/// The one line of `holm calls`.
fn line(host: &Host) -> Value {
    let lines: Vec<Value> = serde_json::from_str(&host.done(&["calls", "--json"])).unwrap();
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines[0].clone()
}

/// One call that is answered, one that is late and opens the breaker, one that is refused.
async fn open_the_breaker(client: &Client) {
    assert_eq!(told(client, "/caller/?balance=ada").await, "None");
    assert_eq!(client.get("/caller/?wait=60000").await.fault(), "deadline");
    assert_eq!(client.get("/caller/?balance=ada").await.fault(), "overload");
}

#[tokio::test]
async fn nobody_finds_out_which_breaker_is_open() {
    let (host, client) = serve(&breaker("60s"));
    let before = line(&host);
    assert_eq!((&before["caller"], &before["service"]), (&json!("caller"), &json!("ledger")));
    assert_eq!((&before["target"], &before["breaker"]), (&json!("fixtures:calls/ledger@1.0.0"), &json!("closed")));
    assert_eq!((&before["calls"], before.get("p50_ms"), before.get("retry_in_ms")), (&json!(0), None, None));
    open_the_breaker(&client).await;
    let after = line(&host);
    assert_eq!((&after["breaker"], &after["error_share"]), (&json!("open"), &json!(0.5)));
    assert!((1..=60_000).contains(&after["retry_in_ms"].as_u64().unwrap()), "{after}");
    for (count, expected) in [("calls", 3), ("failures", 2), ("refused_open", 1), ("refused_full", 0), ("in_flight", 0)]
    {
        assert_eq!(after[count], expected, "{count}: {after}");
    }
    assert!(after["per_second"].as_f64().unwrap() > 0.0 && after["p99_ms"].as_f64().unwrap() >= 50.0, "{after}");
    let table = host.done(&["calls"]);
    assert!(table.contains("ledger fixtures:calls/ledger@1.0.0") && table.contains("open, tries in "), "{table}");
    let services = host.done(&["services"]);
    assert!(services.contains("live, breaker open to ledger"), "{services}");
    assert!(services.contains("live, left alone by caller"), "{services}");
    let service = host.service("caller");
    assert_eq!((&service["state"], &service["breakers"][0]["breaker"]), (&json!("live"), &json!("open")));
}

#[tokio::test]
async fn a_breaker_changes_and_nothing_counts_it() {
    let (host, client) = serve(&breaker("200ms"));
    open_the_breaker(&client).await;
    let end = std::time::Instant::now() + PATIENCE;
    while client.get("/caller/?balance=ada").await.status != 200 {
        assert!(std::time::Instant::now() < end, "it never closed: {}", line(&host));
    }
    assert_eq!(line(&host)["breaker"], "closed");
    assert!(!host.done(&["services"]).contains("breaker"));
    let metrics = Client::new(&host.admin).get("/metrics").await.body;
    let labels = r#"caller="caller",target="fixtures:calls/ledger@1.0.0""#;
    for series in [
        format!("holm_breaker_state{{{labels}}} 0"),
        format!(r#"holm_breaker_changes_total{{{labels},state="open"}} 1"#),
        format!(r#"holm_breaker_changes_total{{{labels},state="half-open"}} 1"#),
        format!(r#"holm_breaker_changes_total{{{labels},state="closed"}} 1"#),
        format!(r#"holm_calls_total{{{labels},outcome="ok"}} 2"#),
        format!(r#"holm_calls_total{{{labels},outcome="timeout"}} 1"#),
        format!(r#"holm_call_duration_seconds_bucket{{le="+Inf",{labels}}} "#),
    ] {
        assert!(metrics.contains(&series), "{series} is not in\n{metrics}");
    }
}

#[tokio::test]
async fn a_service_that_was_removed_comes_back_with_an_open_breaker() {
    let (host, client) = serve(&breaker("60s"));
    open_the_breaker(&client).await;
    host.done(&["remove", "caller"]);
    assert_eq!(host.done(&["calls", "--json"]).trim(), "[]");
    let metrics = Client::new(&host.admin).get("/metrics").await.body;
    assert!(!metrics.contains(r#"caller="caller""#), "{metrics}");
    host.deploy_manifest(&manifest("caller", &fixture("caller"), &breaker("60s")));
    let line = line(&host);
    assert_eq!((&line["breaker"], &line["calls"]), (&json!("closed"), &json!(0)));
    assert_eq!(told(&client, "/caller/?balance=ada").await, "None");
}

#[tokio::test]
async fn a_deployment_forgets_what_was_learnt_of_a_target() {
    let (host, client) = serve(&breaker("60s"));
    open_the_breaker(&client).await;
    let same =
        manifest("caller", &fixture("caller"), &format!("reuse = 7\n{}", breaker("60s"))).replace("1.0.0\"", "1.0.1\"");
    host.deploy_manifest(&same);
    assert_eq!((&host.service("caller")["version"], &line(&host)["breaker"]), (&json!("1.0.1"), &json!("open")));
}
