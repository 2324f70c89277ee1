//! What a host holds of a consumer, and in which order it goes out.

use holm_registry::settings::Subscribe;

use super::*;
use crate::events::testing::{content, keyed};

fn window(order: Order, last: u64, unsettled: usize) -> Window {
    let mut settings = Subscribe::new("a".parse().unwrap());
    (settings.order, settings.concurrency) = (order, 4);
    let subscription = Subscription { service: "s".parse().unwrap(), settings };
    let mut window = Window::new(&subscription, Attempts::default(), Instant::now());
    if window.shut(Instant::now()) {
        window.counted(last, unsettled, Instant::now());
    }
    window.asks(true);
    window
}

fn arrive(window: &mut Window, sequence: u64, key: &str, delivered: u32) -> Arrival {
    let content = if key.is_empty() { content("a") } else { keyed("a", key) };
    let event = Event { id: sequence.to_string(), content };
    let place = Place { stream: "S".into(), sequence, delivered, time: 0 };
    window.arrived(&place, format!("{sequence}/{delivered}"), Some(event), Instant::now())
}

/// Number and attempt of what goes out now.
fn next(window: &mut Window) -> Option<(u64, Taken)> {
    let (taken, event) = window.take(Instant::now())?;
    Some((event.id.parse().unwrap(), taken))
}

#[test]
fn more_is_asked_for_than_there_is_a_place_for() {
    let now = Instant::now();
    let mut window = window(Order::Key, 0, 0);
    window.asks(false);
    assert_eq!(window.claim(now), 0, "asked for although nobody waits");
    window.asks(true);
    assert_eq!((window.claim(now), window.claim(now)), (4, 0));
    (1..=4).for_each(|n| assert_eq!(arrive(&mut window, n, "k", 1), Arrival::Kept));
    let (_, first) = next(&mut window).unwrap();
    assert_eq!((next(&mut window).is_none(), window.claim(now)), (true, 3), "what waits for its key takes a place");
    assert_eq!((window.len(), window.untried()), (4, (3, 0)));
    window.asks(false);
    window.settle(first);
    window.release(first);
    assert_eq!((window.claim(now), window.alive().len()), (0, 0), "kept from others although nobody asks");
}

#[test]
fn a_redelivery_of_what_is_held_or_settled_is_handled_twice() {
    let mut window = window(Order::Key, 0, 0);
    arrive(&mut window, 1, "k", 1);
    let (_, taken) = next(&mut window).unwrap();
    assert_eq!((arrive(&mut window, 1, "k", 2), next(&mut window).is_none()), (Arrival::Kept, true));
    assert_eq!(window.reply(taken).as_deref(), Some("1/2"), "acknowledged under an old name");
    window.settle(taken);
    assert_eq!(arrive(&mut window, 1, "k", 3), Arrival::Kept);
    window.release(taken);
    assert_eq!(arrive(&mut window, 1, "k", 4), Arrival::Done);
    assert_eq!(window.len(), 0);
}

#[test]
fn an_event_that_went_back_to_the_server_is_not_taken_again() {
    let mut window = window(Order::None, 0, 0);
    arrive(&mut window, 1, "", 1);
    let (_, taken) = next(&mut window).unwrap();
    window.let_go(taken);
    assert_eq!((window.len(), arrive(&mut window, 1, "", 2)), (0, Arrival::Kept));
    assert_eq!(window.untried(), (1, 1));
}

#[test]
fn an_event_without_interest_stays_in_the_stream() {
    let mut window = window(Order::Key, 0, 0);
    let place = Place { stream: "S".into(), sequence: 1, delivered: 1, time: 0 };
    let other = Event { id: "1".into(), content: content("b") };
    assert_eq!(window.arrived(&place, String::new(), Some(other), Instant::now()), Arrival::Done);
    assert_eq!(window.arrived(&place, String::new(), None, Instant::now()), Arrival::Done);
    assert_eq!(window.len(), 0);
}

#[test]
fn what_a_host_held_when_it_was_killed_counts_as_tried() {
    let mut window = window(Order::Key, 0, 0);
    arrive(&mut window, 1, "k", 3);
    let (_, first) = next(&mut window).unwrap();
    assert_eq!((first.attempt, window.begins(first)), (1, vec![(1, Some(1))]), "nobody would know that it has begun");
    assert_eq!(window.failed(first), [], "written twice");
    window.retry(first, Instant::now());
    window.release(first);
    let (_, second) = next(&mut window).unwrap();
    assert_eq!((second.attempt, window.begins(second)), (2, vec![(1, Some(2))]));
    assert_eq!(window.give_back(second), [(1, Some(1))], "what was not tried counts");
    window.release(second);
    let (_, second) = next(&mut window).unwrap();
    assert_eq!((second.attempt, window.begins(second).len()), (2, 1));
    window.settle(second);
    assert_eq!(window.forget(second), [(1, None)]);
}

#[test]
fn an_event_that_is_handled_at_once_costs_a_note() {
    let mut window = window(Order::Key, 0, 0);
    arrive(&mut window, 1, "k", 1);
    let (_, taken) = next(&mut window).unwrap();
    assert_eq!((window.begins(taken), window.forget(taken)), (vec![], vec![]));
    assert_eq!(window.failed(taken), [(1, Some(1))], "a crash before the next attempt takes it back");
}

#[test]
fn a_later_event_of_a_key_overtakes_what_a_host_held_when_it_died() {
    let mut window = window(Order::Key, 5, 2);
    assert_eq!(window.claim(Instant::now()), 2);
    arrive(&mut window, 6, "k", 1);
    arrive(&mut window, 4, "k", 2);
    assert!(next(&mut window).is_none());
    arrive(&mut window, 2, "j", 2);
    assert_eq!([2, 4].map(|_| next(&mut window).unwrap().0), [2, 4]);
    assert!(next(&mut window).is_none(), "6 waits for 4");
    let mut unordered = self::window(Order::None, 5, 2);
    arrive(&mut unordered, 6, "k", 1);
    assert!(next(&mut unordered).is_some());
}

#[test]
fn what_nobody_handles_is_kept_by_a_host_that_stops() {
    let mut window = window(Order::Key, 0, 0);
    (1..=3).for_each(|n| assert_eq!(arrive(&mut window, n, "k", 1), Arrival::Kept));
    let (_, taken) = next(&mut window).unwrap();
    let mut given = window.clear();
    given.sort();
    assert_eq!((given, window.len()), (vec!["2/1".to_owned(), "3/1".to_owned()], 1));
    assert!(window.reply(taken).is_some());
}
