//! The breaker on given time: each arrow of its diagram, and a random walk against a tiny model.

use proptest::prelude::*;

use super::*;

const RESET: Duration = Duration::from_secs(30);

fn settings(error_threshold: u32, volume_threshold: u32) -> BreakerSettings {
    BreakerSettings { error_threshold, volume_threshold, ..BreakerSettings::default() }
}

/// One call that ends at once.
fn call(breaker: &mut Breaker, verdict: Verdict, now: Instant) -> Option<Change> {
    let (ticket, _) = breaker.admit(now).unwrap();
    breaker.settle(ticket, verdict, now)
}

/// A breaker that opened at `now`.
fn opened(now: Instant) -> Breaker {
    let mut breaker = Breaker::new(settings(50, 1), now);
    let change = call(&mut breaker, Verdict::Failed, now);
    assert_eq!(change, Some(Change::Opened { seen: Counts { all: 1, marked: 1 } }));
    breaker
}

#[test]
fn a_quiet_target_is_cut_off_at_its_first_failure() {
    let now = Instant::now();
    let mut breaker = Breaker::new(BreakerSettings::default(), now);
    for _ in 0..9 {
        assert_eq!(call(&mut breaker, Verdict::Failed, now), None);
    }
    assert_eq!(call(&mut breaker, Verdict::Failed, now), Some(Change::Opened { seen: Counts { all: 10, marked: 10 } }));
}

#[test]
fn half_of_the_calls_fail_and_the_breaker_opens_at_fifty_percent() {
    let now = Instant::now();
    let mut breaker = Breaker::new(settings(50, 2), now);
    for _ in 0..20 {
        assert_eq!(call(&mut breaker, Verdict::Answered, now), None);
        assert_eq!(call(&mut breaker, Verdict::Failed, now), None);
    }
    assert!(call(&mut breaker, Verdict::Failed, now).is_some(), "one more than half");
}

#[test]
fn a_breaker_that_may_never_open_opens() {
    let now = Instant::now();
    let mut breaker = Breaker::new(settings(100, 0), now);
    for _ in 0..1000 {
        assert_eq!(call(&mut breaker, Verdict::Failed, now), None);
    }
}

#[test]
fn failures_of_long_ago_open_the_breaker() {
    let begin = Instant::now();
    let mut breaker = Breaker::new(settings(50, 10), begin);
    for second in 0..100 {
        let change = call(&mut breaker, Verdict::Failed, begin + Duration::from_millis(1200) * second);
        assert_eq!(change, None, "there are never ten calls in ten seconds");
    }
}

#[test]
fn an_open_breaker_lets_calls_through_or_never_closes() {
    let now = Instant::now();
    let mut breaker = opened(now);
    assert_eq!(breaker.admit(now + RESET / 3).unwrap_err(), Refused { retry_in: Some(RESET * 2 / 3) });
    let (probe, change) = breaker.admit(now + RESET).unwrap();
    assert_eq!((change, breaker.state()), (Some(Change::HalfOpened), BreakerState::HalfOpen));
    assert_eq!(breaker.settle(probe, Verdict::Answered, now + RESET), Some(Change::Closed));
    assert_eq!(breaker.seen(now + RESET), Counts::default());
}

#[test]
fn a_stampede_reaches_a_target_that_is_just_back() {
    let now = Instant::now();
    let mut breaker = opened(now);
    let later = now + RESET;
    let mut let_through: Vec<_> = (0..1000).filter_map(|_| breaker.admit(later).ok()).collect();
    assert_eq!(let_through.len(), 1);
    let (probe, _) = let_through.remove(0);
    assert_eq!(breaker.settle(probe, Verdict::Failed, later), Some(Change::Opened { seen: Counts::default() }));
    assert_eq!(breaker.admit(later + RESET / 2).unwrap_err().retry_in, Some(RESET / 2));
}

#[test]
fn a_probe_that_nobody_waited_for_keeps_the_breaker_half_open_for_ever() {
    let now = Instant::now();
    let mut breaker = opened(now);
    let (probe, _) = breaker.admit(now + RESET).unwrap();
    assert_eq!(breaker.admit(now + RESET).unwrap_err(), Refused { retry_in: None });
    assert_eq!(breaker.settle(probe, Verdict::Unknown, now + RESET), None);
    let (probe, change) = breaker.admit(now + RESET).unwrap();
    assert_eq!(change, None);
    assert_eq!(breaker.settle(probe, Verdict::Answered, now + RESET), Some(Change::Closed));
}

