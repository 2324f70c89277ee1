//! `holm events` and `holm state`, and who may use them.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::under_test::PATIENCE;
use crate::client::Client;
use crate::process::{Host, fixture, holm, manifest, stderr, stdout};

/// Polls what a command prints.
fn until(host: &Host, arguments: &[&str], holds: impl Fn(&str) -> bool) -> String {
    let end = Instant::now() + PATIENCE;
    loop {
        let told = host.done(arguments);
        if holds(&told) {
            return told;
        }
        assert!(Instant::now() < end, "{arguments:?}: {told}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn somebody_who_looks_on_does_not_see_what_is_published() {
    let host = Host::start();
    let url = format!("http://{}", host.admin);
    let mut tail = holm(host.dir.path())
        .args(["events", "tail", "orders.>", "--json", "--admin-url", &url])
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(tail.stdout.take().unwrap()).lines();
    let seen = std::thread::spawn(move || lines.next().unwrap().unwrap());
    // he sees what comes after he has come: the first that he sees tells that he is there
    let data = host.dir.path().join(".holm");
    let elsewhere = ["events", "publish", "users.created", "not for him", "--data", data.to_str().unwrap()];
    let end = Instant::now() + PATIENCE;
    while !seen.is_finished() {
        assert!(Instant::now() < end, "nothing was seen");
        let publish = ["events", "publish", "orders.created", "hello \u{7}", "--key", "o-1", "--header", "x-a: b: c"];
        let id = host.done(&publish);
        assert!(id.trim().contains('-'), "{id}");
        host.done(&elsewhere);
        std::thread::sleep(Duration::from_millis(20));
    }
    tail.kill().unwrap();
    tail.wait().unwrap();
    let event: serde_json::Value = serde_json::from_str(&seen.join().unwrap()).unwrap();
    assert_eq!((&event["subject"], &event["data"]), (&"orders.created".into(), &"hello \u{7}".into()), "{event:#}");
    assert_eq!((&event["key"], &event["source"]), (&"o-1".into(), &"admin".into()));
    assert_eq!(event["headers"], serde_json::json!([["x-a", "b: c"]]));
    let streams = host.done(&["events", "streams"]);
    assert!(streams.starts_with("STREAM") && streams.contains("events"), "{streams}");
    let audit = host.done(&["audit"]);
    assert!(audit.contains("read"), "{audit}");
}

#[test]
fn an_event_that_is_none_is_published_from_outside() {
    let host = Host::start();
    let refused = |arguments: &[&str], code: i32, expected: &str| {
        let output = host.cli(&[&["events", "publish"], arguments].concat());
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(expected), "{expected}: {}", stderr(&output));
    };
    refused(&["orders.*", "x"], 2, "`*` and `>` stand in patterns");
    refused(&["a b", "x"], 2, "a space or a control character");
    refused(&["$SYS.x", "x"], 1, "belong to the broker and to Holm");
    refused(&["_holm.x", "x"], 1, "belong to the broker and to Holm");
    refused(&["a", "x", "--header", "Nats-Msg-Id: 1"], 1, "cannot be set");
    refused(&["a", "x", "--header", "none"], 2, "name: value");
    refused(&["a", "@nowhere"], 1, "nowhere cannot be read");
    let large = host.file("large", vec![0xff; (960 << 10) + 1]);
    refused(&["a", &format!("@{large}")], 1, "983041 bytes of payload and headers; 960KiB are allowed");
    let most = host.file("most", vec![0xff; 960 << 10]);
    host.done(&["events", "publish", "a", &format!("@{most}")]);
    assert!(host.done(&["events", "streams", "--json"]).contains("\"events\": 1"));
}

#[test]
fn what_a_service_keeps_cannot_be_seen_or_carried_to_another_host() {
    let host = Host::start();
    host.deploy_manifest(&manifest("h", &fixture("handler"), "[[service.h.subscribe]]\nsubject = \"orders.*\"\n"));
    host.done(&["events", "publish", "orders.created", "set=a/1 set=a/2 set=b/1 set=größe"]);
    let keys = until(&host, &["state", "ls", "h"], |keys| keys.contains("größe"));
    assert!(keys.lines().count() >= 7 && keys.contains("count/orders.created"), "{keys}");
    assert_eq!(host.done(&["state", "ls", "h", "a/"]), "a/1\na/2\n");
    assert_eq!(host.done(&["state", "get", "h", "größe"]), "set");
    assert!(stderr(&host.cli(&["state", "get", "h", "none"])).contains("keeps nothing under that key"));
    let export = host.done(&["state", "export", "h"]);
    let file = host.file("export.jsonl", &export);

    let other = Host::start();
    let told = other.done(&["state", "import", "h", &file]);
    assert_eq!(told, format!("{} keys of h are set\n", keys.lines().count()));
    assert_eq!(other.done(&["state", "export", "h"]), export);
    let audit = other.done(&["audit", "--json"]);
    for part in [r#""action":"read""#, r#""action":"change""#, r#""service":"h""#] {
        assert!(audit.replace(": ", ":").contains(part), "{part}: {audit}");
    }
    let broken = other.file("broken.jsonl", "{\"bucket\":\"\",\"key\":\"k\",\"value\":\"YQ==\"}\n{\"bucket\":\"\"}\n");
    let refused = other.cli(&["state", "import", "h", &broken]);
    assert!(stderr(&refused).contains("line 2 cannot be read"), "{}", stderr(&refused));
    assert!(!other.cli(&["state", "get", "h", "k"]).status.success(), "half of it was imported");
}

#[test]
fn a_large_state_breaks_off_on_its_way() {
    let (host, other) = (Host::start(), Host::start());
    let line = |n: u32, size: usize| {
        format!("{{\"bucket\":\"\",\"key\":\"k{n:04}\",\"value\":\"{}\"}}\n", "QUFB".repeat(size / 3))
    };
    let mut lines: String = (0..300).map(|n| line(n, 12_000)).collect();
    lines.push_str(&line(9999, 3_000_000));
    let file = host.file("large.jsonl", &lines);
    assert_eq!(host.done(&["state", "import", "h", &file]), "301 keys of h are set\n");
    let export = host.done(&["state", "export", "h"]);
    assert_eq!(export, lines);
    assert_eq!(other.done(&["state", "import", "h", &host.file("again.jsonl", &export)]), "301 keys of h are set\n");
    assert_eq!(other.done(&["state", "get", "h", "k9999"]).len(), 3_000_000);
}

#[tokio::test]
async fn a_token_that_may_look_reads_the_data_of_people() {
    let host = Host::start();
    let client = Client::new(&host.admin);
    let bearer = format!("Bearer {}", host.done(&["token", "new", "--scope", "read"]).trim());
    let ask = async |path: &str| {
        let headers = [("authorization", bearer.as_str())];
        client.try_send_with(http::Method::GET, path, &headers, "").await.unwrap().status.as_u16()
    };
    for path in ["/api/events/streams", "/api/events/consumers", "/api/events/dead-letters"] {
        assert_eq!(ask(path).await, 200, "{path}");
    }
    let closed = ["/api/state/h", "/api/state/h/export", "/api/state/h/value?key=a", "/api/events/tail?subject=%3E"];
    for path in closed.into_iter().chain(["/api/events/dead-letters/1-0"]) {
        assert_eq!(ask(path).await, 403, "{path}");
    }
    assert_eq!(client.get("/api/state/h").await.status.as_u16(), 401);
    let readyz = client.get("/readyz").await;
    assert_eq!(readyz.body, "ready\n");
    let wrong = host.cli(&["events", "consumers", "--json"]);
    assert_eq!(stdout(&wrong).trim(), "[]");
}
