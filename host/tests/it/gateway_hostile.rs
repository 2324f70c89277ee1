//! What a hostile or broken client must not achieve.

use std::time::Duration;

use holm::gateway::{Limits, Pace};

use super::door::{Host, route, until};

const GET: &str = "GET /a HTTP/1.1\r\nhost: shop.test\r\n\r\n";

fn quick() -> Limits {
    Limits { head: Duration::from_millis(100), ..Limits::default() }
}

#[tokio::test]
async fn a_head_that_never_ends_holds_a_connection() {
    let host = Host::start(quick());
    for beginning in ["", "G", "GET /a HTTP/1.1\r\nhost: a\r\nx-slow: "] {
        let mut client = host.connect().await;
        client.send(beginning).await;
        assert_eq!(client.rest().await.unwrap_or_default(), "", "{beginning}");
    }
    assert!(host.reached.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_idle_connection_is_closed_like_a_slow_head() {
    let host = Host::start(quick());
    let mut client = host.connect().await;
    client.send(GET).await;
    client.answer().await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    client.send(GET).await;
    assert_eq!(client.answer().await.unwrap().status, 200);

    let host = Host::start(Limits { idle: Duration::from_millis(100), ..Limits::default() });
    let mut client = host.connect().await;
    client.send(GET).await;
    client.answer().await.unwrap();
    assert_eq!(client.rest().await.unwrap(), "");
}

#[tokio::test]
async fn a_large_body_reaches_the_service_or_resets_the_client() {
    let mut narrow = route("/narrow/{*rest}", "", "");
    narrow.body_limit = Some("1KiB".parse().unwrap());
    let host = Host::with_routes(Limits { body: 4096, ..Limits::default() }, &[route("/{*rest}", "", ""), narrow]);
    for (path, size) in [("/a", 4096), ("/narrow/a", 1024)] {
        let fits = format!("POST {path} HTTP/1.1\r\nhost: a\r\ncontent-length: {size}\r\n\r\n{}", "x".repeat(size));
        assert!(host.ask(&fits).await.body.ends_with(&"x".repeat(size)));
        let large = format!("POST {path} HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n", size + 1);
        let mut client = host.connect().await;
        client.send(&large).await;
        // it goes on sending, as clients do
        let _ = client.try_send(&"x".repeat(size + 1)).await;
        let answer = client.answer().await.unwrap();
        assert_eq!((answer.status, answer.header("connection")), (413, Some("close")));
        assert_eq!(client.rest().await.unwrap(), "");
        let chunk = format!("{size:x}\r\n{}\r\n", "x".repeat(size));
        let chunked =
            format!("POST {path} HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n{chunk}{chunk}0\r\n\r\n");
        let mut client = host.connect().await;
        client.send(&chunked).await;
        assert_eq!(client.answer().await.unwrap().status, 413);
        assert_eq!(client.rest().await.unwrap(), "");
    }
    assert!(!host.ask(GET).await.body.contains("cut"));
}

/// Many clients read nothing before they have sent everything.
#[tokio::test]
async fn a_refused_upload_is_reset_before_its_answer_is_read() {
    let host = Host::start(Limits::default());
    let size = 8 << 20;
    let mut client = host.connect().await;
    client.send(&format!("POST /a HTTP/1.1\r\nhost: a\r\ncontent-length: {size}\r\n\r\n")).await;
    client.send(&"x".repeat(size)).await;
    assert_eq!(client.answer().await.unwrap().status, 413);
    assert_eq!(client.rest().await.unwrap(), "");
}

#[tokio::test]
async fn a_body_that_is_too_large_is_asked_for_with_100_continue() {
    let host = Host::start(Limits { body: 10, ..Limits::default() });
    let ask =
        |size: usize| format!("POST /a HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: {size}\r\n\r\n");
    assert_eq!(host.ask(&ask(11)).await.status, 413);
    let mut client = host.connect().await;
    client.send(&ask(5)).await;
    assert_eq!(client.answer().await.unwrap().status, 100);
    client.send("hello").await;
    assert!(client.answer().await.unwrap().body.ends_with("hello"));
}

#[tokio::test]
async fn a_body_that_drips_holds_an_instance() {
    let pace = Pace { grace: Duration::from_millis(100), bytes_per_second: 1 << 20 };
    let host = Host::start(Limits { body_pace: pace, ..Limits::default() });
    let mut client = host.connect().await;
    client.send("POST /a HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nhello").await;
    let answer = client.answer().await.unwrap();
    assert_eq!((answer.status, answer.header("connection")), (408, Some("close")));
}

#[tokio::test]
async fn a_service_that_hangs_holds_the_client_past_the_deadline() {
    let mut hasty = route("/held/{*rest}", "", "");
    hasty.timeout = Some(Duration::from_millis(50));
    let host = Host::with_routes(Limits::default(), &[hasty]);
    assert_eq!(host.ask("GET /held HTTP/1.1\r\nhost: a\r\n\r\n").await.status, 504);
}

/// Each is refused by hyper or by us; what matters is that no service sees it, nor what
/// follows it on the connection.
#[tokio::test]
async fn a_request_is_smuggled_behind_another() {
    let host = Host::start(Limits::default());
    for hostile in [
        "POST /a HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\ncontent-length: 5\r\n\r\nabcd",
        "POST /a HTTP/1.1\r\nhost: a\r\ncontent-length: 4, 5\r\n\r\nabcd",
        "POST /a HTTP/1.1\r\nhost: a\r\ncontent-length: +4\r\n\r\nabcd",
        "POST /a HTTP/1.1\r\nhost: a\r\ncontent-length: 0x4\r\n\r\nabcd",
        "POST /a HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip\r\n\r\nabcd",
        "POST /a HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "POST /a HTTP/1.1\r\nhost: a\r\ntransfer-encoding : chunked\r\n\r\n0\r\n\r\n",
        "POST /a HTTP/1.1\r\nhost: a\r\nx: a\r\n b\r\n\r\n",
        "POST /a HTTP/1.1\r\nhost: a\r\nx: a\rb: c\r\n\r\n",
        "POST /a HTTP/1.1\r\nhost: a\r\nx\0y: a\r\n\r\n",
        "POST /a HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
        "POST /a HTTP/1.1\r\n\r\n",
        "GET /a HTTP/1.1 \r\nhost: a\r\n\r\n",
        "GET  /a HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET /a/../b HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET /a%2fb HTTP/1.1\r\nhost: a\r\n\r\n",
        "CONNECT a:80 HTTP/1.1\r\nhost: a:80\r\n\r\n",
    ] {
        let mut client = host.connect().await;
        client.send(hostile).await;
        let answer = client.answer().await.unwrap_or_else(|| panic!("no answer to {hostile:?}"));
        assert!((400..500).contains(&answer.status), "{hostile:?}: {}", answer.head);
    }
    assert_eq!(*host.reached.lock().unwrap(), [""; 0]);
}

/// RFC 9112 section 6.1: the chunks count, and the connection ends. hyper takes the length away
/// before we could refuse the request.
#[tokio::test]
async fn length_and_chunks_together_are_two_requests() {
    for framing in
        ["content-length: 4\r\ntransfer-encoding: chunked", "transfer-encoding: chunked\r\ncontent-length: 4"]
    {
        let host = Host::start(Limits::default());
        let mut client = host.connect().await;
        let hidden = "0\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n";
        client.send(&format!("POST /a HTTP/1.1\r\nhost: a\r\n{framing}\r\n\r\n{hidden}")).await;
        let answer = client.answer().await.unwrap();
        assert_eq!((answer.status, answer.saw("content-length")), (200, None));
        assert_eq!(client.rest().await.unwrap(), "");
        assert_eq!(*host.reached.lock().unwrap(), ["POST /a"]);
    }
}

#[tokio::test]
async fn a_broken_chunk_hides_a_request() {
    let host = Host::start(Limits::default());
    for chunks in [
        "5\nhello\r\n0\r\n\r\n",
        "5;a\nb\r\nhello\r\n0\r\n\r\n",
        "5\r\nhelloX\r\n0\r\n\r\n",
        "fffffffffffffffff\r\n",
        "-1\r\n",
    ] {
        let hidden = "GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n";
        let mut client = host.connect().await;
        client
            .send(&format!("POST /a HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n{chunks}{hidden}"))
            .await;
        let answer = client.answer().await;
        assert!(answer.is_none_or(|answer| answer.body.contains("cut: ")), "{chunks:?}");
        client.rest().await.unwrap();
    }
    assert!(host.reached.lock().unwrap().iter().all(|line| line == "POST /a"));
}

#[tokio::test]
async fn a_head_without_end_fills_the_memory() {
    let host = Host::start(Limits::default());
    let many = (0..101).map(|n| format!("x-{n}: 1\r\n")).collect::<String>();
    assert_eq!(host.ask(&format!("GET /a HTTP/1.1\r\nhost: a\r\n{many}\r\n")).await.status, 431);
    let mut client = host.connect().await;
    let _ = client.try_send(&format!("GET /a HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "x".repeat(1 << 20))).await;
    assert_eq!(client.answer().await.unwrap().status, 431);
    let mut client = host.connect().await;
    let _ = client.try_send(&format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", "x".repeat(65_600))).await;
    assert!(matches!(client.answer().await.unwrap().status, 414 | 431));
    let token = format!("GET /a HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {}\r\n\r\n", "x".repeat(30_000));
    assert_eq!(host.ask(&token).await.status, 200);
}

#[tokio::test]
async fn connections_over_the_limit_are_refused() {
    let host = Host::start(Limits { connections: 1, ..Limits::default() });
    let mut first = host.connect().await;
    first.send(GET).await;
    first.answer().await.unwrap();
    let mut second = host.connect().await;
    second.send(GET).await;
    assert_eq!(host.reached.lock().unwrap().len(), 1);
    drop(first);
    assert_eq!(second.answer().await.unwrap().status, 200);
}

#[tokio::test]
async fn clients_that_leave_at_once_end_the_acceptor() {
    let host = Host::start(Limits::default());
    for _ in 0..200 {
        let client = std::net::TcpStream::connect(host.address).unwrap();
        drop(client);
    }
    for _ in 0..20 {
        let mut client = host.connect().await;
        client.send("GET /held HTTP/1.1\r\nhost: a\r\n\r\n").await;
    }
    until("the ends", || host.ended.lock().unwrap().len() == host.reached.lock().unwrap().len()).await;
    assert_eq!(host.ask(GET).await.status, 200);
}

#[tokio::test]
async fn a_client_that_takes_no_byte_holds_an_instance() {
    let host = Host::start(Limits { write_stall: Duration::from_millis(100), body: 64 << 20, ..Limits::default() });
    let mut client = host.connect().await;
    // the echo is larger than what the kernel buffers for a client that does not read
    let size = 32 << 20;
    client.send(&format!("POST /a HTTP/1.1\r\nhost: a\r\ncontent-length: {size}\r\n\r\n{}", "x".repeat(size))).await;
    until("the end", || host.ended.lock().unwrap().len() == 1).await;
    host.shutdown.begin();
    assert_eq!(host.drained().await.cut_off, 0);
}

#[tokio::test]
async fn one_client_takes_every_place() {
    let host = Host::start(Limits { connections_of_one: 2, ..Limits::default() });
    let (mut first, _second) = (host.connect().await, host.connect().await);
    first.send(GET).await;
    assert_eq!(first.answer().await.unwrap().status, 200);
    let mut third = host.connect().await;
    let _ = third.try_send(GET).await;
    assert_eq!(third.rest().await.unwrap_or_default(), "");
    drop(first);
    // its place is free as soon as the host has seen that it left
    let served = async {
        loop {
            let mut client = host.connect().await;
            if client.try_send(GET).await.is_ok() && client.rest_of_one().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    super::door::within(served).await;
}

#[tokio::test]
async fn a_connection_is_used_for_ever() {
    let host = Host::start(Limits { requests: 3, ..Limits::default() });
    let mut client = host.connect().await;
    for left in [2, 1, 0] {
        client.send(GET).await;
        let answer = client.answer().await.unwrap();
        assert_eq!((answer.status, answer.header("connection")), (200, (left == 0).then_some("close")));
    }
    assert_eq!(client.rest().await.unwrap(), "");
}