#[test]
fn a_call_from_before_the_breaker_opened_closes_it() {
    let now = Instant::now();
    let mut breaker = Breaker::new(settings(50, 1), now);
    let [(old, _), (older, _)] = [breaker.admit(now).unwrap(), breaker.admit(now).unwrap()];
    assert!(call(&mut breaker, Verdict::Failed, now).is_some());
    assert_eq!(breaker.settle(old, Verdict::Answered, now), None);
    let (probe, _) = breaker.admit(now + RESET).unwrap();
    assert_eq!(breaker.settle(older, Verdict::Answered, now + RESET), None);
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    assert_eq!(breaker.settle(probe, Verdict::Failed, now + RESET), Some(Change::Opened { seen: Counts::default() }));
}

#[derive(Clone, Copy, Debug)]
enum Op {
    Wait(u64),
    Admit,
    /// Ends one of the calls under way.
    Settle(usize, Verdict),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let verdict = prop_oneof![
        3 => Just(Verdict::Answered),
        4 => Just(Verdict::Failed),
        1 => Just(Verdict::Unknown),
    ];
    let op = prop_oneof![
        1 => (0u64..20_000).prop_map(Op::Wait),
        1 => (0u64..300).prop_map(Op::Wait),
        6 => Just(Op::Admit),
        6 => (0usize..8, verdict).prop_map(|(which, verdict)| Op::Settle(which, verdict)),
    ];
    prop::collection::vec(op, 1..200)
}

/// What must be true of a breaker that is watched from outside.
struct Model {
    state: BreakerState,
    opened_at: Option<Instant>,
    /// Which of the calls under way is the probe.
    probe: Option<u64>,
}

proptest! {
    #[test]
    fn the_breaker_leaves_its_diagram(ops in ops()) {
        let mut now = Instant::now();
        let mut breaker = Breaker::new(settings(50, 4), now);
        let mut model = Model { state: BreakerState::Closed, opened_at: None, probe: None };
        let mut under_way: Vec<(u64, Ticket)> = Vec::new();
        let mut next = 0;
        for op in ops {
            match op {
                Op::Wait(millis) => now += Duration::from_millis(millis),
                Op::Admit => {
                    let due = model.opened_at.is_some_and(|at| now >= at + RESET);
                    let expected = match model.state {
                        BreakerState::Closed => true,
                        BreakerState::Open => due,
                        BreakerState::HalfOpen => model.probe.is_none(),
                    };
                    prop_assert_eq!(breaker.check(now).is_ok(), expected);
                    let admitted = breaker.admit(now);
                    prop_assert_eq!(admitted.is_ok(), expected);
                    if let Ok((ticket, change)) = admitted {
                        prop_assert_eq!(change.is_some(), model.state == BreakerState::Open);
                        if model.state != BreakerState::Closed {
                            (model.state, model.probe) = (BreakerState::HalfOpen, Some(next));
                        }
                        under_way.push((next, ticket));
                        next += 1;
                    }
                }
                Op::Settle(which, verdict) if which < under_way.len() => {
                    let (id, ticket) = under_way.swap_remove(which);
                    let is_probe = model.probe == Some(id);
                    let change = breaker.settle(ticket, verdict, now);
                    if is_probe {
                        model.probe = None;
                    }
                    match (is_probe, verdict, change) {
                        (true, Verdict::Answered, Some(Change::Closed)) => model.state = BreakerState::Closed,
                        (true, Verdict::Failed, Some(Change::Opened { .. })) => {
                            (model.state, model.opened_at) = (BreakerState::Open, Some(now));
                        }
                        (false, Verdict::Failed, Some(Change::Opened { seen })) => {
                            prop_assert_eq!(model.state, BreakerState::Closed);
                            prop_assert!(seen.all >= 4 && seen.marked * 2 > seen.all);
                            (model.state, model.opened_at) = (BreakerState::Open, Some(now));
                        }
                        (true, Verdict::Unknown, None) | (false, _, None) => {}
                        other => prop_assert!(false, "{:?}", other),
                    }
                }
                Op::Settle(..) => {}
            }
            prop_assert_eq!(breaker.state(), model.state);
        }
    }
}
