//! Whether everything is delivered, in order, and settled for good.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use holm::events::bus::Bus;
use holm_registry::settings::Order;

use super::rig::{Rig, Stranger, content, next, nothing, number, subscription, until};
use super::server::{NatsServer, Release};

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledged_event_comes_again_after_the_server_was_killed() {
    for release in Release::BOTH {
        let mut server = NatsServer::start(release);
        let rig = Rig::ready(&server.url()).await;
        let mut consumer = rig.subscribe(&subscription("orders.*")).await;
        let all: Vec<_> = (1..=50).map(|n| content("orders.created", None, n)).collect();
        rig.publish(&all).await;
        for _ in 1..=50 {
            next(&mut consumer).await.ack().await.unwrap();
        }
        server.kill();
        server.start_again();
        rig.until_ready().await;
        let info = || async { rig.bus.consumers().await.map(|infos| (infos[0].lag, infos[0].in_flight)).ok() };
        // what the server delivers again, since it had not written the acknowledgement down, ends here
        tokio::select! {
            delivery = consumer.next() => panic!("{delivery:?}"),
            () = until("the server knows of all acknowledgements", || async { info().await == Some((0, 0)) }) => {}
        }
        nothing(&mut consumer, Duration::from_millis(300)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_was_terminated_comes_again() {
    for release in Release::BOTH {
        let server = NatsServer::start(release);
        let rig = Rig::ready(&server.url()).await;
        let mut hurried = subscription("orders.*");
        hurried.settings.ack_wait = Duration::from_millis(300);
        let mut consumer = rig.subscribe(&hurried).await;
        rig.publish(&[content("orders.created", Some("k"), 1), content("orders.created", Some("k"), 2)]).await;
        next(&mut consumer).await.terminate().await.unwrap();
        let second = next(&mut consumer).await;
        assert_eq!(number(&second), 2, "a poisonous event stops its neighbours");
        second.ack().await.unwrap();
        nothing(&mut consumer, Duration::from_secs(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_comes_at_another_time_than_it_was_told() {
    for (release, order) in
        Release::BOTH.into_iter().flat_map(|release| [(release, Order::Key), (release, Order::None)])
    {
        let server = NatsServer::start(release);
        let rig = Rig::ready(&server.url()).await;
        let mut hurried = subscription("orders.*");
        (hurried.settings.ack_wait, hurried.settings.order) = (Duration::from_millis(400), order);
        let mut consumer = rig.subscribe(&hurried).await;
        rig.publish(&[content("orders.created", Some("k"), 1)]).await;
        let mut delivery = next(&mut consumer).await;
        // neither the ack wait, which is shorter, nor anything that the server does by itself counts
        for (attempt, pause) in [(1, 1200), (2, 200), (3, 0)] {
            assert_eq!(delivery.attempt, attempt, "{release:?} {order:?}");
            let since = Instant::now();
            delivery.retry(Duration::from_millis(pause)).await.unwrap();
            delivery = next(&mut consumer).await;
            let took = since.elapsed();
            assert!(took >= Duration::from_millis(pause) && took < Duration::from_millis(pause + 800), "{took:?}");
        }
        drop(delivery);
        let dropped = next(&mut consumer).await;
        assert_eq!(dropped.attempt, 5, "{release:?} {order:?}");
        dropped.ack().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_overtakes_an_earlier_one_of_its_key() {
    for release in Release::BOTH {
        let server = NatsServer::start(release);
        let rig = Rig::ready(&server.url()).await;
        let mut consumer = rig.subscribe(&subscription("orders.*")).await;
        let key = |n: u32| format!("k{}", n % 3);
        let all: Vec<_> = (1..=60).map(|n| content("orders.created", Some(&key(n)), n)).collect();
        rig.publish(&all).await;
        let mut seen: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        let mut failed = 0;
        while seen.values().map(Vec::len).sum::<usize>() < 60 {
            let delivery = next(&mut consumer).await;
            if number(&delivery).is_multiple_of(7) && delivery.attempt < 3 {
                failed += 1;
                delivery.retry(Duration::from_millis(20)).await.unwrap();
                continue;
            }
            seen.entry(delivery.event.content.key.clone().unwrap()).or_default().push(number(&delivery));
            delivery.ack().await.unwrap();
        }
        assert_eq!(failed, 16);
        assert!(seen.values().all(|numbers| numbers.is_sorted() && numbers.len() == 20), "{seen:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_overtakes_what_a_host_held_when_it_died() {
    for release in Release::BOTH {
        let server = NatsServer::start(release);
        let rig = Rig::ready(&server.url()).await;
        let mut hurried = subscription("orders.*");
        hurried.settings.ack_wait = Duration::from_secs(1);
        let mut consumer = rig.subscribe(&hurried).await;
        let all: Vec<_> = (1..=5).map(|n| content("orders.created", Some("k"), n)).collect();
        rig.publish(&all).await;
        let first = next(&mut consumer).await;
        assert_eq!((number(&first), first.attempt), (1, 1));
        first.retry(Duration::ZERO).await.unwrap();
        let again = next(&mut consumer).await;
        assert_eq!((number(&again), again.attempt), (1, 2));
        rig.publish(&[content("orders.created", Some("k"), 6)]).await;
        rig.until_sent().await;
        // the handle is gone with the process; nothing is said to the server
        std::mem::forget(again);
        drop(consumer);
        let rig = Rig::on(rig.die(), &server.url()).await;
        rig.until_ready().await;
        let mut consumer = rig.subscribe(&hurried).await;
        rig.publish(&[content("orders.created", Some("k"), 7), content("orders.created", Some("j"), 8)]).await;
        let mut of_key = Vec::new();
        while of_key.len() < 7 {
            let delivery = next(&mut consumer).await;
            if delivery.event.content.key.as_deref() == Some("k") {
                of_key.push((number(&delivery), delivery.attempt));
            }
            delivery.ack().await.unwrap();
        }
        assert_eq!(of_key.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7], "{release:?}");
        assert!(of_key[0].1 >= 3, "attempts were forgotten: {of_key:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_stop_that_was_asked_for_events_are_waited_for() {
    for release in Release::BOTH {
        let server = NatsServer::start(release);
        let rig = Rig::ready(&server.url()).await;
        let mut consumer = rig.subscribe(&subscription("orders.*")).await;
        let all: Vec<_> = (1..=5).map(|n| content("orders.created", Some("k"), n)).collect();
        rig.publish(&all).await;
        let under_way = next(&mut consumer).await;
        under_way.ack().await.unwrap();
        drop(consumer);
        rig.publish(&[content("orders.created", Some("k"), 6)]).await;
        let engine = rig.stop().await;
        let since = Instant::now();
        let rig = Rig::on(engine, &server.url()).await;
        assert_eq!(rig.waiting(), 0, "a host that stops leaves what it has committed unsent");
        rig.until_ready().await;
        let mut consumer = rig.subscribe(&subscription("orders.*")).await;
        for expected in 2..=6 {
            let delivery = next(&mut consumer).await;
            assert_eq!(number(&delivery), expected);
            delivery.ack().await.unwrap();
        }
        assert!(since.elapsed() < Duration::from_secs(4), "{:?}", since.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_handler_loses_its_event_to_another() {
    for release in Release::BOTH {
        let server = NatsServer::start(release);
        let (rig, other) = (Rig::ready(&server.url()).await, Rig::ready(&server.url()).await);
        let mut hurried = subscription("orders.*");
        (hurried.settings.ack_wait, hurried.settings.order) = (Duration::from_millis(500), Order::None);
        let mut consumer = rig.subscribe(&hurried).await;
        let mut elsewhere = other.subscribe(&hurried).await;
        rig.publish(&[content("orders.created", None, 1)]).await;
        let (delivery, mut idle) = tokio::select! {
            delivery = next(&mut consumer) => (delivery, elsewhere),
            delivery = next(&mut elsewhere) => (delivery, consumer),
        };
        for _ in 0..6 {
            delivery.progress().await.unwrap();
            nothing(&mut idle, Duration::from_millis(250)).await;
        }
        delivery.ack().await.unwrap();
        nothing(&mut idle, Duration::from_millis(800)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_events_of_a_hung_handler_or_of_a_dead_host_stay_with_it() {
    for release in Release::BOTH {
        let server = NatsServer::start(release);
        let (dies, lives) = (Rig::ready(&server.url()).await, Rig::ready(&server.url()).await);
        let mut hurried = subscription("orders.*");
        (hurried.settings.ack_wait, hurried.settings.order) = (Duration::from_millis(500), Order::None);
        let mut consumer = dies.subscribe(&hurried).await;
        lives.publish(&[content("orders.created", None, 1)]).await;
        let hung = next(&mut consumer).await;
        let again = next(&mut consumer).await;
        assert_eq!((number(&again), again.attempt), (1, 2), "a hung handler keeps an event for ever");
        std::mem::forget((hung, again));
        drop(consumer);
        dies.die();
        let mut consumer = lives.subscribe(&hurried).await;
        let delivery = next(&mut consumer).await;
        assert_eq!(number(&delivery), 1);
        delivery.ack().await.unwrap();
        let stranger = Stranger::at(&server.url()).await;
        let list = stranger.ask("CONSUMER.LIST.HOLM_EVENTS", serde_json::json!({})).await;
        assert_eq!(list["consumers"][0]["num_ack_pending"], 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_takes_more_than_it_has_places_for() {
    for release in Release::BOTH {
        let server = NatsServer::start(release);
        let rig = Rig::ready(&server.url()).await;
        let mut narrow = subscription("orders.*");
        narrow.settings.concurrency = 4;
        let mut consumer = rig.subscribe(&narrow).await;
        let all: Vec<_> = (1..=20).map(|n| content("orders.created", None, n)).collect();
        rig.publish(&all).await;
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(next(&mut consumer).await);
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        let infos = rig.bus.consumers().await.unwrap();
        assert_eq!((infos[0].in_flight, infos[0].lag), (4, 16), "{release:?}");
        for delivery in held {
            delivery.ack().await.unwrap();
        }
        for _ in 0..16 {
            next(&mut consumer).await.ack().await.unwrap();
        }
    }
}
