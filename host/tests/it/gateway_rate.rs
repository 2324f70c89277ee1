//! How often somebody may ask, from the outside.

use std::net::SocketAddr;

use tokio::net::TcpSocket;

use super::door::{Answer, Client, Host};

const SHARED: &str = r#"
[gateway]
trusted_proxies = ["127.0.0.9"]
[gateway.auth.keys]
api_keys = { one = "the-key-of-the-first-of-them", two = "the-key-of-the-other-of-them" }
[gateway.rate.default]
requests = 3
per = "15m"
[gateway.rate.per-user]
requests = 2
per = "1m"
by = "principal"
[gateway.rate.tenant]
requests = 10
per = "1m"
burst = 1
by = "header:x-tenant"
"#;

const ROUTES: &str = r#"
[[gateway.route]]
path = "/a/{*rest}"
service = "echo"
rate = "default"
[[gateway.route]]
path = "/b"
service = "echo"
rate = "default"
[[gateway.route]]
path = "/secret"
service = "echo"
auth = "keys"
rate = ["default", "per-user"]
[[gateway.route]]
path = "/tenant"
service = "echo"
rate = "tenant"
[[gateway.route]]
path = "/free"
service = "echo"
"#;

fn host() -> Host {
    Host::of_manifest(&format!("{SHARED}{ROUTES}"))
}

async fn get(host: &Host, path: &str, headers: &str) -> Answer {
    host.ask(&format!("GET {path} HTTP/1.1\r\nhost: a\r\n{headers}\r\n")).await
}

/// Asks from another address of this machine.
async fn get_from(host: &Host, from: &str, path: &str, headers: &str) -> Answer {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(from.parse().unwrap(), 0)).unwrap();
    let mut client = Client::over(socket.connect(host.address).await.unwrap());
    client.send(&format!("GET {path} HTTP/1.1\r\nhost: a\r\n{headers}\r\n")).await;
    client.answer().await.unwrap()
}

#[tokio::test]
async fn a_client_asks_without_end_or_is_not_told_when_it_may_again() {
    let host = host();
    for left in [2, 1, 0] {
        // two routes with one limit share it
        let answer = get(&host, if left == 1 { "/b" } else { "/a/x" }, "").await;
        assert_eq!(answer.status, 200);
        let limit = answer.header("ratelimit").unwrap();
        assert!(limit.starts_with(&format!("\"default\";r={left};t=")), "{limit}");
        assert_eq!(answer.header("ratelimit-policy"), Some("\"default\";q=3;w=900"));
    }
    let refused = get(&host, "/a/x", "").await;
    assert_eq!((refused.status, refused.header("content-type")), (429, Some("application/problem+json")));
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((295..=300).contains(&wait), "{wait}");
    assert_eq!(refused.header("ratelimit").unwrap(), format!("\"default\";r=0;t={wait}"));
    assert!(refused.body.contains("urn:holm:fault:too-many-requests"));
    let free = get(&host, "/free", "").await;
    assert_eq!((free.status, free.header("ratelimit")), (200, None));
    assert_eq!(host.reached.lock().unwrap().len(), 4);
}

#[tokio::test]
async fn a_client_gets_around_a_limit_by_what_it_says() {
    let host = host();
    for n in 0..3 {
        let lies = format!("x-forwarded-for: 192.0.2.{n}\r\nforwarded: for=192.0.2.{n}\r\nx-real-ip: 192.0.2.{n}\r\n");
        assert_eq!(get(&host, "/a/x", &lies).await.status, 200);
    }
    assert_eq!(get(&host, "/a/x", "x-forwarded-for: 192.0.2.9\r\n").await.status, 429);
    // nor by one way of writing the path or another, or by a method
    assert_eq!(get(&host, "/%61/x", "").await.status, 429);
    assert_eq!(host.ask("DELETE /a/x HTTP/1.1\r\nhost: b\r\n\r\n").await.status, 429);
    // somebody else is free, and a proxy that is trusted tells its clients apart
    assert_eq!(get_from(&host, "127.0.0.2", "/a/x", "").await.status, 200);
    for client in ["192.0.2.1", "192.0.2.2"] {
        for left in [true, true, true, false] {
            let said = format!("x-forwarded-for: 6.6.6.6, {client}\r\n");
            let answer = get_from(&host, "127.0.0.9", "/a/x", &said).await;
            assert_eq!(answer.status == 200, left, "{client}");
            assert!(!left || answer.saw("x-forwarded-for") == Some(&format!("{client}, 127.0.0.9")), "{}", answer.body);
        }
    }
}

