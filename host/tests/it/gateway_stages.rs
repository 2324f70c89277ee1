//! What a rule does to requests and answers, from the outside: pages of other origins, edits, sizes,
//! conditions.

use super::door::{Answer, Host};

async fn ask(host: &Host, line: &str, fields: &str) -> Answer {
    host.ask(&format!("{line} HTTP/1.1\r\nhost: shop.test:8080\r\n{fields}\r\n")).await
}

const WEB: &str = r#"
[gateway.defaults]
cors = { origins = ["https://shop.test"], credentials = true, expose = ["x-total"] }
[gateway.auth.keys]
api_keys = { mobile = "a-key-that-was-handed-out-to-mobile" }
[[gateway.route]]
path = "/users/{id}"
methods = ["GET", "PUT"]
service = "echo"
auth = "keys"
[[gateway.route]]
path = "/inside"
service = "echo"
cors = false
"#;

#[tokio::test]
async fn a_page_of_another_origin_cannot_ask_or_every_page_can() {
    let host = Host::of_manifest(WEB);
    let preflight =
        "origin: https://shop.test\r\naccess-control-request-method: PUT\r\naccess-control-request-headers: x-a\r\n";
    let answer = ask(&host, "OPTIONS /users/7", preflight).await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (204, Some("https://shop.test")));
    assert_eq!(answer.header("access-control-allow-methods"), Some("PUT"));
    assert_eq!(answer.header("access-control-allow-headers"), Some("x-a"));
    let stranger = ask(&host, "OPTIONS /users/7", &preflight.replace("shop.test", "evil.test")).await;
    assert_eq!((stranger.status, stranger.header("access-control-allow-origin")), (204, None));
    // the page may read why it was refused
    let refused = ask(&host, "GET /users/7", "origin: https://shop.test\r\n").await;
    assert_eq!((refused.status, refused.header("access-control-allow-credentials")), (401, Some("true")));
    let answer =
        ask(&host, "GET /users/7", "origin: https://shop.test\r\nx-api-key: a-key-that-was-handed-out-to-mobile\r\n")
            .await;
    assert_eq!((answer.status, answer.header("access-control-expose-headers")), (200, Some("x-total")));
    // a rule without, and a method that no rule takes
    assert_eq!(ask(&host, "OPTIONS /inside", preflight).await.header("access-control-allow-origin"), None);
    let unknown = ask(&host, "OPTIONS /users/7", &preflight.replace("PUT", "DELETE")).await;
    assert_eq!((unknown.status, unknown.header("access-control-allow-origin")), (405, None));
    assert_eq!(*host.reached.lock().unwrap(), ["GET /users/7", "OPTIONS /inside"]);
}

#[tokio::test]
async fn a_header_field_is_not_edited() {
    let host = Host::of_manifest(
        r#"
[[gateway.route]]
path = "/{*rest}"
service = "echo"
request = { set = { x-tenant = "acme" }, remove = ["cookie"], add = { x-seen = "holm" } }
response = { set = { strict-transport-security = "max-age=60" }, remove = ["x-leak"] }
"#,
    );
    let answer = ask(&host, "GET /a", "x-tenant: evil\r\nx_tenant: evil\r\ncookie: a=b\r\nx-seen: before\r\n").await;
    assert_eq!((answer.saw("x-tenant"), answer.saw("cookie")), (Some("acme"), None));
    assert!(answer.body.contains("x-seen: before\nx-seen: holm\n"), "{}", answer.body);
    assert_eq!(answer.header("strict-transport-security"), Some("max-age=60"));
    let broken = ask(&host, "GET /broken", "").await;
    assert_eq!((broken.status, broken.header("strict-transport-security")), (502, Some("max-age=60")));
}

#[tokio::test]
async fn a_large_answer_travels_as_it_is_or_arrives_as_something_else() {
    let host = Host::of_manifest(
        "[[gateway.route]]\npath = \"/large\"\nservice = \"echo\"\ncompress = true\n\
         [[gateway.route]]\npath = \"/large/plain\"\nservice = \"echo\"\n",
    );
    let mut client = host.connect().await;
    for encoding in ["gzip", "br", "zstd"] {
        client.send(&format!("HEAD /large HTTP/1.1\r\nhost: a\r\naccept-encoding: {encoding}\r\n\r\n")).await;
        let answer = client.answer_without_body().await.unwrap();
        assert_eq!((answer.header("content-encoding"), answer.header("etag")), (Some(encoding), Some("W/\"1\"")));
        assert_eq!(answer.header("content-length"), None);
    }
    let plain = ask(&host, "GET /large", "").await;
    assert_eq!((plain.body.len(), plain.header("content-encoding")), (10_000, None));
    assert_eq!(plain.header("vary"), Some("accept-encoding"), "a cache must tell the two apart");
    assert_eq!(ask(&host, "GET /large/plain", "accept-encoding: gzip\r\n").await.header("content-encoding"), None);
}

#[tokio::test]
async fn a_rule_for_some_requests_is_not_found() {
    let host = Host::of_manifest(
        r#"
[[gateway.route]]
path = "/a"
service = "echo"
rewrite = "/old"
[[gateway.route]]
path = "/a"
service = "echo"
rewrite = "/new"
headers = { x-beta = "*" }
[[gateway.route]]
path = "/a"
service = "echo"
rewrite = "/second"
query = { v = "2" }
methods = ["POST"]
"#,
    );
    for (line, fields, expected) in [
        ("GET /a", "", "GET /old"),
        ("GET /a", "X-Beta: 1\r\n", "GET /new"),
        ("POST /a?v=%32", "", "POST /second?v=%32"),
        ("GET /a?v=2", "", "GET /old?v=2"),
    ] {
        assert_eq!(ask(&host, line, fields).await.body.lines().next(), Some(expected), "{line} {fields}");
    }
}
