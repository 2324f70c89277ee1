//! The same request again, into fixtures without a host around them.

use std::sync::Arc;
use std::time::Duration;

use holm_registry::settings::{Limit, Settings};
use holm_registry::store::{Effects, Log, Store};
use http::Method;
use http_body_util::BodyExt;
use tokio::task::JoinSet;

use super::*;
use crate::runtime::testing::{Bench, entry};

/// One answer, read.
#[derive(Debug, PartialEq)]
struct Told {
    status: u16,
    replayed: bool,
    body: String,
}

fn told(status: u16, replayed: bool, body: &str) -> Told {
    Told { status, replayed, body: body.to_owned() }
}

fn request(steps: &str, key: &str, body: &str) -> Request<Body> {
    let request = Request::builder().method(Method::POST).uri(format!("/?{steps}")).header("host", "s");
    request.header("idempotency-key", key).body(full(body.to_owned())).unwrap()
}

async fn send(revision: &Arc<Revision>, request: Request<Body>) -> Result<Told, Fault> {
    let response = revision.http(&entry(), request).await?;
    let (status, replayed) = (response.status().as_u16(), response.headers().contains_key("idempotency-replayed"));
    let body = response.into_body().collect().await.unwrap().to_bytes();
    Ok(Told { status, replayed, body: String::from_utf8(body.to_vec()).unwrap() })
}

async fn post(revision: &Arc<Revision>, steps: &str, key: &str) -> Result<Told, Fault> {
    send(revision, request(steps, key, "")).await
}

fn kept(store: &Store, key: &str) -> Option<Bytes> {
    Some(store.get(&Key::state(&"s".parse().unwrap(), "", key)).unwrap()?.value)
}

fn kind(told: Result<Told, Fault>) -> FaultKind {
    told.expect_err("a fault").kind
}

#[tokio::test]
async fn a_request_that_is_sent_again_happens_again() {
    let bench = Bench::new();
    let revision = bench.revision("kv", Settings::default());
    for replayed in [false, true, true] {
        let answer = send(&revision, request("do=increment:n:1", "\"k\"", "hello")).await.unwrap();
        assert_eq!(answer, told(200, replayed, "1\n"));
    }
    // without its quotes it is the same key, and another key is another request
    assert!(send(&revision, request("do=increment:n:1", "k", "hello")).await.unwrap().replayed);
    assert_eq!(post(&revision, "do=increment:n:1", "other").await.unwrap(), told(200, false, "2\n"));
    let reused = FaultKind::Key(KeyFault::Reused);
    assert_eq!(kind(send(&revision, request("do=increment:n:1", "k", "hallo")).await), reused);
    assert_eq!(kept(&bench.store, "n").unwrap(), "2");
    let malformed = FaultKind::Key(KeyFault::Malformed);
    assert_eq!(kind(post(&revision, "do=increment:n:1", "\"a").await), malformed);
}

#[tokio::test]
async fn a_failure_is_kept_and_a_refusal_is_not() {
    let bench = Bench::new();
    let revision = bench.revision("kv", Settings { timeout: Duration::from_millis(500), ..Settings::default() });
    for _ in 0..2 {
        let answer = post(&revision, "do=set:a:1&do=status:503", "k1").await.unwrap();
        assert_eq!((answer.status, answer.replayed, kept(&bench.store, "a")), (503, false, None));
    }
    assert_eq!(kind(post(&revision, "do=set:a:1&do=trap", "k2").await), FaultKind::Trap);
    assert_eq!(kind(post(&revision, "do=set:a:1&do=sleep:5000", "k2").await), FaultKind::Deadline);
    assert_eq!(kept(&bench.store, "a"), None);
    for replayed in [false, true] {
        let answer = post(&revision, "do=increment:b:1&do=status:404", "k3").await.unwrap();
        assert_eq!((answer.status, answer.replayed), (404, replayed));
    }
    assert_eq!(kept(&bench.store, "b").unwrap(), "1");
}

