//! What every bus promises: see `holm::events::bus`.

use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use holm::telemetry::now_ms;
use holm_registry::event::{Content, MAX_EVENT};
use holm_registry::settings::Start;
use tokio::time::{Instant, sleep, timeout};

use super::under_test::{
    BusUnderTest, PATIENCE, attach, content, handle, handle_all, next, nothing, number, numbered, publish,
    publish_numbers, subscription, told, unordered,
};

/// Calls a macro with the names of all cases.
macro_rules! for_each_bus_case {
    ($run:ident) => {
        $run! { bus_suite:
            an_event_reaches_who_did_not_subscribe_to_it_or_misses_who_did,
            two_hosts_of_a_service_handle_the_same_event,
            an_event_that_was_handled_comes_again,
            an_event_comes_again_too_early,
            an_event_that_was_given_up_comes_again,
            an_event_comes_again_while_its_handler_works,
            an_event_is_lost_with_the_handler_that_had_it,
            an_event_that_nobody_asked_for_is_taken_out_of_the_stream,
            a_new_subscription_begins_elsewhere_than_it_was_told,
            an_event_arrives_changed,
            a_subscription_that_ended_goes_on_where_it_was,
            the_numbers_of_a_subscription_are_wrong,
            somebody_who_looks_on_misses_an_event_or_takes_it_away,
            a_replayed_event_reaches_those_who_had_handled_it,
        }
    };
}

pub(crate) async fn an_event_reaches_who_did_not_subscribe_to_it_or_misses_who_did(under: &mut impl BusUnderTest) {
    let subjects = ["orders", "orders.created", "orders.eu.created", "users.created", "orders.créé"];
    let patterns = [
        ("orders.created", vec![1]),
        ("orders.*", vec![1, 4]),
        ("orders.>", vec![1, 2, 4]),
        ("*.created", vec![1, 3]),
        (">", vec![0, 1, 2, 3, 4]),
    ];
    let contents = (0..).zip(subjects).map(|(number, subject)| numbered(subject, None, number));
    publish(under.store(), &contents.collect::<Vec<_>>()).await;
    for (pattern, expected) in patterns {
        let wanted = unordered("stock", pattern);
        let mut consumer = attach(&under.bus(), &wanted).await;
        assert_eq!(handle_all(under.store(), &wanted, &mut *consumer, expected.len()).await, expected, "{pattern}");
        nothing(&mut *consumer).await;
    }
}

pub(crate) async fn two_hosts_of_a_service_handle_the_same_event(under: &mut impl BusUnderTest) {
    let wanted = subscription("stock", "orders.*");
    let (mut one, mut two) = (attach(&under.bus(), &wanted).await, attach(&under.bus(), &wanted).await);
    publish_numbers(under.store(), "orders.created", None, 0..2).await;
    let (first, second) = (next(&mut *one).await, next(&mut *two).await);
    assert_ne!(first.event.id, second.event.id);
    // another service has its own
    let other = subscription("mail", "orders.*");
    let mut mail = attach(&under.bus(), &other).await;
    assert_eq!(handle_all(under.store(), &other, &mut *mail, 2).await, [0, 1]);
    handle(under.store(), &wanted, first).await;
    handle(under.store(), &wanted, second).await;
    nothing(&mut *one).await;
}

pub(crate) async fn an_event_that_was_handled_comes_again(under: &mut impl BusUnderTest) {
    let wanted = subscription("stock", "orders.*");
    publish_numbers(under.store(), "orders.created", None, 0..3).await;
    let mut consumer = attach(&under.bus(), &wanted).await;
    assert_eq!(handle_all(under.store(), &wanted, &mut *consumer, 2).await, [0, 1]);
    drop(consumer);
    under.kill().await;
    let mut consumer = attach(&under.bus(), &wanted).await;
    assert_eq!(handle_all(under.store(), &wanted, &mut *consumer, 1).await, [2]);
    under.restart().await;
    let mut consumer = attach(&under.bus(), &wanted).await;
    nothing(&mut *consumer).await;
}

