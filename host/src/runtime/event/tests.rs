//! Events into the fixtures `handler` and `wasmcloud`, without a bus.

use std::sync::Arc;
use std::time::{Duration, Instant};

use holm_registry::event::{Content, Event};
use holm_registry::settings::{Isolation, Settings};
use holm_registry::store::{Effects, Key, Log, Logged, Quota, Sequence, Store, StoreOptions};

use super::{EventEntry, Handled};
use crate::fault::{Fault, FaultKind};
use crate::runtime::testing::Bench;
use crate::runtime::{Lineage, Revision};
use crate::telemetry::now_ms;
use crate::telemetry::trace::TraceContext;

fn event(id: &str, payload: &str) -> Event {
    let content = Content {
        subject: "orders.created".parse().unwrap(),
        source: "orders".into(),
        kind: "created".into(),
        time: 1_795_339_800_123,
        content_type: Some("text/plain".into()),
        key: Some("k".into()),
        correlation_id: "c1".into(),
        traceparent: None,
        headers: vec![("x-color".into(), "red".into()), ("holm-for".into(), "s orders.>".into())],
        payload: payload.to_owned().into(),
    };
    Event { id: id.into(), content }
}

fn mark(id: &str) -> Key {
    Key::inbox(&"s".parse().unwrap(), "orders.>", id)
}

async fn deliver_at(revision: &Arc<Revision>, event: &Event, attempt: u32) -> Result<Handled, Fault> {
    let entry = EventEntry {
        deadline: Instant::now() + Duration::from_secs(30),
        request_id: event.id.clone(),
        trace: TraceContext::generate(),
        lineage: Lineage::default(),
        attempt,
        mark: mark(&event.id),
    };
    revision.event(&entry, event).await
}

async fn deliver(revision: &Arc<Revision>, id: &str, payload: &str) -> Result<Handled, Fault> {
    deliver_at(revision, &event(id, payload), 1).await
}

/// What the service keeps under a key.
fn kept(store: &Store, key: &str) -> Option<String> {
    let record = store.get(&Key::state(&"s".parse().unwrap(), "", key)).unwrap()?;
    Some(String::from_utf8(record.value.to_vec()).unwrap())
}

fn settings() -> Settings {
    Settings { timeout: Duration::from_secs(1), ..Settings::default() }
}

#[tokio::test]
async fn an_event_is_handled_twice_or_its_effects_are_lost() {
    let bench = Bench::new();
    let revision = bench.revision("handler", settings());
    assert_eq!(revision.isolation(), Isolation::Reuse);
    let Ok(Handled::Acked(sequence)) = deliver(&revision, "e1", "set=a").await else { panic!("not acknowledged") };
    assert_eq!(
        (kept(&bench.store, "handled/e1").as_deref(), kept(&bench.store, "a").as_deref()),
        (Some("1"), Some("set"))
    );
    assert_eq!(bench.store.get(&mark("e1")).unwrap().unwrap().version, sequence, "the mark came with another commit");
    assert_eq!(deliver(&revision, "e1", "set=b").await.unwrap(), Handled::Duplicate);
    assert_eq!((kept(&bench.store, "handled/e1").as_deref(), kept(&bench.store, "b")), (Some("1"), None));
    let seen = kept(&bench.store, "seen/e1").unwrap();
    let told = "id=e1 source=orders type=created subject=orders.created time=2026-11-22T09:30:00.123Z \
        content-type=Some(\"text/plain\") key=Some(\"k\") correlation=c1 attempt=1 \
        headers=[(\"x-color\", \"red\")] payload=set=a";
    assert_eq!(seen, told);
}

#[tokio::test]
async fn what_a_handler_did_before_it_gave_up_is_kept() {
    let bench = Bench::new();
    let revision = bench.revision("handler", settings());
    let after = |ms| Handled::Retry(Some(Duration::from_millis(ms)), None);
    for (payload, expected) in [
        ("set=a retry", Handled::Retry(None, None)),
        ("set=a retry=1500", after(1_500)),
        ("set=a retry=18446744073709551615", after(24 * 60 * 60 * 1_000)),
        ("set=a reject=never", Handled::Reject("never".into())),
    ] {
        assert_eq!(deliver(&revision, "e1", payload).await.unwrap(), expected, "{payload}");
    }
    for (payload, kind) in [("set=a trap", FaultKind::Trap), ("set=a sleep=5000", FaultKind::Deadline)] {
        assert_eq!(deliver(&revision, "e1", payload).await.unwrap_err().kind, kind, "{payload}");
    }
    assert_eq!((kept(&bench.store, "a"), kept(&bench.store, "handled/e1")), (None, None));
    assert!(bench.store.get(&mark("e1")).unwrap().is_none());
    assert_eq!(revision.metrics().faults(), 2);
    for (attempt, done) in [(1, false), (2, false), (3, true)] {
        let handled = deliver_at(&revision, &event("e2", "until=3"), attempt).await.unwrap();
        assert_eq!(matches!(handled, Handled::Acked(_)), done, "attempt {attempt}: {handled:?}");
    }
}

