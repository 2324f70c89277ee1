//! The four parts around one call. What depends on time alone is tested in the parts, on given
//! time; here a few milliseconds pass.

use std::future::{Pending, pending, ready};
use std::sync::atomic::{AtomicU32, Ordering};

use holm_registry::settings::{BulkheadSettings, Fallback, Settings};
use tokio::task::JoinSet;

use super::*;
use crate::telemetry::metrics::Metrics;

const MS: Duration = Duration::from_millis(1);

fn policy(change: impl FnOnce(&mut CallRules)) -> Arc<CallPolicy> {
    let target: CallTarget = "shop:inventory/stock".parse().unwrap();
    let mut rules = Settings::default().call_rules(&target);
    rules.retry.backoff = Duration::ZERO;
    change(&mut rules);
    Policies::new(Arc::new(Metrics::new())).get(&"orders".parse().unwrap(), &target, rules)
}

fn in_a_minute() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

/// A call that fails with the given meaning until its attempt `well`; and how many there were.
async fn call(
    policy: &CallPolicy,
    repeat: Repeat,
    failure: Failure,
    well: u32,
) -> (Result<u32, PolicyError<Failure>>, u32) {
    let mut attempts = 0;
    let attempt = |attempt: Attempt| {
        attempts += 1;
        ready(if attempt.number >= well { Ok(attempt.number) } else { Err(failure) })
    };
    let result = policy.run(in_a_minute(), repeat, attempt, |failure| *failure).await;
    (result, attempts)
}

/// An attempt that never ends.
fn endless(_: Attempt) -> Pending<Result<(), Failure>> {
    pending()
}

fn failed<T>(failure: Failure) -> Result<T, PolicyError<Failure>> {
    Err(PolicyError::Failed { error: failure, failure })
}

#[tokio::test]
async fn a_call_is_not_tried_again_or_where_it_must_not_be() {
    let policy = policy(|rules| rules.retry.attempts = 3);
    for (repeat, failure, well, expected) in [
        (Repeat::Safe, Failure::Retryable, 1, (Ok(1), 1)),
        (Repeat::Safe, Failure::Retryable, 3, (Ok(3), 3)),
        (Repeat::Safe, Failure::Retryable, 9, (failed(Failure::Retryable), 3)),
        (Repeat::Never, Failure::Retryable, 9, (failed(Failure::Retryable), 1)),
        (Repeat::Safe, Failure::Counted, 9, (failed(Failure::Counted), 1)),
        (Repeat::Safe, Failure::NotCounted, 9, (failed(Failure::NotCounted), 1)),
    ] {
        assert_eq!(call(&policy, repeat, failure, well).await, expected, "{repeat:?} {failure:?} {well}");
    }
    let snapshot = policy.snapshot();
    assert_eq!((snapshot.calls, snapshot.failures, snapshot.retries, snapshot.in_flight), (6, 3, 4, 0));
    assert_eq!((snapshot.per_second, snapshot.error_share), (0.6, 7.0 / 10.0));
}

#[tokio::test]
async fn a_target_that_does_not_answer_holds_its_caller() {
    let policy = policy(|rules| {
        rules.timeout = Some(5 * MS);
        rules.breaker.volume_threshold = 2;
    });
    for _ in 0..2 {
        let result = policy.run(in_a_minute(), Repeat::Safe, endless, |failure| *failure).await;
        assert_eq!(result, Err(PolicyError::Timeout));
    }
    let result = policy.run(in_a_minute(), Repeat::Safe, endless, |failure| *failure).await;
    assert!(matches!(result, Err(PolicyError::Open { retry_in: Some(wait) }) if wait > Duration::from_secs(20)));
    assert_eq!(policy.snapshot().breaker, BreakerState::Open);
}

#[tokio::test]
async fn a_caller_without_time_opens_the_breaker() {
    let policy = policy(|rules| rules.breaker.volume_threshold = 1);
    let result = policy.run(Instant::now(), Repeat::Safe, endless, |failure| *failure).await;
    assert_eq!(result, Err(PolicyError::Timeout));
    assert_eq!(policy.snapshot().breaker, BreakerState::Closed);
}

#[tokio::test]
async fn the_breaker_stays_open_when_the_target_is_back() {
    let policy = policy(|rules| {
        rules.breaker.volume_threshold = 1;
        rules.breaker.reset_timeout = 20 * MS;
    });
    assert_eq!(call(&policy, Repeat::Never, Failure::Counted, 9).await.1, 1);
    tokio::time::sleep(20 * MS).await;
    assert_eq!(call(&policy, Repeat::Never, Failure::Counted, 1).await, (Ok(1), 1));
    assert_eq!(policy.snapshot().breaker, BreakerState::Closed);
}

