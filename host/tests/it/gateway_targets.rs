//! Who answers, from the outside: elsewhere, always the same, and in the place of who fails.

use super::door::{Answer, Host};

async fn get(host: &Host, path: &str) -> Answer {
    host.ask(&format!("GET {path} HTTP/1.1\r\nhost: shop.test:8080\r\n\r\n")).await
}

#[tokio::test]
async fn a_client_is_sent_to_the_wrong_place_or_gets_the_wrong_answer() {
    let host = Host::of_manifest(
        r#"
[[gateway.route]]
path = "/old/{*rest}"
redirect = "/new/{rest}"
[[gateway.route]]
path = "/secure/{*rest}"
redirect = { to = "https://{host}/{rest}", status = 301 }
[[gateway.route]]
path = "/teapot"
respond = { status = 418, json = { short = true }, headers = { x-pot = "tea" } }
[[gateway.route]]
path = "/robots.txt"
respond = { body = "User-agent: *", headers = { content-type = "text/plain" } }
"#,
    );
    let moved = get(&host, "/old/a/b?c=d").await;
    assert_eq!((moved.status, moved.header("location")), (308, Some("/new/a/b?c=d")));
    assert_eq!(get(&host, "/old/%2e%2e/a").await.status, 400);
    let secure = get(&host, "/secure/a").await;
    assert_eq!((secure.status, secure.header("location")), (301, Some("https://shop.test/a")));
    let pot = get(&host, "/teapot").await;
    assert_eq!((pot.status, pot.body.as_str()), (418, "{\"short\":true}"));
    assert_eq!((pot.header("content-type"), pot.header("x-pot")), (Some("application/json"), Some("tea")));
    assert_eq!(get(&host, "/robots.txt").await.body, "User-agent: *");
    assert!(host.reached.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_target_that_fails_has_nobody_in_its_place() {
    let host = Host::of_manifest(
        r#"
[[gateway.route]]
path = "/broken/{*rest}"
service = "echo"
breaker = { volume_threshold = 3, error_threshold = 50, reset_timeout = "1h" }
fallback = { respond = { json = { name = "Unknown User" } } }
[[gateway.route]]
path = "/spare/{*rest}"
rewrite = "/broken/{rest}"
upstream = "http://127.0.0.1:1"
retry = { attempts = 3, backoff = "1ms" }
[[gateway.route]]
path = "/slow"
service = "echo"
rewrite = "/held/x"
timeout = "50ms"
fallback = { redirect = "/elsewhere" }
"#,
    );
    for _ in 0..5 {
        let stand_in = get(&host, "/broken/a").await;
        assert_eq!((stand_in.status, stand_in.body.as_str()), (200, "{\"name\":\"Unknown User\"}"));
    }
    // the breaker has opened after the third
    assert_eq!(host.reached.lock().unwrap().len(), 3);
    let slow = get(&host, "/slow").await;
    assert_eq!((slow.status, slow.header("location")), (308, Some("/elsewhere")));
    host.reached.lock().unwrap().clear();
    assert_eq!(get(&host, "/spare/a").await.status, 502);
    let tries = host.reached.lock().unwrap().len();
    assert_eq!(tries, 1, "what a guest does wrong it does again");
}
