//! What if the server, or the client library, does less than it seems.

use std::time::Duration;

use futures::StreamExt;
use holm::events::bus::Bus;
use holm_registry::store::{CommitError, Effects, Key};
use serde_json::{Value, json};

use super::proxy::{Fault, Proxy};
use super::rig::{Rig, Stranger, content, next, number, subscription, until};
use super::server::{NatsServer, Release};

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_was_written_to_a_dying_connection_is_lost() {
    for release in Release::BOTH {
        let mut server = NatsServer::start(release);
        let rig = Rig::ready(&server.url()).await;
        // what is sent is not read any more, and then the connection is gone with it
        server.pause();
        let all: Vec<_> = (1..=300).map(|n| content("orders.created", None, n)).collect();
        rig.publish(&all).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(rig.waiting(), 300, "removed before the server has confirmed");
        server.kill();
        server.start_again();
        rig.until_sent().await;
        let stranger = Stranger::at(&server.url()).await;
        assert_eq!(stranger.messages("HOLM_EVENTS").await, 300);
        let (sent, duplicates) = rig.metrics.confirmed();
        assert_eq!((sent, duplicates), (300, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_sent_again_under_another_id() {
    for release in Release::BOTH {
        let server = NatsServer::start(release);
        let proxy = Proxy::before(&server.address()).await;
        let rig = Rig::ready(&proxy.url()).await;
        rig.publish(&[content("orders.created", None, 0)]).await;
        rig.until_sent().await;
        // the server takes them, and nobody hears of it
        proxy.set(Fault::HalfOpen);
        let all: Vec<_> = (1..=20).map(|n| content("orders.created", Some("k"), n)).collect();
        rig.publish(&all).await;
        let stranger = Stranger::at(&server.url()).await;
        until("the server has taken one", || async { stranger.messages("HOLM_EVENTS").await > 1 }).await;
        assert_eq!(rig.waiting(), 20);
        proxy.set(Fault::Reset);
        proxy.set(Fault::None);
        rig.until_sent().await;
        assert_eq!(stranger.messages("HOLM_EVENTS").await, 21, "an event is there twice");
        assert!(rig.metrics.confirmed().1 > 0, "nothing was sent twice");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_forgot_what_it_was_asked_for_is_waited_for() {
    for release in Release::BOTH {
        let server = NatsServer::start(release);
        // somebody has to hear what the server does not, or it would say that nobody does
        let stranger = Stranger::at(&server.url()).await;
        let _listens = stranger.client.subscribe("_JS.>").await.unwrap();
        stranger.client.flush().await.unwrap();
        let proxy = Proxy::before(&server.address()).await;
        let rig = Rig::ready(&proxy.url()).await;
        proxy.set(Fault::DeafToPulls);
        let mut consumer = rig.subscribe(&subscription("orders.*")).await;
        rig.publish(&[content("orders.created", None, 1)]).await;
        let mut waiting = Box::pin(consumer.next());
        let stalled = until("the request is made anew", || async { rig.metrics.stalled_pulls() > 0 });
        tokio::select! {
            _ = &mut waiting => panic!("the server was not deaf"),
            () = stalled => {}
        }
        proxy.set(Fault::None);
        let delivery = tokio::time::timeout(Duration::from_secs(20), waiting).await.unwrap().unwrap();
        delivery.ack().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_was_removed_from_the_server_is_waited_for() {
    for release in Release::BOTH {
        let server = NatsServer::start(release);
        let rig = Rig::ready(&server.url()).await;
        let stranger = Stranger::at(&server.url()).await;
        let mut consumer = rig.subscribe(&subscription("orders.*")).await;
        let list = stranger.ask("CONSUMER.LIST.HOLM_EVENTS", json!({})).await;
        let name = list["consumers"][0]["name"].as_str().unwrap().to_owned();
        let mut waiting = Box::pin(consumer.next());
        let removed = async {
            until("it is asked for", || async {
                let list = stranger.ask("CONSUMER.LIST.HOLM_EVENTS", json!({})).await;
                list["consumers"][0]["num_waiting"] != json!(0)
            })
            .await;
            stranger.ask(&format!("CONSUMER.DELETE.HOLM_EVENTS.{name}"), Value::Null).await;
            std::future::pending::<()>().await;
        };
        let error = tokio::select! {
            ended = &mut waiting => ended.map(|_| ()).unwrap_err().to_string(),
            () = removed => unreachable!(),
        };
        assert!(error.contains("was removed from the server"), "{error}");
        drop(waiting);
        rig.publish(&[content("orders.created", None, 1)]).await;
        let mut again = rig.subscribe(&subscription("orders.*")).await;
        assert_eq!(number(&next(&mut again).await), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_are_dropped_are_dropped_in_silence() {
    for release in Release::BOTH {
        let server = NatsServer::start(release);
        let rig = Rig::ready(&server.url()).await;
        let stranger = Stranger::at(&server.url()).await;
        let mut tail = rig.bus.tail(&"noise.*".parse().unwrap()).await.unwrap();
        for _ in 0..6000 {
            stranger.client.publish("noise.a", "1".into()).await.unwrap();
        }
        stranger.client.flush().await.unwrap();
        until("what was dropped is counted", || async { rig.metrics.slow_consumers() > 0 }).await;
        assert!(tail.next().await.is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_the_server_stored_twice_has_its_effects_twice() {
    for release in Release::BOTH {
        let server = NatsServer::start(release);
        let stranger = Stranger::at(&server.url()).await;
        // it forgets ids after a tenth of a second, as it does after minutes or a restart
        let forgetful = json!({ "subjects": ["_holm.events"], "retention": "limits", "storage": "file", "duplicate_window": 100_000_000 });
        stranger.make("HOLM_EVENTS", forgetful).await;
        let rig = Rig::ready(&server.url()).await;
        let subscription = subscription("orders.*");
        let mut consumer = rig.subscribe(&subscription).await;
        rig.publish(&[content("orders.created", Some("k"), 1)]).await;
        rig.until_sent().await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        // what a relay does that was killed before it could remove what it had sent
        let id = next(&mut consumer).await;
        let name = id.event.id.clone();
        id.retry(Duration::ZERO).await.unwrap();
        stranger.publish("orders.created", &[("Nats-Msg-Id", &name), ("ce-id", &name), ("key", "k")], b"1").await;
        assert_eq!(stranger.messages("HOLM_EVENTS").await, 2, "the server has not forgotten");
        let mut outcomes = Vec::new();
        for _ in 0..2 {
            let delivery = next(&mut consumer).await;
            assert_eq!(delivery.event.id, name, "nobody can tell that it is the same");
            let mut effects = Effects::default();
            effects.mark(subscription.mark(&delivery.event.id), 1);
            let count = Key::state(&subscription.service, "", "count");
            effects.writes.insert(count, Some("1".into()));
            outcomes.push(rig.store.commit(effects).await);
            delivery.ack().await.unwrap();
        }
        assert!(matches!(outcomes[..], [Ok(_), Err(CommitError::Conflict(_))]), "{outcomes:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_went_away_keeps_events_back_for_ever() {
    for release in Release::BOTH {
        let server = NatsServer::start(release);
        let rig = Rig::ready(&server.url()).await;
        let stranger = Stranger::at(&server.url()).await;
        rig.publish(&[content("orders.created", None, 1)]).await;
        rig.until_sent().await;
        // somebody takes the subject over
        let mut config = stranger.stream("HOLM_EVENTS").await;
        config["subjects"] = json!(["_holm.events"]);
        stranger.ask("STREAM.UPDATE.HOLM_EVENTS", config).await;
        rig.publish(&[content("orders.created", None, 2)]).await;
        rig.until_sent().await;
        let mut config = stranger.stream("HOLM_EVENTS").await;
        config["subjects"] = json!(["_holm.events"]);
        stranger.ask("STREAM.UPDATE.HOLM_EVENTS", config).await;
        stranger.make("SHOP", json!({ "subjects": ["orders.>"], "retention": "limits", "storage": "file" })).await;
        rig.publish(&[content("orders.created", None, 3)]).await;
        rig.until_sent().await;
        assert_eq!((stranger.messages("HOLM_EVENTS").await, stranger.messages("SHOP").await), (2, 1));
    }
}
