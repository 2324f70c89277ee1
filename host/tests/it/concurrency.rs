//! Many requests at once: what they write together, who is turned away, who leaves early.

use std::time::{Duration, Instant};

use http::Method;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::client::{Answer, Client};
use crate::process::{Host, component, fixture, manifest};

const CLIENTS: usize = 32;
const ROUNDS: usize = 10;

/// The same request from all clients at once, several times each.
async fn crowd(client: &Client, method: Method, path: &'static str, body: &'static str) -> Vec<Answer> {
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (client, method) = (client.clone(), method.clone());
        clients.spawn(async move {
            let mut answers = Vec::with_capacity(ROUNDS);
            for _ in 0..ROUNDS {
                answers.push(client.send(method.clone(), path, body).await);
            }
            answers
        });
    }
    clients.join_all().await.into_iter().flatten().collect()
}

fn count(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

/// All of them did what they were asked, but for a few that gave up and said so.
fn check_conflicts(answers: &[Answer], done: usize) {
    let conflict = |answer: &&Answer| answer.status == 409 && answer.body.contains("urn:holm:fault:conflict");
    let conflicts = answers.iter().filter(conflict).count();
    assert_eq!(done + conflicts, answers.len(), "{:?}", answers.iter().find(|answer| answer.status.is_server_error()));
    assert!(conflicts * 20 <= answers.len(), "{conflicts} conflicts among {} requests", answers.len());
}

#[tokio::test]
async fn increments_of_one_key_get_lost_or_give_up() {
    let host = Host::start();
    host.deploy("s", "1.0.0", &fixture("kv"), &[]);
    let client = Client::new(&host.gateway);
    let answers = crowd(&client, Method::GET, "/s/?do=increment:n:1", "").await;
    let done = count(&answers, 200);
    check_conflicts(&answers, done);
    assert_eq!(client.get("/s/?do=get:n").await.body, format!("{done}\n"));
    // no two of them saw the same number
    let mut seen: Vec<usize> = answers
        .iter()
        .filter(|answer| answer.status == 200)
        .map(|answer| answer.body.trim().parse().unwrap())
        .collect();
    seen.sort_unstable();
    assert_eq!(seen, (1..=done).collect::<Vec<_>>());
}

#[tokio::test]
async fn more_of_an_article_is_reserved_than_there_is() {
    let host = Host::start();
    host.deploy("s", "1.0.0", &component("inventory"), &[]);
    let client = Client::new(&host.gateway);
    assert_eq!(client.send(Method::PUT, "/s/stock/tea", "{\"on_hand\": 200}").await.status, 200);
    let answers = crowd(&client, Method::POST, "/s/stock/tea/reserve", "{\"quantity\": 1}").await;
    let reserved = count(&answers, 200);
    let sold_out = answers.iter().filter(|answer| answer.status == 409 && answer.body.contains("available")).count();
    check_conflicts(&answers, reserved + sold_out);
    let stock = client.get("/s/stock/tea").await.json();
    assert_eq!((&stock["reserved"], &stock["on_hand"]), (&reserved.into(), &200.into()));
    assert!(sold_out == 0 || reserved == 200, "{sold_out} were refused and {reserved} of 200 are reserved");
}

#[tokio::test]
async fn a_crowd_waits_in_line_without_an_end() {
    let host = Host::start();
    let limits = "timeout = \"10s\"\nlimits = { concurrency = 1, queue = 1, queue_wait = \"10s\" }";
    host.deploy_manifest(&manifest("s", &fixture("sleep"), limits));
    let client = Client::new(&host.gateway);
    let began = Instant::now();
    let mut asked = JoinSet::new();
    for _ in 0..6 {
        let client = client.clone();
        asked.spawn(async move { (client.get("/s/?ms=1500").await, began.elapsed()) });
    }
    let answers = asked.join_all().await;
    let (slept, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|(answer, _)| answer.status == 200);
    assert_eq!((slept.len(), refused.len()), (2, 4), "{answers:?}");
    for (answer, took) in refused {
        assert_eq!((answer.status.as_u16(), answer.fault().as_str()), (503, "overload"));
        assert_eq!(answer.headers["retry-after"], "1");
        assert!(*took < Duration::from_millis(1_500), "it was told after {took:?}, when somebody was done");
    }
    assert_eq!(client.get("/s/?ms=1").await.status, 200);
}

#[tokio::test]
async fn a_client_that_leaves_keeps_its_place() {
    let host = Host::start();
    let limits = "timeout = \"60s\"\nlimits = { concurrency = 1, queue = 0 }";
    host.deploy_manifest(&manifest("s", &fixture("sleep"), limits));
    let client = Client::new(&host.gateway);
    for _ in 0..3 {
        let mut socket = TcpStream::connect(&host.gateway).await.unwrap();
        socket.write_all(b"GET /s/?ms=60000 HTTP/1.1\r\nHost: s\r\n\r\n").await.unwrap();
        host.until("s", "the request", |service| service["in_flight"] == 1);
        assert_eq!(client.get("/s/?ms=1").await.status, 503);
        drop(socket);
        host.until_idle("s");
        assert_eq!(client.get("/s/?ms=1").await.status, 200);
    }
}
