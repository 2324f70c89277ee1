//! `http://NAME/` under the policy for it, and names of services that are not Wasm.

use std::time::Duration;

use http::Method;
use serde_json::json;

use crate::client::{Answer, Client};
use crate::door::within;
use crate::outgoing::ask;
use crate::outside::Outside;
use crate::process::{Host, fixture, manifest, stderr};

const WELL: &str = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nwell";
const BUSY: &str = "HTTP/1.1 503 Busy\r\ncontent-length: 4\r\n\r\nbusy";

/// A host with discovery, and with the fixture `relay` as `a`, which may ask these names.
fn serve(names: &[&str], settings: &str) -> (Host, Client) {
    let host = Host::start_in(tempfile::tempdir().unwrap(), &["--discovery", "127.0.0.1:0"]);
    deploy(&host, "a", "relay", names, settings);
    let client = Client::new(&host.gateway);
    (host, client)
}

fn deploy(host: &Host, service: &str, component: &str, names: &[&str], settings: &str) {
    let settings = format!("grants = {{ services = {names:?} }}\n{settings}\n");
    // another component needs another version
    let text = manifest(service, &fixture(component), &settings).replace("1.0.0", &format!("1.0.0-{component}"));
    host.deploy_manifest(&text);
}

async fn register(host: &Host, name: &str, id: &str, outside: &Outside) {
    let registration = json!({ "Name": name, "ID": id, "Address": "127.0.0.1", "Port": outside.port }).to_string();
    let consul = Client::new(host.discovery.as_ref().unwrap());
    let answer = consul.send(Method::PUT, "/v1/agent/service/register", &registration).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

fn requests(outside: &Outside, method: &str) -> usize {
    outside.bytes().matches(&format!("{method} /")).count()
}

async fn told(client: &Client, path: &str) -> (u16, String) {
    let Answer { status, body, .. } = client.get(path).await;
    (status.as_u16(), body)
}

fn external(name: &str, url: &str, rest: &str) -> String {
    format!("[app]\nname = \"outside\"\n[[external]]\nname = \"{name}\"\nurl = \"{url}\"\n{rest}")
}

#[tokio::test]
async fn a_service_that_is_not_wasm_is_not_found_under_its_name() {
    let (host, client) = serve(&["billing", "mail", "nobody"], "");
    deploy(&host, "none", "relay", &[], "");
    let (billing, mail) = (Outside::start(WELL).await, Outside::start(WELL).await);
    host.deploy_manifest(&external("billing", &billing.url("/v1"), ""));
    register(&host, "mail", "mail-1", &mail).await;
    assert_eq!(told(&client, "/a/billing/invoices?id=7").await, (200, "well".into()));
    assert_eq!(told(&client, "/a/mail.holm/").await, (200, "well".into()));
    let seen = billing.bytes();
    assert!(seen.starts_with("GET /v1/invoices?id=7 HTTP/1.1\r\n"), "{seen}");
    assert!(seen.contains("x-holm-caller: a\r\n") && !seen.contains("somebody"), "{seen}");
    assert!(seen.contains(&format!("host: 127.0.0.1:{}\r\n", billing.port)), "{seen}");
    assert_eq!(told(&client, "/none/billing/").await, (502, "ErrorCode::HttpRequestDenied".into()));
    assert!(told(&client, "/a/nobody/").await.1.contains("DnsError"));
}

#[tokio::test]
async fn a_rule_of_the_gateway_cannot_lead_to_a_service_that_is_not_wasm() {
    let (host, client) = serve(&[], "");
    let billing = Outside::start(WELL).await;
    let rule = |service: &str| {
        format!(
            "[[gateway.route]]\npath = \"/api/bills/{{*rest}}\"\nrewrite = \"/{{rest}}\"\nservice = \"{service}\"\n"
        )
    };
    host.deploy_manifest(&external("billing", &billing.url("/v1"), &rule("billing")));
    let forged = [("x-holm-caller", "somebody")];
    let answer = client.try_send_with(Method::POST, "/api/bills/7?a=b", &forged, "{}").await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, "well"));
    let seen = billing.bytes();
    assert!(seen.starts_with("POST /v1/7?a=b HTTP/1.1\r\n") && seen.contains("traceparent: "), "{seen}");
    assert!(!seen.contains("somebody"), "{seen}");
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    host.deploy_manifest(&external("billing", &format!("http://{closed}"), &rule("billing")));
    let answer = client.get("/api/bills/7").await;
    assert_eq!((answer.status.as_u16(), answer.fault().as_str()), (503, "no-service"));
    let path = host.file("wrong.toml", external("billing", "http://127.0.0.1:1", &rule("biling")));
    let refused = host.cli(&["deploy", &path]);
    assert!(stderr(&refused).contains("did you mean `billing`"), "{}", stderr(&refused));
}