pub(crate) async fn an_event_comes_again_too_early(under: &mut impl BusUnderTest) {
    let wanted = subscription("stock", "orders.*");
    let ids = publish_numbers(under.store(), "orders.created", None, 0..1).await;
    let mut consumer = attach(&under.bus(), &wanted).await;
    let (first, pause) = (next(&mut *consumer).await, Duration::from_millis(400));
    assert_eq!((first.attempt, &first.event.id), (1, &ids[0]));
    let asked = Instant::now();
    told(first.retry(pause).await);
    let second = next(&mut *consumer).await;
    assert!(asked.elapsed() >= pause, "after {:?}", asked.elapsed());
    assert_eq!((second.attempt, &second.event.id), (2, &ids[0]));
    told(second.retry(Duration::ZERO).await);
    let third = next(&mut *consumer).await;
    assert_eq!((third.attempt, &third.event.id), (3, &ids[0]));
    handle(under.store(), &wanted, third).await;
    nothing(&mut *consumer).await;
}

pub(crate) async fn an_event_that_was_given_up_comes_again(under: &mut impl BusUnderTest) {
    let wanted = subscription("stock", "orders.*");
    publish_numbers(under.store(), "orders.created", None, 0..2).await;
    let mut consumer = attach(&under.bus(), &wanted).await;
    let dead = next(&mut *consumer).await;
    super::under_test::mark(under.store(), &wanted, &dead.event).await;
    told(dead.terminate().await);
    assert_eq!(handle_all(under.store(), &wanted, &mut *consumer, 1).await, [1]);
    nothing(&mut *consumer).await;
    under.kill().await;
    nothing(&mut *attach(&under.bus(), &wanted).await).await;
}

pub(crate) async fn an_event_comes_again_while_its_handler_works(under: &mut impl BusUnderTest) {
    let mut wanted = subscription("stock", "orders.*");
    wanted.settings.ack_wait = Duration::from_millis(600);
    publish_numbers(under.store(), "orders.created", None, 0..1).await;
    let mut consumer = attach(&under.bus(), &wanted).await;
    let delivery = next(&mut *consumer).await;
    for _ in 0..5 {
        sleep(wanted.settings.ack_wait / 2).await; // the work of a handler that tells that it lives
        told(delivery.progress().await);
    }
    nothing(&mut *consumer).await;
    told(delivery.progress().await);
    // and one that tells nothing any more
    let silent = Instant::now();
    let again = next(&mut *consumer).await;
    assert!(silent.elapsed() > wanted.settings.ack_wait / 2, "after {:?}", silent.elapsed());
    assert_eq!(again.attempt, 2);
    handle(under.store(), &wanted, again).await;
}

pub(crate) async fn an_event_is_lost_with_the_handler_that_had_it(under: &mut impl BusUnderTest) {
    let mut wanted = subscription("stock", "orders.*");
    wanted.settings.ack_wait = Duration::from_millis(500);
    let ids = publish_numbers(under.store(), "orders.created", None, 0..1).await;
    let mut consumer = attach(&under.bus(), &wanted).await;
    drop(next(&mut *consumer).await);
    let again = next(&mut *consumer).await;
    assert_eq!((again.attempt, &again.event.id), (2, &ids[0]));
    drop((again, consumer));
    let mut other = attach(&under.bus(), &wanted).await;
    let third = next(&mut *other).await;
    assert_eq!(third.attempt, 3);
    handle(under.store(), &wanted, third).await;
    nothing(&mut *other).await;
}

