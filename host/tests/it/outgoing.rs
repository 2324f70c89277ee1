//! What a guest reaches outside, and what of its words goes over the wire.

use std::fmt::Write;
use std::time::Duration;

use crate::client::{Answer, Client};
use crate::door::until;
use crate::outside::{EMPTY, Outside};
use crate::process::{Host, fixture, manifest};

/// A host with the fixture as `s`, which may reach `grants`, with further lines for its section.
fn serve(grants: &[&str], more: &str) -> (Host, Client) {
    let host = Host::start();
    deploy(&host, "s", grants, more);
    let client = Client::new(&host.gateway);
    (host, client)
}

fn deploy(host: &Host, service: &str, grants: &[&str], more: &str) {
    let settings = format!("grants = {{ http = {grants:?} }}\n{more}\n");
    host.deploy_manifest(&manifest(service, &fixture("outgoing"), &settings));
}

/// Lets a service ask for a URL, with further parameters of the fixture.
pub(crate) async fn ask(client: &Client, service: &str, parameters: &[(&str, &str)]) -> String {
    let mut path = format!("/{service}/?");
    for (name, value) in parameters {
        write!(path, "{name}=").unwrap();
        value.bytes().for_each(|byte| write!(path, "%{byte:02X}").unwrap());
        path.push('&');
    }
    let Answer { status, body, .. } = client.get(&path).await;
    assert_eq!(status, 200, "{body}");
    body.trim_end().to_owned()
}

async fn get(client: &Client, url: &str) -> String {
    ask(client, "s", &[("url", url)]).await
}

/// A number of `/metrics`, 0 if it is not there.
pub(crate) async fn metric(host: &Host, series: &str) -> u64 {
    let admin = Client::new(&host.admin);
    let bearer = format!("Bearer {}", host.token());
    let answer = admin.try_send_with(http::Method::GET, "/metrics", &[("authorization", &bearer)], "").await.unwrap();
    assert_eq!(answer.status, 200);
    let line = answer.body.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')).map(str::to_owned);
    line.map_or(0, |number| number.parse().unwrap())
}

