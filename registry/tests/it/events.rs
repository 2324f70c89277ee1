//! Logs, marks, answers and what a bus remembers: what every engine has to give under the store.

use holm_registry::Digest;
use holm_registry::settings::Limit;
use holm_registry::store::{
    CommitError, Effects, Expiring, Key, Log, Mark, Position, Quota, Sequence, Stale, Store, StoreOptions, Usage,
    stamped, unstamped,
};

use crate::common::{Home, block_on, key, orders, over_both_engines, read, unit};

/// The sources of the events of a log.
fn sources(store: &Store, log: Log) -> Vec<String> {
    let found = store.events(log, None, 1000).unwrap();
    found.into_iter().map(|event| event.content.unwrap().source).collect()
}

fn write(store: &Store, key: Key, value: impl Into<bytes::Bytes>) -> Sequence {
    let writes = [(key, Some(value.into()))].into();
    block_on(store.commit(Effects { writes, ..Effects::default() })).unwrap()
}

/// What the log really holds, counted.
fn counted(store: &Store, log: Log) -> Usage {
    let found = store.events(log, None, 1000).unwrap();
    let bytes = found.iter().map(|event| event.content.as_ref().unwrap().encode().len() as u64).sum();
    Usage { keys: found.len() as u64, bytes }
}