#[tokio::test]
async fn an_instance_that_fails_is_asked_again_and_again() {
    let (host, client) = serve(&["mail"], "");
    let (busy, well) = (Outside::start(BUSY).await, Outside::start(WELL).await);
    register(&host, "mail", "mail-1", &busy).await;
    register(&host, "mail", "mail-2", &well).await;
    for _ in 0..30 {
        assert_eq!(told(&client, "/a/mail/").await, (200, "well".into()));
    }
    let asked = requests(&busy, "GET");
    assert!((1..=5).contains(&asked), "the one that fails was asked {asked} times");
}

/// A POST may have done its work before it failed; a PUT says the same twice.
#[tokio::test]
async fn a_request_is_repeated_that_must_not_be_or_without_its_body() {
    let (host, client) = serve(&[], "");
    let retry = "retry = { attempts = 2, backoff = \"1ms\" }";
    deploy(&host, "s", "outgoing", &["mail"], retry);
    // it answers when the body is there, too
    let busy = Outside::start_slow(BUSY, Duration::from_millis(50)).await;
    register(&host, "mail", "mail-1", &busy).await;
    for (method, body, times) in [("GET", None, 2), ("POST", Some("post"), 1), ("PUT", Some("puts"), 2)] {
        let body = body.into_iter().flat_map(|body| [("body", body), ("length", "4")]);
        let parameters: Vec<_> = [("url", "http://mail/"), ("method", method)].into_iter().chain(body).collect();
        assert_eq!(ask(&client, "s", &parameters).await, "status 503 4 bytes");
        assert_eq!(requests(&busy, method), times, "{method}");
    }
    let seen = busy.bytes();
    assert_eq!(seen.matches("puts").count(), 2, "{seen}");
}

#[tokio::test]
async fn a_service_that_fails_is_asked_for_ever_by_its_name() {
    let calls = "[service.a.calls.b]\nretry = { attempts = 1 }\n\
                 breaker = { volume_threshold = 4, reset_timeout = \"300ms\" }\n";
    let (host, client) = serve(&["b"], calls);
    deploy(&host, "b", "trap", &[], "");
    for _ in 0..4 {
        let (status, body) = told(&client, "/a/b/").await;
        assert!(status == 502 && body.contains("urn:holm:fault:trap"), "{status} {body}");
    }
    let (status, body) = told(&client, "/a/b/").await;
    assert!(status == 503 && body.contains("urn:holm:fault:overload"), "{status} {body}");
    assert_eq!(host.service("b")["requests"], 4);
    deploy(&host, "b", "relay", &[], "");
    let well = (200, "a".to_owned());
    within(async {
        while told(&client, "/a/b/").await != well {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn nobody_stands_in_for_a_service_that_is_gone_or_slow() {
    let calls = "[service.a.calls.b]\ntimeout = \"200ms\"\nfallback = { service = \"c\" }\n";
    let (host, client) = serve(&["b"], calls);
    deploy(&host, "c", "relay", &[], "");
    assert_eq!(told(&client, "/a/b/").await, (200, "a".into()), "nobody of this name is there");
    deploy(&host, "b", "sleep", &[], "");
    assert_eq!(told(&client, "/a/b/?ms=1").await, (200, "slept\n".into()));
    assert_eq!(told(&client, "/a/b/").await, (200, "a".into()), "it sleeps for a second");
}
