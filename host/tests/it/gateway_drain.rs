//! What a client may expect of a host that goes away.

use std::time::Duration;

use holm::gateway::Limits;

use super::door::{Client, Host, until, within};

const GET: &str = "GET /a HTTP/1.1\r\nhost: shop.test\r\n\r\n";

/// Asks until the host says that it closes; returns how many answers it got.
async fn ask_until_closed(mut client: Client) -> usize {
    let mut answers = 0;
    loop {
        client.send(GET).await;
        let answer = client.answer().await.expect("a request was sent and not answered");
        assert_eq!(answer.status, 200);
        answers += 1;
        if answer.header("connection") == Some("close") {
            assert_eq!(client.rest().await.expect("reset after the last answer"), "");
            return answers;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_under_load_loses_a_request() {
    let host = Host::start(Limits::default());
    let mut asking = Vec::new();
    for _ in 0..32 {
        let client = host.connect().await;
        asking.push(host.tasks.spawn("client", ask_until_closed(client)));
    }
    until("load", || host.reached.lock().unwrap().len() > 1000).await;
    host.shutdown.begin();
    for client in asking {
        assert!(within(client).await.unwrap() > 0);
    }
    assert_eq!(host.drained().await.cut_off, 0);
}

#[tokio::test]
async fn a_request_under_way_is_dropped_by_a_drain() {
    let host = Host::start(Limits::default());
    let mut client = host.connect().await;
    client.send("GET /held HTTP/1.1\r\nhost: a\r\n\r\n").await;
    until("the request", || !host.reached.lock().unwrap().is_empty()).await;
    host.shutdown.begin();
    // the door is shut when a connection is refused
    until("the door's closing", || std::net::TcpStream::connect(host.address).is_err()).await;
    host.held.add_permits(1);
    let answer = client.answer().await.unwrap();
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
    assert_eq!(host.drained().await.cut_off, 0);
}

#[tokio::test]
async fn half_a_head_is_thrown_away_by_a_drain() {
    let host = Host::start(Limits::default());
    let mut client = host.connect().await;
    client.send(GET).await;
    client.answer().await.unwrap();
    client.send("GET /late HTTP/1.1\r\nho").await;
    host.shutdown.begin();
    // longer than idle connections are kept while draining
    tokio::time::sleep(Duration::from_millis(800)).await;
    client.send("st: a\r\n\r\n").await;
    let answer = client.answer().await.unwrap();
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
    assert_eq!(host.drained().await.cut_off, 0);
}

#[tokio::test]
async fn one_hanging_request_keeps_the_host_from_ending() {
    let host = Host::start(Limits { drain: Duration::from_millis(100), ..Limits::default() });
    let mut client = host.connect().await;
    client.send("GET /held HTTP/1.1\r\nhost: a\r\n\r\n").await;
    until("the request", || !host.reached.lock().unwrap().is_empty()).await;
    host.shutdown.begin();
    assert_eq!(host.drained().await.cut_off, 1);
}

#[tokio::test]
async fn idle_connections_keep_the_host_from_ending() {
    let host = Host::start(Limits::default());
    let mut idle = Vec::new();
    for _ in 0..8 {
        let mut client = host.connect().await;
        client.send(GET).await;
        client.answer().await.unwrap();
        idle.push(client);
    }
    host.shutdown.begin();
    for mut client in idle {
        assert_eq!(client.rest().await.unwrap(), "");
    }
    assert_eq!(host.drained().await.cut_off, 0);
}