pub(crate) async fn an_event_that_nobody_asked_for_is_taken_out_of_the_stream(under: &mut impl BusUnderTest) {
    let mut wanted = subscription("stock", "orders.*");
    wanted.settings.ack_wait = Duration::from_millis(300);
    publish_numbers(under.store(), "orders.created", None, 0..3).await;
    let mut consumer = attach(&under.bus(), &wanted).await;
    let first = next(&mut *consumer).await;
    handle(under.store(), &wanted, first).await;
    sleep(wanted.settings.ack_wait * 3).await; // longer than what was taken out could stay out
    for expected in 1..3 {
        let delivery = next(&mut *consumer).await;
        assert_eq!((number(&delivery.event), delivery.attempt), (expected, 1));
        handle(under.store(), &wanted, delivery).await;
    }
}

pub(crate) async fn a_new_subscription_begins_elsewhere_than_it_was_told(under: &mut impl BusUnderTest) {
    let old = Content { time: now_ms() - 60_000, ..numbered("orders.created", None, 0) };
    publish(under.store(), &[old]).await;
    sleep(Duration::from_millis(20)).await; // the clock of a server must pass between the two
    let middle = now_ms();
    sleep(Duration::from_millis(20)).await;
    publish_numbers(under.store(), "orders.created", None, 1..2).await;
    let with = |service: &str, start| {
        let mut wanted = subscription(service, "orders.*");
        wanted.settings.start = start;
        wanted
    };
    let (all, since, new) = (with("all", Start::All), with("since", Start::Time(middle)), with("newcomer", Start::New));
    let mut newcomer = attach(&under.bus(), &new).await;
    let mut from_middle = attach(&under.bus(), &since).await;
    let mut from_begin = attach(&under.bus(), &all).await;
    publish_numbers(under.store(), "orders.created", None, 2..3).await;
    assert_eq!(handle_all(under.store(), &all, &mut *from_begin, 3).await, [0, 1, 2]);
    assert_eq!(handle_all(under.store(), &since, &mut *from_middle, 2).await, [1, 2]);
    assert_eq!(handle_all(under.store(), &new, &mut *newcomer, 1).await, [2]);
    // where it begins has no meaning any more
    drop(newcomer);
    publish_numbers(under.store(), "orders.created", None, 3..4).await;
    let again = with("newcomer", Start::All);
    assert_eq!(handle_all(under.store(), &again, &mut *attach(&under.bus(), &again).await, 1).await, [3]);
}

pub(crate) async fn an_event_arrives_changed(under: &mut impl BusUnderTest) {
    let wanted = subscription("stock", ">");
    let bytes = |length: usize| -> Bytes { (0..length).map(|at| (at * 31 % 251) as u8).collect() };
    let headers = vec![("x-one".to_owned(), "a".to_owned()), ("x-one".to_owned(), "ü b".to_owned())];
    let rich = Content {
        kind: "made".to_owned(),
        content_type: Some("application/json".to_owned()),
        key: Some("k".to_owned()),
        traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()),
        payload: bytes(256),
        headers: headers.clone(),
        ..content("orders.créé")
    };
    let header_bytes: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    let largest = Content { payload: bytes(MAX_EVENT.as_usize() - header_bytes), headers, ..content("orders.large") };
    let contents = [content("orders.empty"), rich, largest];
    contents.iter().for_each(|content| content.check().unwrap());
    let ids = publish(under.store(), &contents).await;
    let mut consumer = attach(&under.bus(), &wanted).await;
    for (id, content) in ids.iter().zip(contents) {
        let delivery = next(&mut *consumer).await;
        assert_eq!(&delivery.event.id, id);
        assert!(delivery.event.content == content, "{:?}", delivery.event.content.subject);
        handle(under.store(), &wanted, delivery).await;
    }
}

pub(crate) async fn a_subscription_that_ended_goes_on_where_it_was(under: &mut impl BusUnderTest) {
    let wanted = subscription("stock", "orders.*");
    publish_numbers(under.store(), "orders.created", None, 0..2).await;
    let mut consumer = attach(&under.bus(), &wanted).await;
    assert_eq!(handle_all(under.store(), &wanted, &mut *consumer, 1).await, [0]);
    told(under.bus().unsubscribe(&wanted.service, &wanted.settings.subject).await);
    assert!(timeout(PATIENCE, consumer.next()).await.unwrap().is_err(), "it goes on");
    assert!(under.bus().kept().await.unwrap().is_empty());
    told(under.bus().unsubscribe(&wanted.service, &wanted.settings.subject).await);
    let mut anew = attach(&under.bus(), &wanted).await;
    assert_eq!(number(&next(&mut *anew).await.event), 0);
}