#[tokio::test]
async fn a_retry_goes_to_a_target_that_is_left_alone() {
    let policy = policy(|rules| {
        rules.breaker.volume_threshold = 1;
        rules.retry.attempts = 5;
    });
    assert_eq!(call(&policy, Repeat::Safe, Failure::Retryable, 9).await, (failed(Failure::Retryable), 1));
    assert_eq!(policy.snapshot().retries, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_stampede_passes_a_half_open_breaker() {
    let policy = policy(|rules| {
        rules.breaker.volume_threshold = 1;
        rules.breaker.reset_timeout = 10 * MS;
    });
    assert_eq!(call(&policy, Repeat::Never, Failure::Counted, 9).await.1, 1);
    tokio::time::sleep(10 * MS).await;
    let (arrived, gate) = (Arc::new(AtomicU32::new(0)), Arc::new(tokio::sync::Semaphore::new(0)));
    let mut calls = JoinSet::new();
    for _ in 0..200 {
        let (policy, arrived, gate) = (policy.clone(), arrived.clone(), gate.clone());
        calls.spawn(async move {
            let attempt = |_: Attempt| {
                arrived.fetch_add(1, Ordering::SeqCst);
                async { gate.acquire().await.map(drop).map_err(|_| Failure::Counted) }
            };
            policy.run(in_a_minute(), Repeat::Safe, attempt, |failure| *failure).await.is_ok()
        });
    }
    for _ in 0..199 {
        assert_eq!(calls.join_next().await.unwrap().ok(), Some(false));
    }
    assert_eq!(arrived.load(Ordering::SeqCst), 1);
    gate.add_permits(1);
    assert_eq!(calls.join_next().await.unwrap().ok(), Some(true));
}

#[tokio::test]
async fn a_caller_that_left_blocks_the_breaker_or_the_bulkhead() {
    let policy = policy(|rules| {
        rules.breaker.volume_threshold = 1;
        rules.breaker.reset_timeout = MS;
        rules.bulkhead = Some(BulkheadSettings { concurrency: 1, queue: 0 });
    });
    assert_eq!(call(&policy, Repeat::Never, Failure::Counted, 9).await.1, 1);
    tokio::time::sleep(MS).await;
    let mut left = Box::pin(policy.run(in_a_minute(), Repeat::Never, endless, |failure| *failure));
    assert!(futures::poll!(&mut left).is_pending());
    assert_eq!(call(&policy, Repeat::Never, Failure::Counted, 1).await, (Err(PolicyError::Open { retry_in: None }), 0));
    drop(left);
    assert_eq!(call(&policy, Repeat::Never, Failure::Counted, 1).await, (Ok(1), 1));
    assert_eq!(policy.snapshot().in_flight, 0);
}

#[tokio::test]
async fn a_slow_target_takes_more_calls_than_its_bulkhead_has_places() {
    let policy = policy(|rules| rules.bulkhead = Some(BulkheadSettings { concurrency: 2, queue: 0 }));
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut call = Box::pin(policy.run(in_a_minute(), Repeat::Never, endless, |failure| *failure));
        assert!(futures::poll!(&mut call).is_pending());
        held.push(call);
    }
    assert_eq!(call(&policy, Repeat::Never, Failure::Counted, 1).await, (Err(PolicyError::Full), 0));
    assert_eq!(policy.snapshot().in_flight, 2);
}

#[test]
fn a_fallback_comes_when_its_caller_has_given_up() {
    let (now, s) = (Instant::now(), Duration::from_secs);
    let mut rules = policy(|_| ()).rules().clone();
    assert_eq!(call_deadline(&rules, now, now + s(10)), now + s(10));
    rules.fallback = vec![Fallback::Service { service: "spare".parse().unwrap() }];
    assert_eq!(call_deadline(&rules, now, now + s(10)), now + s(9));
    rules.timeout = Some(s(2));
    assert_eq!(call_deadline(&rules, now, now + s(10)), now + s(2));
    assert_eq!(call_deadline(&rules, now, now + s(1)), now + s(1) - 100 * MS);
    assert_eq!(call_deadline(&rules, now + s(1), now), now + s(1), "no time is left");
}
