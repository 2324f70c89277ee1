//! Keys come back as they were, and meet nowhere.

use proptest::prelude::*;

use super::*;

fn name(text: &str) -> ServiceName {
    text.parse().unwrap()
}

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(vec!['\0', '\u{1}', 'a', 'b', '/', 'ÿ', '\u{10ffff}']), 0..6)
        .prop_map(|chars| chars.into_iter().collect())
}

fn service() -> impl Strategy<Value = ServiceName> {
    prop::sample::select(vec!["a", "ab", "a-b", "orders", "orders2"]).prop_map(name)
}

proptest! {
    #[test]
    fn a_state_key_comes_back_as_it_was(s in service(), b in text(), k in text()) {
        let key = Key::state(&s, &b, &k);
        prop_assert_eq!(key.state_parts(), Some((s.to_string(), b.clone(), k.clone())));
        prop_assert_eq!(key.keyset(), Some(Keyset::new(&s, &b)));
        prop_assert_eq!(Keyset::new(&s, &b).key(&k), key.clone());
        prop_assert_eq!(key.owner(), Some((s.as_str(), k.len() as u64)));
    }

    #[test]
    fn keys_sort_by_service_then_bucket_then_key(
        one in (service(), text(), text()),
        two in (service(), text(), text()),
    ) {
        let order = Key::state(&one.0, &one.1, &one.2).cmp(&Key::state(&two.0, &two.1, &two.2));
        let expected = (one.0.as_str(), one.1.as_bytes(), one.2.as_bytes())
            .cmp(&(two.0.as_str(), two.1.as_bytes(), two.2.as_bytes()));
        prop_assert_eq!(order, expected);
    }

    #[test]
    fn a_listing_never_shows_another_bucket(
        one in (service(), text()),
        two in (service(), text(), text()),
    ) {
        let set = Keyset::new(&one.0, &one.1);
        let key = Key::state(&two.0, &two.1, &two.2);
        let inside = key.as_bytes().starts_with(set.prefix());
        prop_assert_eq!(inside, one.0 == two.0 && one.1 == two.1);
        let end = after_prefix(set.prefix()).unwrap();
        prop_assert_eq!(key.as_bytes() >= set.prefix() && key.as_bytes() < end.as_slice(), inside);
    }
}

#[test]
fn a_message_about_a_key_does_not_show_what_the_guest_wrote() {
    let shown = Key::state(&name("orders"), "", "alice@example.com").to_string();
    assert_eq!(shown, "a key of 17 bytes in bucket \"\" of service orders");
}

#[test]
fn spaces_do_not_meet() {
    assert_eq!(Key::catalog("service/a").path(), Some("service/a"));
    assert_eq!(Key::meta("x").path(), Some("x"));
    assert_ne!(Key::catalog("x"), Key::meta("x"));
    assert_eq!(Key::catalog("x").state_parts(), None);
    assert_eq!(after_prefix(&[0xff, 0xff]), None);
}

#[test]
fn a_record_counts_for_nobody_or_for_somebody_else() {
    let (orders, scope) = (name("orders"), Digest::of(b"scope"));
    let at = Position { sequence: Sequence(7), index: 2 };
    let (mark, consumer) = (Key::inbox(&orders, "a.*", "e"), Key::consumer(&orders, "a.*", "cursor"));
    assert_eq!(Key::answer(&orders, &scope).owner(), Some(("orders", 32)));
    assert_eq!(Key::event(Log::Events, at).owner(), Some(("log/events", 0)));
    assert_eq!(Key::event(Log::DeadLetters, at).owner(), Some(("log/dead-letters", 0)));
    for nobodys in [&mark, &consumer, &Key::catalog("orders"), &mark.quarantined()] {
        assert_eq!(nobodys.owner(), None);
    }
    let parts = |rest: &str| Some(("orders".to_owned(), "a.*".to_owned(), rest.to_owned()));
    assert_eq!((mark.subscription_parts(), consumer.subscription_parts()), (parts("e"), parts("cursor")));
    assert!(mark.quarantined().as_bytes().starts_with(Key::quarantine().as_bytes()));
    assert_eq!(Key::event(Log::Events, at).to_string(), "event 7-2 of log/events");
    assert_eq!(mark.to_string(), "what service orders has handled of \"a.*\": \"e\"");
}