pub(crate) async fn the_numbers_of_a_subscription_are_wrong(under: &mut impl BusUnderTest) {
    let wanted = unordered("stock", "orders.*");
    publish_numbers(under.store(), "orders.created", None, 0..4).await;
    publish_numbers(under.store(), "users.created", None, 0..2).await;
    let mut consumer = attach(&under.bus(), &wanted).await;
    let (first, second) = (next(&mut *consumer).await, next(&mut *consumer).await);
    let tried = second.event.id.clone();
    told(second.retry(Duration::ZERO).await);
    let again = next(&mut *consumer).await;
    // a server may have sent the third before: then that one is under way, and the second waits for another attempt
    let expected = if again.event.id == tried { (2, 2, 1) } else { (1, 3, 1) };
    // a relay may still be on its way
    let arrived = async {
        while !under.bus().streams().await.unwrap().iter().any(|stream| stream.events == 6 && stream.bytes > 0) {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(20), arrived).await.expect("the six events are never counted");
    let numbers = || async {
        let infos = under.bus().consumers().await.unwrap();
        let [info] = infos.as_slice() else { panic!("{infos:?}") };
        assert_eq!((&info.service, &info.subject), (&wanted.service, &wanted.settings.subject));
        (info.lag, info.in_flight, info.redelivered)
    };
    // so may what a server has sent, which it counts as delivered
    let end = Instant::now() + PATIENCE;
    while numbers().await != expected {
        assert!(Instant::now() < end, "{:?}", numbers().await);
        sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(under.bus().kept().await.unwrap(), [(wanted.service.clone(), wanted.settings.subject.clone())]);
    for delivery in [first, again] {
        handle(under.store(), &wanted, delivery).await;
    }
}

pub(crate) async fn somebody_who_looks_on_misses_an_event_or_takes_it_away(under: &mut impl BusUnderTest) {
    let wanted = subscription("stock", "orders.*");
    let mut consumer = attach(&under.bus(), &wanted).await;
    publish_numbers(under.store(), "orders.created", None, 0..1).await;
    assert_eq!(handle_all(under.store(), &wanted, &mut *consumer, 1).await, [0]);
    let mut tail = under.bus().tail(&"orders.>".parse().unwrap()).await.unwrap();
    publish_numbers(under.store(), "users.created", None, 7..8).await;
    publish_numbers(under.store(), "orders.created", None, 1..4).await;
    for expected in 1..4 {
        let seen = timeout(PATIENCE, tail.next()).await.unwrap().unwrap().unwrap();
        assert_eq!((seen.content.subject.as_str(), number(&seen)), ("orders.created", expected));
    }
    assert_eq!(handle_all(under.store(), &wanted, &mut *consumer, 3).await, [1, 2, 3]);
}

pub(crate) async fn a_replayed_event_reaches_those_who_had_handled_it(under: &mut impl BusUnderTest) {
    let (one, two) = (subscription("stock", "orders.*"), subscription("mail", "orders.*"));
    let mut replayed = numbered("orders.created", None, 0);
    replayed.headers.push(("holm-for".to_owned(), "mail orders.*".to_owned()));
    publish(under.store(), &[replayed, numbered("orders.created", None, 1)]).await;
    let (mut stock, mut mail) = (attach(&under.bus(), &one).await, attach(&under.bus(), &two).await);
    assert_eq!(handle_all(under.store(), &one, &mut *stock, 1).await, [1]);
    assert_eq!(handle_all(under.store(), &two, &mut *mail, 2).await, [0, 1]);
    nothing(&mut *stock).await;
}
