//! What a host makes of any bus: effects once, attempts, dead letters and their replays.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use holm::events::Draft;
use holm::fault::FaultKind;
use holm::telemetry::metrics::EventOutcome;
use holm::telemetry::now_ms;
use holm_registry::event::Event;
use tokio::time::Instant;

use super::handlers::{Does, Host};
use super::under_test::{BusUnderTest, PATIENCE, number, numbered, publish, publish_numbers, subscription};

/// Calls a macro with the names of all cases.
macro_rules! for_each_host_case {
    ($run:ident) => {
        $run! { host_suite:
            effects_happen_twice_or_not_at_all,
            an_event_that_fails_is_tried_at_other_times_than_was_said,
            a_dead_letter_does_not_say_what_it_was_and_why,
            a_poisonous_event_stops_its_neighbours,
            an_overloaded_service_uses_up_the_attempts,
            a_service_that_never_takes_anything_keeps_the_host_from_stopping,
            a_replayed_dead_letter_is_handled_by_somebody_else_or_twice,
            what_is_under_way_when_the_host_stops_is_lost,
            more_is_under_way_than_may_be,
            a_swap_loses_an_event_or_repeats_its_effects,
            what_somebody_outside_publishes_is_not_delivered,
        }
    };
}

pub(crate) async fn effects_happen_twice_or_not_at_all(under: &mut impl BusUnderTest) {
    let wanted = subscription("stock", "orders.*");
    publish_numbers(under.store(), "orders.created", None, 0..40).await;
    // every fourth handler commits and is not heard of at first
    let does = |event: &Event, attempt| {
        if number(event).is_multiple_of(4) && attempt == 1 { Does::AckUnseen } else { Does::Ack }
    };
    let host = Host::start(under, std::slice::from_ref(&wanted), does).await;
    host.until("the end", |seen| seen.len() == 50).await;
    host.stop().await;
    assert_eq!(host.effects("stock"), (0..40).map(|number| (number, 1)).collect());
    assert_eq!(host.delivered(&wanted, EventOutcome::Duplicate), 10);
    assert_eq!(host.delivered(&wanted, EventOutcome::Acked), 30);
}

pub(crate) async fn an_event_that_fails_is_tried_at_other_times_than_was_said(under: &mut impl BusUnderTest) {
    let mut wanted = subscription("stock", "orders.*");
    wanted.settings.backoff = vec![Duration::from_millis(100), Duration::from_millis(300)];
    wanted.settings.max_deliver = 4;
    let own = Duration::from_millis(200);
    let does = move |_: &Event, attempt| match attempt {
        1 => Does::Fail(FaultKind::Trap),
        2 => Does::Retry(None),
        3 => Does::Retry(Some(own)),
        _ => Does::Ack,
    };
    let host = Host::start(under, &[wanted], does).await;
    publish_numbers(under.store(), "orders.created", None, 0..1).await;
    let seen = host.until("the fourth attempt", |seen| seen.len() == 4).await;
    for (pair, least) in seen.windows(2).zip([100, 300, 200]) {
        let (pause, least) = (pair[1].at - pair[0].at, Duration::from_millis(least));
        assert!(pause >= least && pause < least + Duration::from_secs(2), "{pause:?} instead of {least:?}");
        assert_eq!(pair[1].attempt, pair[0].attempt + 1);
    }
    host.stop().await;
    assert_eq!(host.effects("stock"), [(0, 1)].into());
    assert!(host.events.letters().list(None, 10).unwrap().is_empty());
}

pub(crate) async fn a_dead_letter_does_not_say_what_it_was_and_why(under: &mut impl BusUnderTest) {
    let mut wanted = subscription("stock", "orders.*");
    wanted.settings.max_deliver = 3;
    let mut event = numbered("orders.created", Some("k"), 1);
    event.headers.push(("x-tenant".to_owned(), "7".to_owned()));
    let before = now_ms();
    let ids = publish(under.store(), &[event.clone(), numbered("orders.created", None, 2)]).await;
    let does = |event: &Event, _| if number(event) == 1 { Does::Reject } else { Does::Fail(FaultKind::Trap) };
    let host = Host::start(under, std::slice::from_ref(&wanted), does).await;
    host.until_dead(2).await;
    host.stop().await;
    let mut letters: Vec<_> = host.events.letters().list(None, 10).unwrap().into_iter().map(|(_, dead)| dead).collect();
    letters.sort_by_key(|letter| letter.attempts);
    let [rejected, worn_out] = letters.as_slice() else { panic!("{letters:?}") };
    assert_eq!((rejected.attempts, rejected.reason.as_str(), &rejected.id), (1, "1 is odd", &ids[0]));
    assert_eq!((&rejected.service, &rejected.subject), (&wanted.service, &wanted.settings.subject));
    assert_eq!(rejected.event, event);
    assert!(rejected.time >= before && rejected.time <= now_ms());
    assert_eq!((worn_out.attempts, &worn_out.id), (3, &ids[1]));
    assert!(worn_out.reason.contains("attempt 3") && worn_out.reason.contains("on purpose"), "{}", worn_out.reason);
    assert_eq!(host.delivered(&wanted, EventOutcome::Dead), 2);
    assert_eq!(host.delivered(&wanted, EventOutcome::Retried), 2);
    assert!(host.effects("stock").is_empty());
}

