//! Order by key on every bus, and what attempts, restarts and deaths do to it.

use std::collections::BTreeMap;
use std::time::Duration;

use holm_registry::settings::Order;

use super::under_test::{
    BusUnderTest, attach, handle, handle_all, next, nothing, number, numbered, publish, publish_numbers, subscription,
    told, unordered,
};

/// Calls a macro with the names of all cases.
macro_rules! for_each_order_case {
    ($run:ident) => {
        $run! { order_suite:
            an_event_overtakes_an_earlier_one_of_its_key,
            events_of_other_keys_wait,
            events_without_order_wait,
            a_restart_forgets_how_often_an_event_was_tried,
            a_death_changes_the_order_of_a_key,
            an_event_is_lost_or_comes_twice_in_a_long_row,
            other_settings_let_an_event_overtake,
        }
    };
}

pub(crate) async fn an_event_overtakes_an_earlier_one_of_its_key(under: &mut impl BusUnderTest) {
    let wanted = subscription("stock", "orders.*");
    publish_numbers(under.store(), "orders.created", Some("a"), 0..3).await;
    let mut consumer = attach(&under.bus(), &wanted).await;
    let first = next(&mut *consumer).await;
    nothing(&mut *consumer).await;
    told(first.retry(Duration::from_millis(100)).await);
    let again = next(&mut *consumer).await;
    assert_eq!((number(&again.event), again.attempt), (0, 2));
    nothing(&mut *consumer).await;
    handle(under.store(), &wanted, again).await;
    assert_eq!(handle_all(under.store(), &wanted, &mut *consumer, 2).await, [1, 2]);
}

pub(crate) async fn events_of_other_keys_wait(under: &mut impl BusUnderTest) {
    let wanted = subscription("stock", "orders.*");
    let keys = [Some("a"), Some("a"), Some("b"), None, None, Some("a"), Some("c")];
    let contents = (0..).zip(keys).map(|(number, key)| numbered("orders.created", key, number));
    publish(under.store(), &contents.collect::<Vec<_>>()).await;
    let mut consumer = attach(&under.bus(), &wanted).await;
    let blocking = next(&mut *consumer).await;
    let mut held = Vec::new();
    for expected in [2, 3, 4, 6] {
        let delivery = next(&mut *consumer).await;
        assert_eq!(number(&delivery.event), expected);
        held.push(delivery);
    }
    nothing(&mut *consumer).await;
    for delivery in held {
        handle(under.store(), &wanted, delivery).await;
    }
    handle(under.store(), &wanted, blocking).await;
    assert_eq!(handle_all(under.store(), &wanted, &mut *consumer, 2).await, [1, 5]);
}

pub(crate) async fn events_without_order_wait(under: &mut impl BusUnderTest) {
    let wanted = unordered("stock", "orders.*");
    publish_numbers(under.store(), "orders.created", Some("a"), 0..3).await;
    let mut consumer = attach(&under.bus(), &wanted).await;
    let held = [next(&mut *consumer).await, next(&mut *consumer).await, next(&mut *consumer).await];
    assert_eq!(held.each_ref().map(|delivery| number(&delivery.event)), [0, 1, 2]);
}

pub(crate) async fn a_restart_forgets_how_often_an_event_was_tried(under: &mut impl BusUnderTest) {
    let mut wanted = subscription("stock", "orders.*");
    wanted.settings.ack_wait = Duration::from_millis(500);
    publish_numbers(under.store(), "orders.created", Some("a"), 0..2).await;
    for attempt in 1..=3 {
        let mut consumer = attach(&under.bus(), &wanted).await;
        let delivery = next(&mut *consumer).await;
        assert_eq!((number(&delivery.event), delivery.attempt), (0, attempt));
        told(delivery.retry(Duration::from_millis(50)).await);
        drop(consumer);
        under.restart().await;
    }
    let mut consumer = attach(&under.bus(), &wanted).await;
    let last = next(&mut *consumer).await;
    assert_eq!((number(&last.event), last.attempt), (0, 4));
    handle(under.store(), &wanted, last).await;
    assert_eq!(handle_all(under.store(), &wanted, &mut *consumer, 1).await, [1]);
}

pub(crate) async fn a_death_changes_the_order_of_a_key(under: &mut impl BusUnderTest) {
    let mut wanted = subscription("stock", "orders.*");
    wanted.settings.ack_wait = Duration::from_millis(500);
    publish_numbers(under.store(), "orders.created", Some("a"), 0..6).await;
    let mut handled = Vec::new();
    for _ in 0..3 {
        let mut consumer = attach(&under.bus(), &wanted).await;
        handled.extend(handle_all(under.store(), &wanted, &mut *consumer, 2).await);
        let _under_way = tokio::time::timeout(Duration::from_millis(100), consumer.next()).await;
        under.kill().await;
    }
    assert_eq!(handled, [0, 1, 2, 3, 4, 5]);
    nothing(&mut *attach(&under.bus(), &wanted).await).await;
}

pub(crate) async fn an_event_is_lost_or_comes_twice_in_a_long_row(under: &mut impl BusUnderTest) {
    const COUNT: u32 = 400;
    let wanted = subscription("stock", "orders.>");
    let key = |number: u32| format!("k{}", number % 7);
    for start in (0..COUNT).step_by(50) {
        let contents = (start..start + 50).map(|number| numbered("orders.eu.created", Some(&key(number)), number));
        publish(under.store(), &contents.collect::<Vec<_>>()).await;
    }
    let mut consumer = attach(&under.bus(), &wanted).await;
    let (mut handled, mut seen) = (Vec::new(), BTreeMap::new());
    while handled.len() < COUNT as usize {
        let delivery = next(&mut *consumer).await;
        let number = number(&delivery.event);
        // each is tried twice, some thrice
        let tries: &mut u32 = seen.entry(number).or_default();
        *tries += 1;
        assert_eq!(delivery.attempt, *tries);
        if *tries <= 1 + number % 2 {
            told(delivery.retry(Duration::from_millis(u64::from(number % 5))).await);
        } else {
            handled.push(number);
            handle(under.store(), &wanted, delivery).await;
        }
    }
    nothing(&mut *consumer).await;
    for of_key in 0..7 {
        let order: Vec<u32> = handled.iter().copied().filter(|number| number % 7 == of_key).collect();
        assert!(order.is_sorted() && order.len() >= 57, "{order:?}");
    }
}

pub(crate) async fn other_settings_let_an_event_overtake(under: &mut impl BusUnderTest) {
    let mut wanted = unordered("stock", "orders.*");
    publish_numbers(under.store(), "orders.created", Some("a"), 0..4).await;
    let mut before = attach(&under.bus(), &wanted).await;
    let first = next(&mut *before).await;
    wanted.settings.order = Order::Key;
    let mut after = attach(&under.bus(), &wanted).await;
    drop(before);
    nothing(&mut *after).await;
    handle(under.store(), &wanted, first).await;
    assert_eq!(handle_all(under.store(), &wanted, &mut *after, 3).await, [1, 2, 3]);
}