over_both_engines! {
    fn events_get_lost_or_change_places_between_commit_and_log(home) {
        let store = home.open();
        let follow = store.follow();
        let first = unit().put("a", "1").publish("one").publish("two").commit(&store).unwrap();
        let conflict = unit().read("a", Sequence::NONE).publish("never").commit(&store).unwrap_err();
        assert!(matches!(conflict, CommitError::Conflict(_)));
        let second = unit().publish("three").commit(&store).unwrap();
        assert!(follow.has_changed().unwrap() && *follow.borrow() == second);
        block_on(store.close()).unwrap();
        drop(store);
        let store = home.open();
        let texts = |after, limit| -> Vec<(Position, String)> {
            let found = store.events(Log::Events, after, limit).unwrap();
            found.into_iter().map(|event| (event.at, event.content.unwrap().source)).collect()
        };
        let at = |sequence, index| Position { sequence, index };
        let all = [(at(first, 0), "one"), (at(first, 1), "two"), (at(second, 0), "three")];
        let all = all.map(|(at, text)| (at, text.to_owned()));
        assert_eq!(texts(None, 9), all);
        assert_eq!(texts(Some(at(first, 0)), 1), all[1..2]);
        let mut trim = unit();
        trim.0.writes.insert(Key::event(Log::Events, at(first, 1)), None);
        trim.commit(&store).unwrap();
        assert_eq!(texts(Some(at(first, 0)), 9), all[2..]);
        assert!(store.events(Log::DeadLetters, None, 9).unwrap().is_empty());
    }

    fn a_log_has_more_or_less_than_its_total_says(home) {
        let store = home.open();
        assert_eq!(store.log_usage(Log::Events), Usage::default());
        let first = unit().publish("one").append(Log::DeadLetters, "dead", 5).commit(&store).unwrap();
        unit().append(Log::Events, "large", 300_000).publish("three").commit(&store).unwrap();
        for log in [Log::Events, Log::DeadLetters] {
            assert_eq!(store.log_usage(log), counted(&store, log));
        }
        block_on(store.close()).unwrap();
        drop(store);
        let store = home.open();
        assert_eq!(store.log_usage(Log::Events), counted(&store, Log::Events));
        assert_eq!(store.log_usage(Log::Events).keys, 3);
        assert_eq!(block_on(store.trim(Log::Events, Position { sequence: first, index: 9 })), Ok(1));
        assert_eq!(store.log_usage(Log::Events), counted(&store, Log::Events));
        assert_eq!((store.log_usage(Log::Events).keys, store.log_usage(Log::DeadLetters).keys), (2, 1));
    }

    fn a_page_holds_more_than_was_asked_for_or_ends_too_soon(home) {
        let store = home.open();
        for n in 0..70 {
            unit().append(Log::Events, &n.to_string(), if n % 10 == 0 { 200_000 } else { 10 }).commit(&store).unwrap();
        }
        const ALL: usize = usize::MAX;
        for (limit, bytes) in [(1, ALL), (7, ALL), (32, ALL), (100, 250_000), (100, 1), (70, ALL)] {
            let (mut after, mut found, mut pages) = (None, Vec::new(), 0);
            loop {
                let page = store.page(Log::Events, after, limit, bytes).unwrap();
                let contents: Vec<_> = page.events.iter().map(|event| event.content.as_ref().unwrap()).collect();
                assert!(contents.len() <= limit);
                let all_but_last: usize = contents.iter().rev().skip(1).map(|content| content.size()).sum();
                assert!(all_but_last < bytes, "{all_but_last} bytes and one more event");
                found.extend(contents.iter().map(|content| content.source.clone()));
                pages += 1;
                assert!(Some(page.until) > after);
                after = Some(page.until);
                if !page.more {
                    break;
                }
            }
            assert_eq!(found, (0..70).map(|n| n.to_string()).collect::<Vec<_>>());
            assert!(pages >= 70_usize.div_ceil(limit), "{pages} pages");
            assert_eq!(after, Some(Position { sequence: store.applied(), index: u32::MAX }));
        }
        let end = store.page(Log::Events, Some(Position { sequence: Sequence(999), index: 0 }), 5, 5).unwrap();
        assert_eq!((end.events.len(), end.until.sequence, end.more), (0, Sequence(999), false));
    }

    fn events_are_published_into_a_log_that_is_full(home) {
        let options = StoreOptions { backlog: Quota { keys: 3, bytes: 10_000 }, ..StoreOptions::default() };
        let store = home.open_with(&options);
        let two = unit().publish("1").publish("2").commit(&store).unwrap();
        let kept = store.log_usage(Log::Events);
        let full = unit().put("a", "1").publish("3").publish("4").commit(&store).unwrap_err();
        assert_eq!(full, CommitError::Backlog { events: 2, bytes: kept.bytes });
        let large = unit().append(Log::Events, "large", 10_000).commit(&store).unwrap_err();
        assert!(matches!(large, CommitError::Backlog { events: 2, .. }));
        assert_eq!(read(&store, "a"), None);
        unit().put("a", "1").append(Log::DeadLetters, "dead", 20_000).commit(&store).unwrap();
        drop(store);

        // one that is over its limit, since that was lowered, may still shrink
        let store = home.open_with(&StoreOptions { backlog: Quota { keys: 1, bytes: 1 }, ..options });
        assert!(unit().publish("3").commit(&store).is_err());
        assert_eq!(block_on(store.trim(Log::Events, Position { sequence: two, index: 0 })), Ok(1));
        assert_eq!(sources(&store, Log::Events), ["2"]);
    }

    fn trimming_a_long_log_takes_what_lies_behind(home) {
        let store = home.open();
        let mut last = Sequence::NONE;
        for _ in 0..3 {
            last = (0..200).fold(unit(), |unit, n| unit.publish(&n.to_string())).commit(&store).unwrap();
        }
        unit().append(Log::DeadLetters, "dead", 0).put("a", "1").commit(&store).unwrap();
        let up_to = Position { sequence: last, index: 10 };
        assert_eq!(block_on(store.trim(Log::Events, up_to)), Ok(411));
        assert_eq!(block_on(store.trim(Log::Events, up_to)), Ok(0));
        assert_eq!(sources(&store, Log::Events), (11..200).map(|n| n.to_string()).collect::<Vec<_>>());
        assert_eq!((sources(&store, Log::DeadLetters).len(), read(&store, "a")), (1, Some(b"1".to_vec())));
    }

    fn an_event_is_handled_once_more_or_its_mark_lost(home) {
        let store = home.open();
        unit().handle("s-1-0", 7).put("a", "1").publish("next").commit(&store).unwrap();
        block_on(store.close()).unwrap();
        drop(store);
        let store = home.open();
        let again = unit().handle("s-1-0", 8).put("a", "2").publish("next").commit(&store).unwrap_err();
        assert_eq!(again, CommitError::Conflict(Stale::Key(Key::inbox(&orders(), "sub", "s-1-0"))));
        unit().handle("s-1-1", 9).commit(&store).unwrap();
        let mark = |event: &str, time| Mark { event: event.to_owned(), time };
        assert_eq!(store.marks(&orders(), "sub").unwrap(), [mark("s-1-0", 7), mark("s-1-1", 9)]);
        assert!(store.marks(&orders(), "su").unwrap().is_empty());
        assert_eq!((read(&store, "a").unwrap(), store.log_usage(Log::Events).keys), (b"1".to_vec(), 1));
        assert_eq!(store.usage(&orders()), Usage { keys: 1, bytes: 2 }, "a mark counts for nobody");
    }

    fn what_expires_stays_or_takes_others_with_it(home) {
        let store = home.open();
        for n in 0..300_u64 {
            unit().handle(&format!("e{n:03}"), n).commit(&store).unwrap();
        }
        let answer = |n: u8| Key::answer(&orders(), &Digest::of(&[n]));
        write(&store, answer(1), stamped(100, &[1; 200_000]));
        write(&store, answer(2), stamped(200, b"late"));
        let cursor = Key::consumer(&orders(), "sub", "cursor");
        write(&store, cursor.clone(), "12");
        assert_eq!(store.usage(&orders()), Usage { keys: 2, bytes: 2 * 32 + 2 * 8 + 200_000 + 4 });

        assert_eq!(block_on(store.expire(Expiring::Marks, 250)), Ok(250));
        assert_eq!(block_on(store.expire(Expiring::Answers, 150)), Ok(1));
        let left = store.marks(&orders(), "sub").unwrap();
        assert_eq!((left.len(), left[0].time), (50, 250));
        let late = store.get(&answer(2)).unwrap().unwrap();
        assert_eq!(unstamped(&late.value), Some((200, "late".into())));
        assert_eq!(store.usage(&orders()), Usage { keys: 1, bytes: 32 + 8 + 4 });

        write(&store, Key::inbox(&orders(), "sub2", "e"), stamped(1, b""));
        assert_eq!(block_on(store.forget(&orders(), "sub")), Ok(51));
        assert_eq!((store.get(&cursor).unwrap(), store.marks(&orders(), "sub").unwrap().len()), (None, 0));
        assert_eq!(store.marks(&orders(), "sub2").unwrap().len(), 1);
    }

    fn answers_are_kept_beyond_the_quota(home) {
        let store = home.open();
        let mut unit = unit().put("a", "1");
        unit.0.writes.insert(Key::answer(&orders(), &Digest::of(b"x")), Some(stamped(7, &[0; 100])));
        unit.0.quota = Some(Quota { keys: 10, bytes: 141 });
        let over = unit.clone().commit(&store).unwrap_err();
        assert!(matches!(over, CommitError::OverQuota(over) if over.limit == Limit::State && over.wanted == 142));
        unit.0.quota = Some(Quota { keys: 10, bytes: 142 });
        unit.commit(&store).unwrap();
        assert_eq!(store.get(&key("a")).unwrap().map(|record| record.value), Some("1".into()));
    }
}
