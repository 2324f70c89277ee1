//! The admin API of a running host, asked over plain sockets.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use serde_json::Value;

use crate::process::{Host, run, stderr};

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    fn detail(&self) -> String {
        self.json()["detail"].as_str().unwrap_or_default().to_owned()
    }
}

/// One request, as it is written on the wire.
fn send(host: &Host, request: &str) -> Answer {
    let mut socket = TcpStream::connect(&host.admin).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    socket.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    socket.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
}

fn ask(host: &Host, method: &str, path: &str, headers: &[&str], body: &str) -> Answer {
    let mut request = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", host.admin);
    for header in headers {
        request += &format!("{header}\r\n");
    }
    request += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
    send(host, &request)
}

/// With the right token.
fn allowed(host: &Host, method: &str, path: &str, body: &str) -> Answer {
    let authorization = format!("Authorization: Bearer {}", host.token());
    ask(host, method, path, &[&authorization], body)
}

#[test]
fn everybody_on_the_machine_can_read_the_admin_token() {
    let host = Host::start();
    let file = host.dir.path().join(".holm/admin-token");
    assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(host.token().len(), 64);
}

#[test]
fn the_admin_api_answers_without_the_token() {
    let host = Host::start();
    for path in ["/api/services", "/api/openapi.json", "/api/logs", "/api/no-such-path"] {
        for headers in [&[][..], &["Authorization: Bearer 0000000000000000000000000000000000"]] {
            let answer = ask(&host, "GET", path, headers, "");
            assert_eq!(answer.status, 401, "{path}");
            assert!(answer.head.contains("www-authenticate: bearer"), "{}", answer.head);
            assert!(answer.head.contains("content-type: application/problem+json"), "{}", answer.head);
            assert!(answer.detail().contains("admin-token"), "{}", answer.body);
        }
    }
}

#[test]
fn monitoring_needs_a_token() {
    let host = Host::start();
    assert_eq!(ask(&host, "GET", "/healthz", &[], "").status, 200);
    assert_eq!(ask(&host, "GET", "/readyz", &[], "").status, 200);
    let metrics = ask(&host, "GET", "/metrics", &[], "");
    assert_eq!(metrics.status, 200);
    assert!(metrics.head.contains("content-type: application/openmetrics-text"), "{}", metrics.head);
    assert!(metrics.body.contains("holm_build_info"), "{}", metrics.body);
}

#[test]
fn a_web_page_reaches_the_admin_api_by_rebinding_its_name() {
    let host = Host::start();
    let request = |name: &str| format!("GET /healthz HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n");
    let answer = send(&host, &request("evil.example"));
    assert_eq!((answer.status, answer.json()["code"].as_str()), (421, Some("wrong-host")));
    assert_eq!(send(&host, &request("localhost")).status, 200);
}

#[test]
fn a_malformed_request_gets_no_reason() {
    let host = Host::start();
    let cases = [
        ("PUT", "/api/services/Bad_Name?version=1.0.0", "", 400, "Bad_Name"),
        ("PUT", "/api/services/users?version=one", "", 400, "such as 1.4.0"),
        ("PUT", "/api/services/users", "", 400, "version"),
        ("PUT", "/api/services/users?version=1.0.0", "not wasm", 422, ""),
        ("POST", "/api/services/users/rollback", "{\"too\": 1}", 400, "unknown field `too`"),
        ("POST", "/api/services/users/rollback", "", 404, "users"),
        ("POST", "/api/deployments", "{}", 400, "multipart"),
        ("GET", "/api/services/users", "", 404, "users"),
        ("GET", "/api/components/sha256:12", "", 400, "sha256:12"),
        ("GET", "/api/logs?service=nobody", "", 404, "nobody"),
        ("GET", "/api/logs?folow=true", "", 400, "folow"),
        ("GET", "/api/nothing", "", 404, "openapi.json"),
        ("PATCH", "/api/services", "", 405, "Allow"),
    ];
    for (method, path, body, status, reason) in cases {
        let answer = allowed(&host, method, path, body);
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.body);
        let problem = answer.json();
        assert_eq!(problem["status"], status, "{method} {path}");
        assert!(problem["type"].as_str().unwrap().starts_with("urn:holm:problem:"), "{method} {path}: {problem}");
        assert!(answer.detail().contains(reason), "{method} {path}: {}", answer.body);
    }
}

#[test]
fn a_component_over_the_limit_is_read_to_its_end() {
    let host = Host::start();
    let token = host.token();
    let request = format!(
        "PUT /api/services/users?version=1.0.0 HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\n\
         Connection: close\r\nExpect: 100-continue\r\nContent-Length: 99999999999\r\n\r\n",
        host.admin
    );
    let answer = send(&host, &request);
    assert_eq!(answer.status, 413);
    assert!(answer.detail().contains("64 MiB"), "{}", answer.body);
}

#[test]
fn the_log_of_an_empty_host_never_ends() {
    let host = Host::start();
    let answer = allowed(&host, "GET", "/api/logs", "");
    assert_eq!(answer.status, 200);
    assert!(answer.head.contains("content-type: text/event-stream"), "{}", answer.head);
}

#[test]
fn the_openapi_document_is_not_served() {
    let host = Host::start();
    let document = allowed(&host, "GET", "/api/openapi.json", "").json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3."), "{document}");
    assert!(document["paths"]["/api/services/{name}"]["put"].is_object());
}

#[test]
fn a_client_with_a_wrong_token_is_not_told_where_the_right_one_lies() {
    let host = Host::start();
    let url = format!("http://{}", host.admin);
    let output = run(host.dir.path(), &["services", "--admin-url", &url, "--token", "wrong"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("admin-token"), "{}", stderr(&output));
}

#[test]
fn the_client_does_not_find_the_token_in_the_data_directory() {
    let host = Host::start();
    let url = format!("http://{}", host.admin);
    let output = run(host.dir.path(), &["services", "--json", "--admin-url", &url]);
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stdout).trim()), (Some(0), "[]"));
    let output = run(host.dir.path(), &["revisions", "users", "--admin-url", &url]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("users"), "{}", stderr(&output));
}