#[tokio::test]
async fn credentials_can_be_guessed_without_end() {
    let host = host();
    for guess in 0..3 {
        let answer = get(&host, "/secret", &format!("x-api-key: the-guess-of-a-stranger-{guess}\r\n")).await;
        assert_eq!(answer.status, 403);
        assert!(answer.header("ratelimit").is_some_and(|limit| !limit.contains("per-user")));
    }
    let right = "x-api-key: the-key-of-the-first-of-them\r\n";
    assert_eq!(get(&host, "/secret", right).await.status, 429, "also for who guessed right in the end");
}

#[tokio::test]
async fn one_user_s_requests_are_another_s() {
    let host = host();
    let ask = async |from: &str, key: &str| get_from(&host, from, "/secret", &format!("x-api-key: {key}\r\n")).await;
    let (one, two) = ("the-key-of-the-first-of-them", "the-key-of-the-other-of-them");
    assert_eq!(ask("127.0.0.2", one).await.status, 200);
    let last = ask("127.0.0.3", one).await;
    assert_eq!(last.status, 200);
    let limits = last.header("ratelimit").unwrap();
    assert!(limits.contains("\"default\";r=2;") && limits.contains(", \"per-user\";r=0;"), "{limits}");
    assert_eq!(ask("127.0.0.4", one).await.status, 429, "from wherever it comes");
    assert_eq!(ask("127.0.0.4", two).await.status, 200);
}

#[tokio::test]
async fn a_burst_of_one_lets_two_through() {
    let host = host();
    let ask = async |tenant: &str| get(&host, "/tenant", tenant).await.status;
    assert_eq!(ask("x-tenant: a\r\n").await, 200);
    assert_eq!(ask("x-tenant: a\r\n").await, 429);
    assert_eq!(ask("x-tenant: b\r\n").await, 200);
    // without the field one is told apart by address, and so are all who leave it away
    assert_eq!((ask("").await, ask("").await), (200, 429));
}

#[tokio::test]
async fn a_deployment_fills_every_bucket_again() {
    let host = host();
    for _ in 0..3 {
        get(&host, "/a/x", "").await;
    }
    host.deploy(&format!(
        "{SHARED}{ROUTES}[[gateway.route]]\npath = \"/new\"\nservice = \"echo\"\nrate = \"default\"\n"
    ));
    assert_eq!(get(&host, "/new", "").await.status, 429);
    // another limit of that name begins anew
    host.deploy(&format!("{}{ROUTES}", SHARED.replace("requests = 3", "requests = 4")));
    assert_eq!(get(&host, "/a/x", "").await.status, 200);
}

/// The limit is kept to within a few per cent under load, whoever asks at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_limit_under_load_lets_too_many_through() {
    let host = Host::of_manifest(
        "[gateway.rate.fast]\nrequests = 100\nper = \"1s\"\nburst = 20\n[[gateway.route]]\npath = \"/a\"\nservice = \"echo\"\nrate = \"fast\"\n",
    );
    let begun = std::time::Instant::now();
    let mut passed = 0_f64;
    let mut clients = Vec::new();
    for _ in 0..8 {
        clients.push(host.connect().await);
    }
    while begun.elapsed().as_millis() < 1500 {
        for client in &mut clients {
            client.send("GET /a HTTP/1.1\r\nhost: a\r\n\r\n").await;
        }
        for client in &mut clients {
            passed += f64::from(u8::from(client.answer().await.unwrap().status == 200));
        }
    }
    let allowed = 20.0 + 100.0 * begun.elapsed().as_secs_f64();
    assert!(passed <= allowed * 1.01 + 1.0, "{passed} of {allowed}");
    assert!(passed >= allowed * 0.8, "{passed} of {allowed}");
}