#[tokio::test]
pub(crate) async fn a_guest_calls_where_it_was_not_let() {
    let outside = Outside::start(EMPTY).await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (open, post) = (outside.url("/open/"), format!("POST {}", outside.url("/posts/")));
    let elsewhere = format!("http://{closed}/");
    let (host, client) = serve(
        &[
            &open,
            &post,
            &elsewhere,
            "http://inventory/",
            "http://inventory.holm/",
            "http://*.internal/",
            "http://[::1]:9/",
        ],
        "",
    );
    deploy(&host, "none", &[], "");
    let port = outside.port;
    for (service, url, told) in [
        ("s", outside.url("/open/door?x=1"), "status 204"),
        ("s", outside.url("/other"), "HttpRequestDenied"),
        ("s", outside.url("/open/../other"), "HttpRequestDenied"),
        ("s", outside.url("/open/%2e%2e/other"), "HttpRequestDenied"),
        ("s", outside.url("/posts/"), "HttpRequestDenied"),
        ("s", format!("http://127.1:{port}/open/"), "HttpRequestDenied"),
        ("s", format!("http://2130706433:{port}/open/"), "HttpRequestDenied"),
        ("s", format!("http://0x7f.1:{port}/open/"), "HttpRequestDenied"),
        ("s", format!("http://[::ffff:127.0.0.1]:{port}/open/"), "HttpRequestDenied"),
        ("s", format!("http://127.0.0.1:{port}@example.com/open/"), "HttpRequestDenied"),
        ("s", format!("http://example.com@127.0.0.1:{port}/open/"), "HttpRequestDenied"),
        ("s", format!("http://localhost:{port}/open/door"), "HttpRequestDenied"),
        ("s", format!("https://127.0.0.1:{port}/open/door"), "HttpRequestDenied"),
        ("s", format!("http://{closed}/"), "ConnectionRefused"),
        // names of services: they are granted in their own list, and never reach DNS
        ("s", "http://inventory/stock".to_owned(), "HttpRequestDenied"),
        ("s", "http://inventory.holm/stock".to_owned(), "HttpRequestDenied"),
        ("none", outside.url("/open/door"), "HttpRequestDenied"),
        ("none", "http://example.com/".to_owned(), "HttpRequestDenied"),
    ] {
        let answer = ask(&client, service, &[("url", &url)]).await;
        assert!(answer.contains(told), "{url}: {answer}");
    }
    let posted = ask(&client, "s", &[("url", &outside.url("/posts/")), ("method", "POST"), ("body", "x")]).await;
    assert!(posted.contains("status 204"), "{posted}");
    let tunnel = ask(&client, "s", &[("url", &open), ("method", "CONNECT")]).await;
    assert!(tunnel.contains("HttpRequestDenied"), "{tunnel}");

    let seen = outside.bytes().to_ascii_lowercase();
    assert_eq!(seen.matches("http/1.1\r\n").count(), 2, "{seen}");
    assert!(seen.starts_with("get /open/door?x=1 http/1.1\r\n"), "{seen}");
    assert!(metric(&host, r#"holm_outgoing_denied_total{service="s",revision="1",reason="grant"}"#).await >= 12);
    let told = |line: &serde_json::Value| line["message"].as_str().unwrap().contains("no grant in grants.http");
    assert!(host.log("s").iter().any(told), "{:?}", host.log("s"));
}

#[tokio::test]
pub(crate) async fn a_name_that_was_granted_leads_inside() {
    let outside = Outside::start(EMPTY).await;
    let name = format!("http://localhost:{}/", outside.port);
    // a wildcard that no look-up of this machine answers from outside
    let (host, client) = serve(&[&name, "http://*.localhost/", "http://169.254.169.254./"], "");
    assert!(get(&client, &name).await.contains("status 204"));
    let upper = format!("http://LocalHost.:{}/", outside.port);
    assert!(get(&client, &upper).await.contains("status 204"));
    let seen = outside.bytes().to_ascii_lowercase();
    assert_eq!(seen.matches(&format!("host: localhost:{}\r\n", outside.port)).count(), 2, "{seen}");
    let answer = get(&client, "http://inside.localhost/").await;
    assert!(answer.contains("DestinationIpProhibited") || answer.contains("DnsError"), "{answer}");
    if answer.contains("DestinationIpProhibited") {
        let series = r#"holm_outgoing_denied_total{service="s",revision="1",reason="address"}"#;
        assert_eq!(metric(&host, series).await, 1);
    }
}

#[tokio::test]
pub(crate) async fn a_service_has_more_requests_under_way_than_it_may() {
    let outside = Outside::start_slow(EMPTY, Duration::from_millis(300)).await;
    let (host, client) = serve(&[&outside.url("/")], "limits = { outgoing = 2 }");
    let url = outside.url("/");
    for round in 1..=2 {
        let told = ask(&client, "s", &[("url", &url), ("times", "5")]).await;
        assert_eq!(told.matches("status 204").count(), 2, "places must come back: {told}");
        assert_eq!(told.matches("ConnectionLimitReached").count(), 3, "{told}");
        let series = r#"holm_outgoing_denied_total{service="s",revision="1",reason="limit"}"#;
        assert_eq!(metric(&host, series).await, 3 * round);
    }
    assert!(outside.connections().len() <= 4, "{:?}", outside.connections());
}

#[tokio::test]
pub(crate) async fn an_answer_from_outside_is_larger_or_slower_than_it_may_be() {
    let large = format!("HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n{}", "x".repeat(100_000));
    let (large, half) =
        (Outside::start(&large).await, Outside::start("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf").await);
    let silent = Outside::start("").await;
    let grants = [large.url("/"), half.url("/"), silent.url("/")];
    let grants: Vec<_> = grants.iter().map(String::as_str).collect();
    let (host, client) = serve(&grants, "timeout = \"2s\"\nlimits = { outgoing_body = \"64KiB\" }");
    let told = get(&client, &large.url("/")).await;
    assert!(told.contains("error"), "{told}");
    assert_eq!(metric(&host, r#"holm_outgoing_denied_total{service="s",revision="1",reason="size"}"#).await, 1);
    let told = |line: &serde_json::Value| line["message"].as_str().unwrap().contains("limits.outgoing_body");
    assert!(host.log("s").iter().any(told), "{:?}", host.log("s"));
    // what hangs holds the guest no longer than its own time
    for outside in [&half, &silent] {
        let answer = client.get(&format!("/s/?url={}", outside.url("/"))).await;
        assert!(answer.status == 504 || answer.body.contains("HttpResponseTimeout"), "{}", answer.body);
    }
    until("the end of what hangs", || silent.connections().iter().all(|connection| connection.ended)).await;
}

#[tokio::test]
pub(crate) async fn a_redirect_leads_out_of_the_grants() {
    let inside = Outside::start(EMPTY).await;
    let location = format!("HTTP/1.1 302 Found\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n", inside.url("/secret"));
    let outside = Outside::start(&location).await;
    let (_host, client) = serve(&[&outside.url("/")], "");
    assert_eq!(get(&client, &outside.url("/")).await, "status 302 0 bytes");
    assert!(inside.connections().is_empty());
}

#[tokio::test]
async fn a_proxy_of_the_environment_sees_what_services_send() {
    let (proxy, outside) = (Outside::start(EMPTY).await, Outside::start(EMPTY).await);
    let url = proxy.url("");
    let names = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    let host = Host::start_with_env(&names.map(|name| (name, url.as_str())));
    deploy(&host, "s", &[&outside.url("/")], "");
    assert!(get(&Client::new(&host.gateway), &outside.url("/")).await.contains("status 204"));
    assert!(proxy.connections().is_empty() && outside.connections().len() == 1);
}

#[tokio::test]
pub(crate) async fn a_guest_smuggles_what_it_must_not_say() {
    let outside = Outside::start(EMPTY).await;
    let (_host, client) = serve(&[&outside.url("/")], "");
    let url = outside.url("/");
    for header in [
        "host:evil.test",
        "Host:evil.test",
        "connection:upgrade",
        "keep-alive:timeout=1",
        "transfer-encoding:chunked",
        "upgrade:h2c",
        "http2-settings:x",
        "proxy-connection:close",
        "proxy-authorization:x",
        ":authority:evil.test",
        "x-a:b\r\nx-evil: 1",
        "x-a:b\nx-evil: 1",
        "x-a:b\0",
        "x-a\r\nx-evil:1",
        "x a:1",
        "content-length:+4",
        "content-length:4, 4",
    ] {
        let told = ask(&client, "s", &[("url", &url), ("header", header), ("body", "body")]).await;
        assert!(told.contains("refused") || told.contains("error"), "{header:?}: {told}");
    }
    for (name, value) in [
        ("url", format!("{url}a HTTP/1.1\r\nx-evil: 1\r\n\r\n")),
        ("url", outside.url("").replacen("127", "evil.test\r\nx-evil: 1\r\n127", 1)),
        ("method", "GET /evil HTTP/1.1\r\nx-evil: 1\r\n\r\nGET".to_owned()),
    ] {
        let told = ask(&client, "s", &[(name, &value), ("url", &url)]).await;
        assert!(told.contains("refused") || told.contains("error"), "{value:?}: {told}");
    }
    assert_eq!(outside.bytes(), "", "nothing of that may go out");
    let told = ask(&client, "s", &[("url", &url), ("header", "te:gzip")]).await;
    assert!(told.contains("status 204"), "{told}");
    assert!(!outside.bytes().to_ascii_lowercase().contains("\nte:"), "{}", outside.bytes());
}

#[tokio::test]
pub(crate) async fn a_body_of_a_wrong_length_becomes_the_next_request() {
    let outside = Outside::start("").await;
    let (_host, client) = serve(&[&outside.url("/")], "timeout = \"1s\"");
    let url = outside.url("/");
    let smuggled = "0123456789GET /evil HTTP/1.1\r\nhost: evil\r\n\r\n";
    for parameters in [
        &[("length", "10"), ("body", "")][..],
        &[("length", "10"), ("body", "half")],
        &[("length", "10"), ("body", "half|")],
        &[("length", "10"), ("body", smuggled)],
        &[("length", "10")],
        &[("length", "10"), ("header", "content-length:49"), ("body", smuggled)],
    ] {
        let mut path = format!("/s/?method=POST&url={url}");
        for (name, value) in parameters {
            write!(path, "&{name}=").unwrap();
            value.bytes().for_each(|byte| write!(path, "%{byte:02X}").unwrap());
        }
        let answer = client.get(&path).await;
        assert!(!answer.body.contains("status 204"), "{parameters:?}: {}", answer.body);
    }
    until("the end of all connections", || outside.connections().iter().all(|connection| connection.ended)).await;
    // a request that is broken off early leaves a connection without a byte
    for connection in outside.connections().into_iter().filter(|connection| !connection.bytes.is_empty()) {
        let (head, body) = connection.bytes.split_once("\r\n\r\n").unwrap_or((&connection.bytes, ""));
        assert!(!body.contains("evil") && body.len() <= 10, "{}", connection.bytes);
        assert_eq!(head.to_ascii_lowercase().matches("content-length").count(), 1, "{head}");
        assert!(!head.to_ascii_lowercase().contains("transfer-encoding"), "{head}");
    }
}

#[tokio::test]
pub(crate) async fn a_request_to_the_outside_leaves_its_trace() {
    let outside = Outside::start(EMPTY).await;
    let (_host, client) = serve(&[&outside.url("/")], "");
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let traceparent = format!("00-{trace}-00f067aa0ba902b7-01");
    let path = format!("/s/?url={}", outside.url("/"));
    let headers = [("traceparent", traceparent.as_str())];
    client.try_send_with(http::Method::GET, &path, &headers, "").await.unwrap();
    let seen = outside.bytes();
    assert!(seen.contains(&format!("traceparent: 00-{trace}-")), "{seen}");
    assert!(!seen.contains("00f067aa0ba902b7"), "the parent is the service, not its client: {seen}");
}