#[tokio::test]
async fn two_deliveries_of_one_event_at_once_both_take_effect() {
    let bench = Bench::new();
    let revision = bench.revision("handler", settings());
    let twice = || deliver(&revision, "e1", "sleep=50");
    let outcomes = [twice().await.unwrap(), twice().await.unwrap()];
    assert!(matches!(outcomes, [Handled::Acked(_), Handled::Duplicate]), "{outcomes:?}");
    let (one, two, three) = tokio::join!(
        deliver(&revision, "e2", "sleep=50"),
        deliver(&revision, "e2", "sleep=50"),
        deliver(&revision, "e2", "sleep=50")
    );
    let acked = [one, two, three].into_iter().filter(|handled| matches!(handled, Ok(Handled::Acked(_)))).count();
    assert_eq!((acked, kept(&bench.store, "handled/e2").as_deref()), (1, Some("1")));
    // both of these count under one key: the later one runs again
    let (one, two) = tokio::join!(deliver(&revision, "e3", "sleep=50"), deliver(&revision, "e4", "sleep=50"));
    assert!(matches!((one, two), (Ok(Handled::Acked(_)), Ok(Handled::Acked(_)))));
    assert_eq!(kept(&bench.store, "count/orders.created").as_deref(), Some("4"));
}

#[tokio::test]
async fn an_event_is_rejected_for_what_was_never_true() {
    let bench = Bench::new();
    let revision = bench.revision("handler", settings());
    let rejecting = deliver(&revision, "e1", "sleep=200 reject=no");
    let meddling = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let key = Key::state(&"s".parse().unwrap(), "", "count/orders.created");
        let effects = Effects { writes: [(key, Some("41".into()))].into(), ..Effects::default() };
        bench.store.commit(effects).await.unwrap()
    };
    let (rejected, _): (_, Sequence) = tokio::join!(rejecting, meddling);
    assert_eq!(rejected.unwrap(), Handled::Reject("no".into()));
    assert_eq!(revision.metrics().invocations(), 2, "it was not asked again");
}

#[tokio::test]
async fn what_a_handler_publishes_is_lost_or_published_without_the_rest() {
    let options = StoreOptions { backlog: Quota { keys: 2, bytes: 1 << 20 }, ..StoreOptions::default() };
    let bench = Bench::with(&options);
    let mut settings = settings();
    settings.grants.publish = vec!["stock.*".parse().unwrap()];
    let revision = bench.revision("handler", settings);
    assert!(matches!(deliver(&revision, "e1", "publish=stock.reserved").await, Ok(Handled::Acked(_))));
    for payload in ["publish=stock.reserved retry", "publish=stock.reserved reject=no"] {
        deliver(&revision, "e2", payload).await.unwrap();
    }
    assert!(deliver(&revision, "e2", "publish=stock.reserved trap").await.is_err());
    let published = bench.store.events(Log::Events, None, 9).unwrap();
    let [Logged { content: Some(content), .. }] = published.as_slice() else { panic!("{published:?}") };
    assert_eq!((content.subject.as_str(), content.kind.as_str()), ("stock.reserved", "stock.reserved"));
    assert_eq!((content.source.as_str(), content.correlation_id.as_str()), ("s", "c1"));
    assert_eq!((content.key.as_deref(), &content.payload[..]), (Some("k"), &b"e1"[..]));
    let trace = TraceContext::parse(content.traceparent.as_deref().unwrap().as_bytes());
    assert!(trace.is_some() && now_ms() - content.time < 60_000, "{content:?}");

    // there is room for one more: then neither the event nor the rest happens
    deliver(&revision, "e3", "publish=stock.reserved").await.unwrap();
    let full = deliver(&revision, "e4", "set=a publish=stock.reserved").await.unwrap_err();
    assert!(full.kind == FaultKind::Backlog && full.retry_after.is_some(), "{full:?}");
    assert_eq!((kept(&bench.store, "a"), bench.store.get(&mark("e4")).unwrap()), (None, None));
}

#[tokio::test]
async fn a_component_of_wasmcloud_needs_changes() {
    let bench = Bench::new();
    let revision = bench.revision("wasmcloud", settings());
    assert_eq!(revision.isolation(), Isolation::Invocation);
    assert!(matches!(deliver(&revision, "e1", "hello").await, Ok(Handled::Acked(_))));
    let why = Some("fail: no room".to_owned());
    assert_eq!(deliver(&revision, "e2", "fail: no room").await.unwrap(), Handled::Retry(None, why));
    assert_eq!(kept(&bench.store, "orders.created").as_deref(), Some("1"));
}

#[tokio::test]
async fn a_component_without_a_handler_takes_the_host_along() {
    let bench = Bench::new();
    let revision = bench.revision("kv", settings());
    assert!(!revision.takes_events());
    assert_eq!(deliver(&revision, "e1", "hello").await.unwrap_err().kind, FaultKind::NoService);
}