pub(crate) async fn a_poisonous_event_stops_its_neighbours(under: &mut impl BusUnderTest) {
    let mut wanted = subscription("stock", "orders.*");
    wanted.settings.max_deliver = 3;
    let keys = [Some("a"), Some("a"), Some("b"), None];
    let contents = (0..).zip(keys).map(|(number, key)| numbered("orders.created", key, number));
    publish(under.store(), &contents.collect::<Vec<_>>()).await;
    let does = |event: &Event, _| if number(event) == 0 { Does::Fail(FaultKind::Trap) } else { Does::Ack };
    let host = Host::start(under, &[wanted], does).await;
    let seen = host.until("all of it", |seen| seen.len() == 6).await;
    host.until_dead(1).await;
    host.stop().await;
    let order: Vec<(u32, u32)> = seen.iter().map(|seen| (seen.number, seen.attempt)).collect();
    let at = |what| order.iter().position(|other| *other == what).unwrap();
    assert!(at((1, 1)) > at((0, 3)), "the second of its key must wait: {order:?}");
    assert!(at((2, 1)) < at((0, 2)) && at((3, 1)) < at((0, 2)), "others must not: {order:?}");
    assert_eq!(host.effects("stock"), [(1, 1), (2, 1), (3, 1)].into());
}

pub(crate) async fn an_overloaded_service_uses_up_the_attempts(under: &mut impl BusUnderTest) {
    let mut wanted = subscription("stock", "orders.*");
    wanted.settings.max_deliver = 1;
    wanted.settings.ack_wait = Duration::from_millis(300);
    let tries = Arc::new(Mutex::new(0));
    let does = move |_: &Event, _| {
        let mut tries = tries.lock().unwrap();
        *tries += 1;
        let kinds = [FaultKind::Overload, FaultKind::NoService, FaultKind::Conflict];
        kinds.get(*tries - 1).map_or(Does::Work(Duration::from_millis(900)), |kind| Does::Fail(*kind))
    };
    let host = Host::start(under, &[wanted], does).await;
    publish_numbers(under.store(), "orders.created", None, 0..1).await;
    let seen = host.until("its success", |_| host.effects("stock") == [(0, 1)].into()).await;
    host.stop().await;
    assert_eq!(seen.iter().map(|seen| seen.attempt).collect::<Vec<_>>(), [1; 4], "also while the ack wait passed");
    assert!(host.events.letters().list(None, 10).unwrap().is_empty());
}

pub(crate) async fn a_service_that_never_takes_anything_keeps_the_host_from_stopping(under: &mut impl BusUnderTest) {
    let wanted = subscription("stock", "orders.*");
    let host = Host::start(under, std::slice::from_ref(&wanted), |_, _| Does::Fail(FaultKind::Overload)).await;
    publish_numbers(under.store(), "orders.created", None, 0..3).await;
    host.until("a try", |seen| seen.len() > 10).await;
    let asked = Instant::now();
    host.stop().await;
    assert!(asked.elapsed() < PATIENCE / 2, "after {:?}", asked.elapsed());
    under.restart().await;
    let host = Host::start(under, &[wanted], |_, _| Does::Ack).await;
    host.until("the rest", |_| host.effects("stock").len() == 3).await;
    host.stop().await;
}

