//! How instances come into rotation and leave it.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Outside, start};

#[tokio::test]
async fn an_instance_whose_check_fails_stays_in_rotation() {
    let (_host, consul) = start(&[]);
    let (one, two) = (Outside::start().await, Outside::start().await);
    consul.register(one.registration("users", "one")).await;
    consul.register(two.registration("users", "two")).await;
    consul.until_passing("users", &["one", "two"]).await;
    let output = consul.check("one").await["Output"].as_str().unwrap().to_owned();
    assert_eq!(output, format!("GET {}/health: 200 OK Output: well", one.url()));
    one.answer(503);
    consul.until_passing("users", &["two"]).await;
    one.answer(200);
    consul.until_passing("users", &["one", "two"]).await;
    two.answer(429);
    consul.until_passing("users", &["one"]).await;
    assert_eq!(consul.check("two").await["Status"], "warning");
    drop(one);
    consul.until_passing("users", &[]).await;
}

#[tokio::test]
async fn a_check_of_a_refused_port_has_no_reason() {
    let (_host, consul) = start(&[]);
    let port = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap().port()
    };
    let tcp = json!({ "TCP": format!("127.0.0.1:{port}"), "Interval": "1s" });
    let http = json!({ "HTTP": format!("http://127.0.0.1:{port}/"), "Interval": "1s" });
    consul.register(json!({ "Name": "dead", "ID": "tcp", "Check": tcp })).await;
    consul.register(json!({ "Name": "dead", "ID": "http", "Check": http })).await;
    for id in ["tcp", "http"] {
        let output = output_of(&consul, id).await;
        assert!(output.contains("Connection refused"), "{output}");
    }
    assert_eq!(consul.passing("dead").await, [""; 0]);
}

/// What the first answer of a check said.
async fn output_of(consul: &super::Consul, id: &str) -> String {
    loop {
        let check = consul.check(id).await;
        match check["Output"].as_str().unwrap() {
            "" => tokio::time::sleep(Duration::from_millis(20)).await,
            output => return output.to_owned(),
        }
    }
}

#[tokio::test]
async fn a_check_reaches_what_the_host_may_not() {
    let (_host, consul) = start(&[]);
    let check = |url: &str| json!({ "HTTP": url, "Interval": "1s", "Timeout": "2s" });
    for (id, url) in [("metadata", "http://169.254.169.254/latest"), ("other", "http://192.0.2.1:80/")] {
        consul.register(json!({ "Name": "probe", "ID": id, "Check": check(url) })).await;
        let output = output_of(&consul, id).await;
        assert!(output.contains("is not at an address that checks may reach"), "{output}");
    }
}

#[tokio::test]
async fn a_check_follows_a_redirect() {
    let (_host, consul) = start(&[]);
    let other = Outside::start().await;
    let location = format!("location: http://127.0.0.1:{}/\r\ncontent-length: 0\r\n\r\n", other.port);
    let moved = Outside::answering(location.leak()).await;
    moved.answer(302);
    consul.register(moved.registration("users", "moved")).await;
    let output = output_of(&consul, "moved").await;
    assert!(output.contains("302 Found"), "{output}");
    assert_eq!((other.hits(), consul.passing("users").await.len()), (0, 0));
}

#[tokio::test]
async fn an_answer_without_end_fills_the_memory() {
    let (_host, consul) = start(&[]);
    let endless = Outside::answering(format!("content-length: 9999999\r\n\r\n{}", "x".repeat(1 << 20)).leak()).await;
    consul.register(endless.registration("users", "endless")).await;
    consul.until_passing("users", &["endless"]).await;
    assert!(output_of(&consul, "endless").await.len() <= 4096);
}

#[tokio::test]
async fn an_instance_that_falls_silent_or_stays_critical_is_kept_for_ever() {
    let (_host, consul) = start(&[]);
    let check = json!({ "TTL": "300ms", "DeregisterCriticalServiceAfter": "300ms" });
    consul.register(json!({ "Name": "worker", "Check": check })).await;
    assert_eq!(consul.put("/agent/check/pass/service:worker", &Value::Null).await.status, 200);
    assert_eq!(consul.passing("worker").await, ["worker"]);
    consul.until_passing("worker", &[]).await;
    while consul.get("/agent/service/worker").await.status != 404 {
        assert_eq!(consul.check("worker").await["Output"].as_str().unwrap_or("TTL expired"), "TTL expired");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(consul.get("/catalog/services").await.json(), json!({}));
}
