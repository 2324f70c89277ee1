//! What every engine has to give under the store. Each test runs over both.

use std::sync::Barrier;
use std::thread;

use holm_registry::settings::Limit;
use holm_registry::store::{
    CommitError, Effects, Key, Keyset, OverQuota, Quota, Sequence, Stale, Store, StoreError, Usage,
};

use crate::common::{Home, Unit, block_on, key, keyset, orders, over_both_engines, read, unit};

over_both_engines! {
    fn what_was_written_is_read_with_the_version_of_its_commit(home) {
        let store = home.open();
        let first = unit().put("a", "1").put("b", "2").commit(&store).unwrap();
        let second = unit().put("a", "3").delete("b").commit(&store).unwrap();
        assert!(second > first);
        let record = store.get(&key("a")).unwrap().unwrap();
        assert_eq!((record.value.as_ref(), record.version), (b"3".as_slice(), second));
        assert_eq!(store.get(&key("b")).unwrap(), None);
    }

    fn a_restart_keeps_everything_and_never_goes_back_in_sequence(home) {
        let store = home.open();
        let before = unit().put("a", "1").commit(&store).unwrap();
        block_on(store.close()).unwrap();
        drop(store);
        let store = home.open();
        assert_eq!(read(&store, "a").unwrap(), b"1");
        assert_eq!(store.applied(), before);
        assert!(unit().put("a", "2").commit(&store).unwrap() > before);
    }

    fn a_service_keeps_more_than_its_quota_or_another_pays_for_it(home) {
        let store = home.open();
        let other = "other".parse().unwrap();
        unit().put("a", "12345").put("b", vec![0; 200_000]).commit(&store).unwrap();
        let kept = Usage { keys: 2, bytes: 200_007 };
        assert_eq!((store.usage(&orders()), store.usage(&other)), (kept, Usage::default()));
        assert_eq!(store.footprint(&key("a")).unwrap(), Some(6));
        let mut more = unit().put("c", "1");
        more.0.quota = Some(Quota { keys: 2, bytes: u64::MAX });
        let error = more.commit(&store).unwrap_err();
        assert_eq!(error, CommitError::OverQuota(OverQuota { limit: Limit::Keys, wanted: 3, allowed: 2 }));
        block_on(store.close()).unwrap();
        drop(store);
        let store = home.open();
        assert_eq!(store.usage(&orders()), kept);
        unit().delete("a").delete("b").commit(&store).unwrap();
        assert_eq!(store.usage(&orders()), Usage::default());
    }

    fn a_listing_of_all_that_a_service_keeps_shows_another_or_leaves_something_out(home) {
        let store = home.open();
        unit().put("a", "1").put("b", vec![0; 200_000]).put("c", "3").commit(&store).unwrap();
        let other = "orders2".parse().unwrap();
        let writes = [(Key::state(&other, "", "a"), Some("x".into()))].into();
        block_on(store.commit(Effects { writes, ..Effects::default() })).unwrap();
        for (limit, bytes) in [(10, usize::MAX), (1, usize::MAX), (2, 1), (10, 100_000)] {
            let (mut found, mut after) = (Vec::new(), None);
            loop {
                let page = store.records(&Key::states(&orders()), after.as_ref(), limit, bytes).unwrap();
                assert!(page.records.len() <= limit);
                found.extend(page.records.into_iter().map(|(key, _)| key));
                match page.next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
            assert_eq!(found, ["a", "b", "c"].map(key), "{limit} {bytes}");
        }
    }

    fn a_lost_update_is_a_conflict(home) {
        let store = home.open();
        let seen = unit().put("stock", "1").commit(&store).unwrap();
        unit().read("stock", seen).put("stock", "0").commit(&store).unwrap();
        let error = unit().read("stock", seen).put("stock", "0").commit(&store).unwrap_err();
        assert_eq!(error, CommitError::Conflict(Stale::Key(key("stock"))));
    }

    fn creating_what_was_seen_absent_is_a_conflict_if_somebody_was_faster(home) {
        let store = home.open();
        unit().read("a", Sequence::NONE).put("a", "1").commit(&store).unwrap();
        assert!(unit().read("a", Sequence::NONE).put("a", "2").commit(&store).is_err());
        assert!(unit().read("b", Sequence::NONE).put("b", "2").commit(&store).is_ok());
    }

    fn two_units_that_read_what_the_other_writes_do_not_both_commit(home) {
        let store = home.open();
        let seen = unit().put("a", "on call").put("b", "on call").commit(&store).unwrap();
        let (alice, bob) = (unit().read("a", seen).read("b", seen), unit().read("a", seen).read("b", seen));
        alice.put("a", "off").commit(&store).unwrap();
        assert!(bob.put("b", "off").commit(&store).is_err());
    }

    fn a_listing_conflicts_with_a_new_key_but_not_with_a_new_value(home) {
        let store = home.open();
        unit().put("a", "1").commit(&store).unwrap();
        let page = store.keys(&keyset(), None, 10).unwrap();
        unit().put("a", "2").commit(&store).unwrap();
        unit().listed(page.keyset).put("sum", "2").commit(&store).unwrap();
        let stale = unit().listed(page.keyset).put("sum", "2").commit(&store).unwrap_err();
        assert_eq!(stale, CommitError::Conflict(Stale::Keyset(keyset())));
        let page = store.keys(&keyset(), None, 10).unwrap();
        unit().delete("a").commit(&store).unwrap();
        assert!(unit().listed(page.keyset).put("sum", "0").commit(&store).is_err());
    }

    fn a_unit_that_only_read_is_told_when_its_reads_do_not_fit_together(home) {
        let store = home.open();
        let old = unit().put("a", "1").put("b", "1").commit(&store).unwrap();
        let new = unit().put("a", "2").put("b", "2").commit(&store).unwrap();
        assert!(matches!(unit().read("a", old).read("b", new).commit(&store), Err(CommitError::Conflict(_))));
        assert_eq!(unit().read("a", new).read("b", new).commit(&store), Ok(new));
        // one read alone held at some moment
        assert_eq!(unit().read("a", old).commit(&store), Ok(old));
        assert_eq!(unit().commit(&store), Ok(Sequence::NONE));
    }

    fn a_key_that_was_read_twice_counts_as_read_once(home) {
        let store = home.open();
        let old = unit().put("a", "1").commit(&store).unwrap();
        unit().put("a", "2").commit(&store).unwrap();
        let mut twice = unit().read("a", old);
        assert_eq!(twice.clone().commit(&store), Ok(old));
        twice.0.torn = true;
        assert_eq!(twice.commit(&store), Err(CommitError::Conflict(Stale::Key(key("a")))));
        let page = store.keys(&keyset(), None, 10).unwrap();
        assert!(page.whole);
        let mut listed = unit().listed(page.keyset);
        unit().put("b", "1").commit(&store).unwrap();
        assert!(listed.clone().commit(&store).is_ok());
        listed.0.torn = true;
        assert_eq!(listed.commit(&store), Err(CommitError::Conflict(Stale::Keyset(keyset()))));
    }

    fn a_listing_shows_half_of_a_commit(home) {
        let store = home.open();
        thread::scope(|scope| {
            let writer = scope.spawn(|| {
                for n in 0..150_u32 {
                    let all = |unit: Unit, name: &str| if n.is_multiple_of(2) { unit.put(name, "x") } else { unit.delete(name) };
                    ["a", "b", "c", "d"].into_iter().fold(unit(), all).commit(&store).unwrap();
                }
            });
            let mut whole = 0;
            while !writer.is_finished() || whole == 0 {
                let page = store.keys(&keyset(), None, 10).unwrap();
                assert!(!page.whole || [0, 4].contains(&page.keys.len()), "{:?}", page.keys);
                whole += usize::from(page.whole);
            }
        });
    }

    fn a_miss_waits_for_the_deletion_it_may_have_seen(home) {
        let store = home.open();
        unit().put("a", "1").commit(&store).unwrap();
        let deletion = unit().delete("a").commit(&store).unwrap();
        assert!(unit().read("a", Sequence::NONE).commit(&store).unwrap() >= deletion);
    }

    fn pages_of_keys_are_complete_ordered_and_of_one_bucket(home) {
        let store = home.open();
        let mut all = unit();
        for n in 0..25 {
            all = all.put(&format!("key\0{n:02}"), "x");
        }
        let neighbour = Key::state(&orders(), "\0", "no");
        all.0.writes.insert(neighbour, Some("x".into()));
        all.commit(&store).unwrap();
        let (mut after, mut found) = (None, Vec::new());
        loop {
            let page = store.keys(&keyset(), after.as_deref(), 10).unwrap();
            assert!(page.keys.len() <= 10);
            found.extend(page.keys);
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        assert_eq!(found, (0..25).map(|n| format!("key\0{n:02}")).collect::<Vec<_>>());
        let other = store.keys(&Keyset::new(&orders(), "\0"), None, 10).unwrap();
        assert_eq!((other.keys, other.next), (vec!["no".to_owned()], None));
    }

    fn large_values_come_back_whole_and_leave_nothing_behind(home) {
        let store = home.open();
        let value: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
        unit().put("a", value.clone()).commit(&store).unwrap();
        assert_eq!(read(&store, "a").unwrap(), value);
        unit().put("a", value[..200_000].to_vec()).commit(&store).unwrap();
        assert_eq!(read(&store, "a").unwrap(), &value[..200_000]);
        unit().delete("a").commit(&store).unwrap();
        assert_eq!(read(&store, "a"), None);
        assert_eq!(store.keys(&keyset(), None, 10).unwrap().keys, Vec::<String>::new());
    }

    fn a_commit_over_the_limit_is_refused_and_the_store_goes_on(home) {
        let store = home.open();
        let large = unit().put("a", vec![0; 17 << 20]).commit(&store);
        assert!(matches!(large, Err(CommitError::TooLarge { what: "a commit", .. })));
        let long = unit().put(&"k".repeat(5000), "x").commit(&store);
        assert!(matches!(long, Err(CommitError::TooLarge { what: "a key", .. })));
        unit().put("a", vec![0; 15 << 20]).commit(&store).unwrap();
    }

    fn counters_raised_by_many_threads_count_every_commit(home) {
        let store = home.open();
        let start = Barrier::new(8);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    start.wait();
                    for _ in 0..25 {
                        raise(&store);
                    }
                });
            }
        });
        assert_eq!(read(&store, "count").unwrap(), b"200");
    }

    fn a_reader_never_sees_half_of_a_large_value(home) {
        let store = home.open();
        unit().put("a", vec![0; 300_000]).commit(&store).unwrap();
        thread::scope(|scope| {
            let writer = scope.spawn(|| {
                for n in 1..30_u8 {
                    unit().put("a", vec![n; 300_000]).commit(&store).unwrap();
                }
            });
            while !writer.is_finished() {
                let value = read(&store, "a").unwrap();
                assert!(value.len() == 300_000 && value.iter().all(|byte| *byte == value[0]));
            }
        });
    }

    fn a_unit_that_only_read_never_answers_from_two_different_moments(home) {
        let store = home.open();
        unit().put("a", "0").put("b", "0").commit(&store).unwrap();
        thread::scope(|scope| {
            let writer = scope.spawn(|| {
                for n in 1..300_u32 {
                    unit().put("a", n.to_string()).put("b", n.to_string()).commit(&store).unwrap();
                }
            });
            while !writer.is_finished() {
                let (a, b) = (store.get(&key("a")).unwrap().unwrap(), store.get(&key("b")).unwrap().unwrap());
                match unit().read("a", a.version).read("b", b.version).commit(&store) {
                    Ok(sequence) => assert!(a.value == b.value && sequence == a.version),
                    Err(error) => assert!(matches!(error, CommitError::Conflict(_)), "{error}"),
                }
            }
        });
    }

    fn a_commit_happens_even_if_whoever_asked_has_left(home) {
        let store = home.open();
        let mut left = Box::pin(store.commit(unit().put("a", "1").0));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let _ = left.as_mut().poll(&mut context);
        drop(left);
        block_on(store.close()).unwrap();
        assert_eq!(read(&store, "a").unwrap(), b"1");
    }

    fn a_closed_store_refuses_commits_and_still_reads(home) {
        let store = home.open();
        let last = unit().put("a", "1").commit(&store).unwrap();
        block_on(store.close()).unwrap();
        block_on(store.close()).unwrap();
        assert_eq!(block_on(store.durable(last)), Ok(()));
        assert_eq!(unit().put("a", "2").commit(&store), Err(CommitError::Store(StoreError::Closed)));
        assert_eq!(block_on(store.durable(Sequence(last.0 + 1))), Err(StoreError::Closed));
        assert_eq!(read(&store, "a").unwrap(), b"1");
    }

    fn a_prefix_scan_gives_every_record_with_its_value(home) {
        let store = home.open();
        let mut all = unit();
        for n in 0..600 {
            all.0.writes.insert(Key::catalog(&format!("service/{n:03}")), Some(n.to_string().into()));
        }
        all.0.writes.insert(Key::catalog("servicf"), Some("no".into()));
        all.0.writes.insert(Key::catalog("service/large"), Some(vec![7; 200_000].into()));
        all.commit(&store).unwrap();
        let found = store.scan(&Key::catalog("service/")).unwrap();
        assert_eq!(found.len(), 601);
        assert_eq!((found[42].0.path(), found[42].1.value.as_ref()), (Some("service/042"), b"42".as_slice()));
        assert_eq!(found[600].1.value.len(), 200_000);
    }
}

/// Adds one to a counter, again after every conflict.
fn raise(store: &Store) {
    loop {
        let record = store.get(&key("count")).unwrap();
        let (count, seen) = record.map_or((0, Sequence::NONE), |record| {
            (String::from_utf8_lossy(&record.value).parse::<u64>().unwrap(), record.version)
        });
        match unit().read("count", seen).put("count", (count + 1).to_string()).commit(store) {
            Ok(_) => return,
            Err(CommitError::Conflict(_)) => {}
            Err(other) => panic!("{other}"),
        }
    }
}
