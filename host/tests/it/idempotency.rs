//! Requests with an `Idempotency-Key`, from outside.

use std::time::Duration;

use http::Method;
use tokio::task::JoinSet;

use crate::client::{Answer, Client};
use crate::process::{Host, fixture, manifest};

/// Rounds of kill -9, and the keys that each round asks for.
const ROUNDS: usize = 6;
const KEYS: usize = 8;

async fn post(client: &Client, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    client.try_send_with(Method::POST, path, headers, body).await.unwrap()
}

async fn with_key(client: &Client, path: &str, key: &str) -> Answer {
    post(client, path, &[("idempotency-key", key)], "").await
}

fn is_replayed(answer: &Answer) -> bool {
    answer.headers.get("idempotency-replayed").is_some_and(|value| value == "true")
}

#[tokio::test]
async fn a_client_is_not_told_why_its_key_is_refused() {
    let host = Host::start();
    host.deploy("s", "1.0.0", &fixture("kv"), &[]);
    let client = Client::new(&host.gateway);
    let first = with_key(&client, "/s/?do=increment:n:1", "\"k\"").await;
    assert!(first.status == 200 && first.body == "1\n" && !is_replayed(&first), "{first:?}");
    let again = with_key(&client, "/s/?do=increment:n:1", "\"k\"").await;
    assert!(again.status == 200 && again.body == "1\n" && is_replayed(&again), "{again:?}");
    assert_ne!(first.headers["x-request-id"], again.headers["x-request-id"]);
    let key = [("idempotency-key", "k")];
    for (headers, path, body, status, told) in [
        (&key[..], "/s/?do=increment:n:1", "other", 422, "used before, for another request"),
        (&key, "/s/?do=increment:n:2", "", 422, "used before, for another request"),
        (&[("idempotency-key", "")], "/s/", "", 400, "not one text"),
        (&[("idempotency-key", "a"), ("idempotency-key", "b")], "/s/", "", 400, "not one text"),
        (&[("idempotency-key", "large")], "/s/", &"x".repeat((1 << 20) + 1), 413, ""),
        (&[("idempotency-key", "l2")], "/s/?do=fill:l:1048576&do=get:l", "", 502, "nothing was done"),
    ] {
        let answer = post(&client, path, headers, body).await;
        assert_eq!(answer.status, status, "{answer:?}");
        let problem = answer.json();
        assert!(problem["title"].as_str().unwrap().contains(told), "{problem}");
    }
    assert_eq!(client.get("/s/?do=get:n&do=exists:l").await.body, "1\nfalse\n");

    let mut racing = JoinSet::new();
    for _ in 0..2 {
        let client = client.clone();
        racing.spawn(async move { with_key(&client, "/s/?do=sleep:500&do=increment:n:1", "race").await });
    }
    let mut outcomes = racing.join_all().await;
    outcomes.sort_by_key(|answer| answer.status);
    assert_eq!(outcomes[0].status, 200, "{outcomes:?}");
    assert!(outcomes[1].status == 409 && outcomes[1].headers["retry-after"] == "1", "{outcomes:?}");
    assert!(outcomes[1].json()["title"].as_str().unwrap().contains("still under way"), "{outcomes:?}");
    assert_eq!(client.get("/s/?do=get:n").await.body, "2\n");
}

#[tokio::test]
async fn somebody_gets_the_answer_to_another_clients_request() {
    let host = Host::start();
    let two = manifest("s", &fixture("kv"), "")
        + "[[gateway.route]]\npath = \"/other/{*rest}\"\nrewrite = \"/{rest}\"\nservice = \"s\"\n";
    host.deploy_manifest(&two);
    host.deploy("t", "1.0.0", &fixture("kv"), &[]);
    let client = Client::new(&host.gateway);
    let ask = async |path: &str, who: &[(&str, &str)]| {
        let headers = [&[("idempotency-key", "k")], who].concat();
        post(&client, &format!("{path}?do=increment:n:1"), &headers, "").await.body
    };
    let alice = ("authorization", "Bearer alice");
    assert_eq!(ask("/s/", &[alice]).await, "1\n");
    assert_eq!(ask("/s/", &[("authorization", "Bearer bob")]).await, "2\n");
    assert_eq!(ask("/s/", &[("cookie", "session=1")]).await, "3\n");
    // nobody outside says who they are
    assert_eq!(ask("/s/", &[("x-holm-principal", "7")]).await, "4\n");
    assert_eq!(ask("/s/", &[("x-holm-principal", "8")]).await, "4\n");
    assert_eq!(ask("/other/", &[alice]).await, "5\n");
    assert_eq!(ask("/t/", &[alice]).await, "1\n");
    assert_eq!(ask("/s/", &[alice]).await, "1\n");
}

#[tokio::test]
async fn an_answer_is_forgotten_when_the_service_is_swapped_or_the_host_restarts() {
    let host = Host::start();
    host.deploy("s", "1.0.0", &fixture("kv"), &[]);
    let client = Client::new(&host.gateway);
    assert_eq!(with_key(&client, "/s/?do=increment:n:1", "k").await.body, "1\n");
    host.deploy("s", "1.1.0", &fixture("kv"), &["--isolation", "reuse"]);
    assert!(is_replayed(&with_key(&client, "/s/?do=increment:n:1", "k").await));
    let host = Host::start_in(host.terminate().1, &[]);
    assert!(is_replayed(&with_key(&Client::new(&host.gateway), "/s/?do=increment:n:1", "k").await));
}

/// Every client asks with its key until it has an answer, whatever happens to the host.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_request_that_is_tried_again_after_a_crash_happens_twice_or_never() {
    let mut host = Host::start();
    host.deploy("s", "1.0.0", &fixture("kv"), &["--isolation", "reuse"]);
    let mut answered = 0;
    for round in 0..ROUNDS {
        let mut asking = JoinSet::new();
        for key in 0..KEYS {
            let (client, key) = (Client::new(&host.gateway), format!("{round}-{key}"));
            let path = "/s/?do=increment:n:1";
            asking.spawn(async move {
                let headers = [("idempotency-key", key.as_str())];
                (client.try_send_with(Method::POST, path, &headers, "").await.ok().map(|answer| answer.body), key)
            });
        }
        // a moment that differs from round to round: that is the point of the test, not a wait
        tokio::time::sleep(Duration::from_micros(700 * u64::try_from(round).unwrap() + 300)).await;
        crate::process::signal(host.pid(), "KILL");
        let before = asking.join_all().await;
        host = Host::start_in(host.kill(), &[]);
        let client = Client::new(&host.gateway);
        for (first, key) in before {
            let answer = with_key(&client, "/s/?do=increment:n:1", &key).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            assert!(first.is_none_or(|first| first == answer.body && is_replayed(&answer)), "{answer:?}");
            answered += 1;
        }
        assert_eq!(client.get("/s/?do=get:n").await.body, format!("{answered}\n"), "in round {round}");
    }
}