#[tokio::test]
async fn what_is_written_behind_the_head_is_not_part_of_the_request() {
    let bench = Bench::new();
    let revision = bench.revision("write_after_head", Settings::default());
    assert_eq!(kind(post(&revision, "before=a&after=b&trap=1", "k1").await), FaultKind::Trap);
    assert_eq!((kept(&bench.store, "a"), kept(&bench.store, "b")), (None, None));
    assert_eq!(post(&revision, "before=a&after=b", "k1").await.unwrap(), told(200, false, "written\n"));
    let version = |key| bench.store.get(&Key::state(&"s".parse().unwrap(), "", key)).unwrap().unwrap().version;
    assert_eq!(version("a"), version("b"), "two commits");
    assert!(post(&revision, "before=a&after=b", "k1").await.unwrap().replayed);
}

#[tokio::test]
async fn an_event_is_published_again_for_the_same_request() {
    let bench = Bench::new();
    let mut settings = Settings::default();
    settings.grants.publish = vec![">".parse().unwrap()];
    let revision = bench.revision("publish", settings);
    for replayed in [false, true] {
        assert_eq!(post(&revision, "subject=orders.created", "k").await.unwrap(), told(200, replayed, "ok"));
    }
    assert_eq!(bench.store.events(Log::Events, None, 9).unwrap().len(), 1);
    assert_eq!(post(&revision, "subject=orders.created&status=500", "k2").await.unwrap().status, 500);
    assert_eq!(bench.store.log_usage(Log::Events).keys, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_that_are_sent_at_once_two_happen() {
    let bench = Bench::new();
    let revision = bench.revision("kv", Settings::default());
    let mut crowd = JoinSet::new();
    for number in 0..40 {
        let revision = revision.clone();
        // eight keys, each five times; all of them count in one place, so they meet conflicts, too
        let key = format!("k{}", number % 8);
        crowd.spawn(async move { (key.clone(), post(&revision, "do=sleep:20&do=increment:n:1", &key).await) });
    }
    let mut first = std::collections::BTreeMap::new();
    for (key, outcome) in crowd.join_all().await {
        match outcome {
            Ok(told) if !told.replayed => assert!(first.insert(key, told.body).is_none()),
            Ok(_) => {}
            Err(fault) => {
                assert_eq!(fault.kind, FaultKind::Key(KeyFault::InUse), "{fault}");
                assert!(fault.retry_after.is_some());
            }
        }
    }
    assert_eq!((first.len(), kept(&bench.store, "n").unwrap()), (8, "8".into()));
    for (key, body) in first {
        assert_eq!(post(&revision, "do=sleep:20&do=increment:n:1", &key).await.unwrap(), told(200, true, &body));
    }
}

#[tokio::test]
async fn a_revision_that_is_replaced_runs_a_request_that_another_has_run() {
    let bench = Bench::new();
    let (old, new) = (bench.revision("kv", Settings::default()), bench.revision("kv", Settings::default()));
    let slow = post(&old, "do=sleep:150&do=increment:n:1", "k");
    let meanwhile = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        post(&new, "do=sleep:150&do=increment:n:1", "k").await
    };
    let (slow, meanwhile) = tokio::join!(slow, meanwhile);
    assert_eq!(slow.unwrap(), told(200, false, "ok\n1\n"));
    assert_eq!(kind(meanwhile), FaultKind::Key(KeyFault::InUse));
    assert_eq!(post(&new, "do=sleep:150&do=increment:n:1", "k").await.unwrap(), told(200, true, "ok\n1\n"));
}

#[tokio::test]
async fn an_answer_is_kept_for_ever_or_not_for_a_day() {
    let now = now_ms();
    let answer = kept::Whole {
        status: http::StatusCode::OK,
        headers: http::HeaderMap::new(),
        trailers: http::HeaderMap::new(),
        body: Bytes::new(),
    };
    let record = |age: Duration| {
        let at = now - u64::try_from(age.as_millis()).unwrap();
        stamped(at, &answer.encode(&Digest::of(b"")))
    };
    let (day, minute) = (Duration::from_secs(24 * 60 * 60), Duration::from_secs(60));
    assert!(current(&record(Duration::ZERO), now).is_some() && current(&record(day - minute), now).is_some());
    assert!(current(&record(day + minute), now).is_none());

    // an expired one is replaced, one that nobody asks for again is removed
    let bench = Bench::new();
    let revision = bench.revision("kv", Settings::default());
    let head = request("do=increment:n:1", "k", "").into_parts().0;
    let place = Key::answer(&"s".parse().unwrap(), &key::scope(&entry(), &head, "k"));
    post(&revision, "do=increment:n:1", "k").await.unwrap();
    let (_, value) = unstamped(&bench.store.get(&place).unwrap().unwrap().value).unwrap();
    let old = stamped(now - u64::try_from((day + minute).as_millis()).unwrap(), &value);
    let put = |key: &Key| Effects { writes: [(key.clone(), Some(old.clone()))].into(), ..Effects::default() };
    bench.store.commit(put(&place)).await.unwrap();
    assert_eq!(post(&revision, "do=increment:n:1", "k").await.unwrap(), told(200, false, "2\n"));
    let forgotten = Key::answer(&"s".parse().unwrap(), &Digest::of(b"nobody asks"));
    bench.store.commit(put(&forgotten)).await.unwrap();
    forget_expired(&bench.store).await;
    assert!(bench.store.get(&forgotten).unwrap().is_none() && bench.store.get(&place).unwrap().is_some());
}

#[tokio::test]
async fn answers_that_are_kept_do_not_count_for_the_quota() {
    let bench = Bench::new();
    let mut settings = Settings::default();
    settings.limits.keys = 3;
    let revision = bench.revision("kv", settings);
    post(&revision, "do=set:a:1", "k1").await.unwrap();
    assert_eq!(bench.store.usage(&"s".parse().unwrap()).keys, 2);
    let over = post(&revision, "do=set:b:1", "k2").await.unwrap_err();
    assert_eq!((over.limit, kept(&bench.store, "b")), (Some(Limit::Keys), None));
    assert_eq!(post(&revision, "do=get:a", "k2").await.unwrap(), told(200, false, "1\n"));
}

#[tokio::test]
async fn a_request_or_an_answer_that_is_too_large_is_half_kept() {
    let bench = Bench::new();
    let revision = bench.revision("kv", Settings::default());
    let large = send(&revision, request("do=set:a:1", "k", &"x".repeat(LARGEST + 1))).await;
    assert_eq!(kind(large), FaultKind::Key(KeyFault::RequestTooLarge));
    assert!(send(&revision, request("do=fill:large:1048576", "k", &"x".repeat(LARGEST))).await.is_ok());
    let large = post(&revision, "do=set:a:1&do=get:large", "k2").await;
    assert_eq!((kind(large), kept(&bench.store, "a")), (FaultKind::Key(KeyFault::AnswerTooLarge), None));
    assert_eq!(post(&revision, "do=set:a:1&do=get:a", "k2").await.unwrap(), told(200, false, "ok\n1\n"));
}

#[tokio::test]
async fn the_key_of_a_request_that_changes_nothing_has_an_effect() {
    let bench = Bench::new();
    let revision = bench.revision("kv", Settings::default());
    for body in ["1\n", "2\n"] {
        let mut get = request("do=increment:n:1", "k", "");
        *get.method_mut() = Method::GET;
        assert_eq!(send(&revision, get).await.unwrap(), told(200, false, body));
    }
    let stateless = bench.revision("counter", Settings::default());
    let (one, two) = (post(&stateless, "", "k").await.unwrap(), post(&stateless, "", "k").await.unwrap());
    assert!(!one.replayed && !two.replayed);
}

#[tokio::test]
async fn a_component_of_wasi_0_3_hangs_before_its_answer_is_whole() {
    let bench = Bench::new();
    let path = "examples/guests/hello-wasip3/target/wasm32-wasip2/release/hello_wasip3.wasm";
    let revision = bench.revision_of(path, Settings::default());
    let cpu = || crate::runtime::cpu::CpuMeter::new(Duration::from_secs(1));
    let deadline = Instant::now() + Duration::from_secs(10);
    for replayed in [false, true] {
        let new = || Arc::new(Invocation::new(&entry(), None, deadline, cpu()));
        let response = serve(&revision, &entry(), "k", deadline, request("", "k", "hi"), new).await.unwrap();
        assert_eq!(response.headers().contains_key("idempotency-replayed"), replayed);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert!(String::from_utf8_lossy(&body).to_lowercase().contains("hello"), "{body:?}");
    }
}
