//! What Holm makes of consumers, and of messages of others.

use std::time::Duration;

use futures::StreamExt;
use holm::events::bus::Bus;
use holm_registry::event::MAX_EVENT;
use holm_registry::settings::Start;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::rig::{Rig, Stranger, content, next, nothing, number, subscription, until};
use super::server::{NatsServer, Release};

const NAME: &str = "stock_orders--_";

async fn consumer_config(stranger: &Stranger) -> Value {
    let list = stranger.ask("CONSUMER.LIST.HOLM_EVENTS", json!({})).await;
    list["consumers"][0]["config"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_is_not_as_the_manifest_says() {
    for release in Release::BOTH {
        let server = NatsServer::start(release);
        let rig = Rig::ready(&server.url()).await;
        let stranger = Stranger::at(&server.url()).await;
        let mut subscription = subscription("orders.*");
        subscription.settings.ack_wait = Duration::from_secs(2);
        rig.subscribe(&subscription).await;
        let config = consumer_config(&stranger).await;
        assert!(config["durable_name"].as_str().unwrap().starts_with(NAME), "{config}");
        let read = |field: &str| config[field].clone();
        assert_eq!(
            (read("ack_policy"), read("max_deliver"), read("backoff")),
            (json!("explicit"), json!(-1), Value::Null)
        );
        assert_eq!((read("ack_wait"), read("filter_subject")), (json!(2_000_000_000_u64), json!("orders.*")));
        subscription.settings.ack_wait = Duration::from_secs(3);
        rig.subscribe(&subscription).await;
        assert_eq!(consumer_config(&stranger).await["ack_wait"], json!(3_000_000_000_u64));
        let infos = rig.bus.consumers().await.unwrap();
        assert_eq!((infos.len(), infos[0].service.as_str(), infos[0].subject.as_str()), (1, "stock", "orders.*"));
        assert_eq!(rig.bus.kept().await.unwrap(), [("stock".parse().unwrap(), "orders.*".parse().unwrap())]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_of_somebody_else_is_overwritten() {
    for release in Release::BOTH {
        let server = NatsServer::start(release);
        let rig = Rig::ready(&server.url()).await;
        let stranger = Stranger::at(&server.url()).await;
        rig.subscribe(&subscription("orders.*")).await;
        let mut config = consumer_config(&stranger).await;
        let name = config["durable_name"].as_str().unwrap().to_owned();
        stranger.ask(&format!("CONSUMER.DELETE.HOLM_EVENTS.{name}"), Value::Null).await;
        config["ack_policy"] = json!("all");
        let body = json!({ "stream_name": "HOLM_EVENTS", "config": config });
        stranger.ask(&format!("CONSUMER.DURABLE.CREATE.HOLM_EVENTS.{name}"), body).await;
        let refused = rig.bus.subscribe(&subscription("orders.*")).await.map(|_| ()).unwrap_err().to_string();
        assert!(refused.contains(r#"`ack_policy` is "all" and not "explicit""#), "{refused}");
        assert_eq!(consumer_config(&stranger).await["ack_policy"], json!("all"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_nobody_needs_stays_on_the_server() {
    for release in Release::BOTH {
        let server = NatsServer::start(release);
        let (one, other) = (Rig::ready(&server.url()).await, Rig::ready(&server.url()).await);
        let mut consumer = one.subscribe(&subscription("orders.*")).await;
        let mut shared = other.subscribe(&subscription("orders.*")).await;
        let (service, subject) = ("stock".parse().unwrap(), "orders.*".parse().unwrap());
        let mut asking = JoinSet::new();
        asking.spawn(async move { drop(shared.next().await) });
        until("the other host asks", || async {
            let stranger = Stranger::at(&server.url()).await;
            stranger.ask("CONSUMER.LIST.HOLM_EVENTS", json!({})).await["consumers"][0]["num_waiting"] != json!(0)
        })
        .await;
        one.bus.unsubscribe(&service, &subject).await.unwrap();
        assert_eq!(other.bus.consumers().await.unwrap().len(), 1, "taken away from another host");
        assert!(consumer.next().await.is_err());
        assert_eq!((one.bus.kept().await.unwrap().len(), other.bus.kept().await.unwrap().len()), (0, 1));
        asking.abort_all();
        other.bus.unsubscribe(&service, &subject).await.unwrap();
        assert_eq!(other.bus.consumers().await.unwrap(), []);
        other.bus.unsubscribe(&service, &subject).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_server_takes_no_filter_that_is_wider_than_its_stream() {
    for release in Release::BOTH {
        let server = NatsServer::start(release);
        let rig = Rig::ready(&server.url()).await;
        let mut created = rig.subscribe(&subscription("*.created")).await;
        let mut all = rig.subscribe(&subscription(">")).await;
        rig.publish(&[content("orders.paid", None, 1), content("orders.created", None, 2)]).await;
        assert_eq!(number(&next(&mut created).await), 2);
        for expected in [1, 2] {
            let delivery = next(&mut all).await;
            assert_eq!(number(&delivery), expected);
            delivery.ack().await.unwrap();
        }
        let waiting = || async { rig.bus.consumers().await.unwrap().iter().map(|info| info.in_flight).sum::<u64>() };
        until("what is not wanted is acknowledged", || async { waiting().await == 1 }).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_somebody_else_is_not_delivered() {
    for release in Release::BOTH {
        let server = NatsServer::start(release);
        let rig = Rig::ready(&server.url()).await;
        let stranger = Stranger::at(&server.url()).await;
        let mut consumer = rig.subscribe(&subscription("orders.*")).await;
        stranger.publish("orders.created", &[], b"\0\xff\r\n").await;
        let own = [("ce-id", "A1"), ("ce-source", "//shop"), ("ce-type", "created"), ("key", "k"), ("X-Color", "red")];
        stranger.publish("orders.created", &own, b"").await;
        let bare = next(&mut consumer).await;
        assert_eq!((bare.event.id.as_str(), bare.event.content.source.as_str()), ("HOLM_EVENTS-1", "nats"));
        assert_eq!(bare.event.content.payload.as_ref(), b"\0\xff\r\n");
        let full = next(&mut consumer).await;
        assert_eq!((full.event.id.as_str(), full.event.content.kind.as_str()), ("A1", "created"));
        assert_eq!(full.event.content.headers, [("X-Color".to_owned(), "red".to_owned())]);
        assert_eq!(full.event.content.key.as_deref(), Some("k"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_changes_on_its_way_over_a_server() {
    for release in Release::BOTH {
        let server = NatsServer::start(release);
        let rig = Rig::ready(&server.url()).await;
        let mut consumer = rig.subscribe(&subscription("orders.*")).await;
        let mut large = content("orders.created", Some("schlüssel"), 1);
        large.headers = vec![("x-a".into(), "eins, zwei".into()), ("x-b".into(), String::new())];
        large.traceparent = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into());
        large.content_type = Some("application/json".into());
        let headers = large.headers_size();
        large.payload = (0..MAX_EVENT.as_usize() - headers).map(|n| (n % 251) as u8).collect::<Vec<u8>>().into();
        rig.publish(&[large.clone()]).await;
        let delivery = next(&mut consumer).await;
        assert!(delivery.event.content == large, "it changed");
        assert!(delivery.event.id.ends_with("-0"), "{}", delivery.event.id);
        assert_eq!(delivery.attempt, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_too_large_for_the_server_is_dropped_or_stops_the_others() {
    let small = "jetstream { store_dir: \"DIR/js\" }\nmax_payload: 65536";
    for release in Release::BOTH {
        let server = NatsServer::with(release, small);
        let rig = Rig::ready(&server.url()).await;
        let mut large = content("orders.created", Some("k"), 1);
        large.payload = vec![0; 70_000].into();
        rig.publish(&[large, content("orders.created", Some("k"), 2), content("orders.created", Some("j"), 3)]).await;
        let why = rig.until_degraded("which waits").await;
        assert!(why.contains("65536"), "{why}");
        let mut consumer = rig.subscribe(&subscription("orders.*")).await;
        assert_eq!(number(&next(&mut consumer).await), 3);
        assert_eq!(rig.waiting(), 2, "what is of the same key waits, too");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_begins_elsewhere_than_it_says() {
    for release in Release::BOTH {
        let server = NatsServer::start(release);
        let rig = Rig::ready(&server.url()).await;
        rig.publish(&[content("orders.created", None, 1)]).await;
        rig.until_sent().await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
        tokio::time::sleep(Duration::from_millis(20)).await;
        let begun = |name: &str, start| {
            let mut subscription = subscription("orders.*");
            subscription.service = name.parse().unwrap();
            subscription.settings.start = start;
            subscription
        };
        let mut all = rig.subscribe(&begun("all", Start::All)).await;
        let mut time = rig.subscribe(&begun("time", Start::Time(u64::try_from(now).unwrap()))).await;
        rig.publish(&[content("orders.created", None, 2)]).await;
        rig.until_sent().await;
        let mut new = rig.subscribe(&begun("new", Start::New)).await;
        rig.publish(&[content("orders.created", None, 3)]).await;
        for (consumer, expected) in [(&mut all, 1), (&mut time, 2), (&mut new, 3)] {
            let delivery = next(consumer).await;
            assert_eq!(number(&delivery), expected);
            delivery.ack().await.unwrap();
        }
        let again = rig.subscribe(&begun("all", Start::New)).await;
        drop(again);
        assert_eq!(number(&next(&mut all).await), 2, "a durable consumer began anew");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tail_shows_nothing_or_what_it_should_not() {
    for release in Release::BOTH {
        let server = NatsServer::start(release);
        let rig = Rig::ready(&server.url()).await;
        let mut tail = rig.bus.tail(&">".parse().unwrap()).await.unwrap();
        rig.publish(&[content("orders.created", None, 1)]).await;
        let shown = tokio::time::timeout(Duration::from_secs(10), tail.next()).await.unwrap().unwrap().unwrap();
        assert_eq!((shown.content.subject.as_str(), shown.content.source.as_str()), ("orders.created", "orders"));
        let mut consumer = rig.subscribe(&subscription("orders.*")).await;
        next(&mut consumer).await.ack().await.unwrap();
        nothing(&mut consumer, Duration::from_millis(200)).await;
        rig.publish(&[content("orders.paid", None, 2)]).await;
        let shown = tokio::time::timeout(Duration::from_secs(10), tail.next()).await.unwrap().unwrap().unwrap();
        assert_eq!(shown.content.subject.as_str(), "orders.paid", "acknowledgements and answers are shown");
    }
}
