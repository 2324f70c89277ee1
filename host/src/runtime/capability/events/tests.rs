//! What an event says that a guest has published in answer to a request.

use holm_registry::event::Content;
use holm_registry::settings::Settings;
use holm_registry::store::{Key, Log, Position, Quota, StoreOptions};
use http::Request;

use crate::body::empty;
use crate::runtime::testing::{Bench, entry};
use crate::telemetry::now_ms;
use crate::telemetry::trace::TraceContext;

/// What the fixture `publish` publishes for a request to `path` with this `x-correlation-id`.
async fn published(bench: &Bench, path: &str, correlation: Option<&[u8]>) -> Vec<Content> {
    let mut settings = Settings::default();
    settings.grants.publish = vec!["orders.*".parse().unwrap()];
    let revision = bench.revision("publish", settings);
    let before = bench.store.events(Log::Events, None, 99).unwrap().last().map(|event| event.at);
    let mut request = Request::builder().uri(path).header("host", "s");
    if let Some(correlation) = correlation {
        request = request.header("x-correlation-id", correlation);
    }
    revision.http(&entry(), request.body(empty()).unwrap()).await.unwrap();
    let events = bench.store.events(Log::Events, before.or(Some(Position::default())), 99).unwrap();
    events.into_iter().map(|event| event.content.unwrap()).collect()
}

#[tokio::test]
async fn an_event_says_something_else_than_its_publisher_or_the_host() {
    let bench = Bench::new();
    let path =
        "/?subject=orders.created&key=k%7Bn%7D&type=made&content-type=text/plain&payload=hi&header=X-Color:red&times=2";
    let events = published(&bench, path, None).await;
    assert_eq!(events.iter().map(|event| event.key.as_deref().unwrap()).collect::<Vec<_>>(), ["k0", "k1"]);
    let Content { subject, source, kind, time, content_type, headers, payload, traceparent, .. } = &events[0];
    assert_eq!((subject.as_str(), source.as_str(), kind.as_str()), ("orders.created", "s", "made"));
    assert_eq!((content_type.as_deref(), &payload[..]), (Some("text/plain"), &b"hi"[..]));
    assert_eq!(headers, &[("X-Color".to_owned(), "red".to_owned())]);
    assert!(now_ms() - time < 60_000);
    assert!(TraceContext::parse(traceparent.as_deref().unwrap().as_bytes()).is_some());
    let plain = published(&bench, "/?subject=orders.created", None).await;
    assert_eq!((plain[0].kind.as_str(), plain[0].key.as_deref()), ("orders.created", None));
}

#[tokio::test]
async fn events_cannot_be_traced_back_to_what_has_caused_them() {
    let bench = Bench::new();
    let long = "x".repeat(257);
    let id = entry().request_id;
    for (given, expected) in [
        (None, id.as_str()),
        (Some(&b"order-4711"[..]), "order-4711"),
        (Some(b""), &id),
        (Some(long.as_bytes()), &id),
        (Some(b"gr\xfcn"), &id),
    ] {
        let events = published(&bench, "/?subject=orders.created", given).await;
        assert_eq!(events[0].correlation_id, expected, "{given:?}");
    }
}

#[tokio::test]
async fn what_a_failed_request_published_is_kept() {
    let bench = Bench::new();
    assert!(published(&bench, "/?subject=orders.created&status=500", None).await.is_empty());
    assert_eq!(published(&bench, "/?subject=orders.created&status=404", None).await.len(), 1);
    assert!(published(&bench, "/?subject=payments.charged", None).await.is_empty());
}

#[tokio::test]
async fn a_full_log_takes_half_of_what_a_request_does() {
    let options = StoreOptions { backlog: Quota { keys: 1, bytes: 1 << 20 }, ..StoreOptions::default() };
    let bench = Bench::with(&options);
    assert_eq!(published(&bench, "/?subject=orders.created", None).await.len(), 1);
    let mut settings = Settings::default();
    settings.grants.publish = vec![">".parse().unwrap()];
    let request = Request::builder().uri("/?subject=orders.created&set=a").header("host", "s").body(empty()).unwrap();
    let full = bench.revision("publish", settings).http(&entry(), request).await.unwrap_err();
    assert_eq!((full.kind.status().as_u16(), full.retry_after_seconds()), (503, Some(5)), "{full}");
    assert!(bench.store.get(&Key::state(&"s".parse().unwrap(), "", "a")).unwrap().is_none());
}