pub(crate) async fn a_replayed_dead_letter_is_handled_by_somebody_else_or_twice(under: &mut impl BusUnderTest) {
    let (stock, mail) = (subscription("stock", "orders.*"), subscription("mail", "orders.*"));
    let well = Arc::new(Mutex::new(false));
    let is_well = Arc::clone(&well);
    // the mail service does all of it at once, the stock keeper not before he is well
    let host = Host::start(under, &[stock, mail], move |event, _| {
        let refused = number(event) % 2 == 1 && !*is_well.lock().unwrap();
        if refused { Does::Reject } else { Does::Ack }
    })
    .await;
    publish_numbers(under.store(), "orders.created", Some("k"), 0..4).await;
    host.until_dead(4).await;
    *well.lock().unwrap() = true;
    let letters = host.events.letters();
    let of_stock = |(_, letter): &&(_, holm::events::dead::DeadLetter)| letter.service.as_str() == "stock";
    for (number, letter) in letters.list(None, 10).unwrap().iter().filter(of_stock) {
        let id = letters.replay(*number).await.unwrap();
        assert_ne!(id, letter.id);
        assert!(letters.replay(*number).await.unwrap_err().to_string().contains("no dead letter"));
    }
    host.until("the replay", |_| host.effects("stock").len() == 4).await;
    let (last, _) = letters.list(None, 10).unwrap()[0].clone();
    letters.drop(last).await.unwrap();
    assert_eq!(letters.list(None, 10).unwrap().len(), 1);
    host.stop().await;
    assert_eq!(host.effects("stock"), [(0, 1), (1, 1), (2, 1), (3, 1)].into());
    assert_eq!(host.effects("mail"), [(0, 1), (2, 1)].into());
}

pub(crate) async fn what_is_under_way_when_the_host_stops_is_lost(under: &mut impl BusUnderTest) {
    let mut wanted = subscription("stock", "orders.*");
    wanted.settings.concurrency = 3;
    publish_numbers(under.store(), "orders.created", None, 0..10).await;
    let host = Host::start(under, std::slice::from_ref(&wanted), |_, _| Does::Work(Duration::from_millis(400))).await;
    host.until("work", |seen| seen.len() == 3).await;
    host.stop().await;
    assert_eq!(host.effects("stock").len(), 3, "what was begun is finished, and nothing else is begun");
    under.restart().await;
    let host = Host::start(under, &[wanted], |_, _| Does::Ack).await;
    let seen = host.until("the rest", |_| host.effects("stock").len() == 10).await;
    host.stop().await;
    assert_eq!(seen.len(), 7);
    assert!(host.effects("stock").values().all(|count| *count == 1));
}

pub(crate) async fn more_is_under_way_than_may_be(under: &mut impl BusUnderTest) {
    let mut wanted = subscription("stock", "orders.*");
    wanted.settings.concurrency = 2;
    let host = Host::start(under, &[wanted], |_, _| Does::Work(Duration::from_millis(100))).await;
    publish_numbers(under.store(), "orders.created", None, 0..6).await;
    let seen = host.until("all of it", |seen| seen.len() == 6).await;
    host.stop().await;
    for three in seen.windows(3) {
        assert!(three[2].at - three[0].at >= Duration::from_millis(95), "three at once");
    }
}

pub(crate) async fn a_swap_loses_an_event_or_repeats_its_effects(under: &mut impl BusUnderTest) {
    let mut wanted = subscription("stock", "orders.*");
    let host = Host::start(under, std::slice::from_ref(&wanted), |_, _| Does::Work(Duration::from_millis(3))).await;
    for round in 0..10 {
        publish_numbers(under.store(), "orders.created", Some("k"), round * 10..round * 10 + 10).await;
        wanted.settings.concurrency = 1 + round % 3;
        host.want(std::slice::from_ref(&wanted));
        host.events.confirmed().await;
    }
    host.until("the end", |_| host.effects("stock").len() == 100).await;
    host.stop().await;
    assert!(host.effects("stock").values().all(|count| *count == 1));
    let numbers: Vec<u32> = host.seen.lock().unwrap().iter().map(|seen| seen.number).collect();
    assert!(numbers.is_sorted(), "{numbers:?}");
    // one that is not wanted any more ends, and forgets
    host.events.want([wanted.service.clone()].into(), []);
    assert_eq!(under.bus().kept().await.unwrap().len(), 1, "not by a host that has stopped");
}

pub(crate) async fn what_somebody_outside_publishes_is_not_delivered(under: &mut impl BusUnderTest) {
    let host = Host::start(under, &[subscription("stock", ">")], |_, _| Does::Ack).await;
    let draft = |subject: &str| Draft {
        subject: subject.parse().unwrap(),
        kind: None,
        key: None,
        content_type: None,
        headers: Vec::new(),
        payload: "7".into(),
    };
    let id = host.events.publish(draft("orders.created")).await.unwrap();
    assert!(id.starts_with(&under.store().id().to_string()), "{id}");
    let seen = host.until("its delivery", |seen| !seen.is_empty()).await;
    assert_eq!(seen[0].number, 7);
    for (draft, expected) in [
        (draft("$SYS.x"), "belong to the broker"),
        (Draft { headers: vec![("holm-for".into(), "x".into())], ..draft("a") }, "cannot be set"),
        (Draft { key: Some("a\nb".into()), ..draft("a") }, "the key"),
        (Draft { payload: vec![0; 1 << 20].into(), ..draft("a") }, "are allowed"),
    ] {
        let error = host.events.publish(draft).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    host.stop().await;
}
