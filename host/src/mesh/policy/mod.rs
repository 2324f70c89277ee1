//! What stands between a caller and its target: deadline, bulkhead, breaker, retries.
//!
//! | file | question it answers |
//! | --- | --- |
//! | `window` | what happened lately (pure) |
//! | `breaker` | is the target worth a call (pure) |
//! | `retry` | is a failed call tried again, and after which pause (pure) |
//! | `bulkhead` | how many calls may be under way |
//! | `policies` | whose policy is it, and does it outlive a deployment |
//! | `error` | why is there no answer |
//! | this one | how the four come together around one call |
//!
//! In this order: the breaker is asked first, so that nobody waits for a target that is left
//! alone; then a place in the bulkhead is taken, for the whole call; then each attempt is a
//! call of its own to the breaker. All of it happens within one deadline.

mod breaker;
mod bulkhead;
mod error;
mod policies;
mod retry;
mod window;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use holm_registry::ServiceName;
use holm_registry::settings::{CallRules, CallTarget};
use tokio::sync::SemaphorePermit;
use tokio::time::{sleep, timeout_at};

pub use breaker::BreakerState;
use breaker::{Breaker, Change, Refused, Ticket, Verdict};
use bulkhead::Bulkhead;
pub use error::{Failure, PolicyError};
pub use policies::Policies;
use retry::Budget;
pub use retry::Repeat;

use crate::telemetry::metrics::{CallMetrics, CallOutcome};
use crate::telemetry::random::random_u64;

/// Of the caller's time, the part that a call leaves to it where a fallback is to answer: one
/// tenth. A fallback that comes with the caller's own timeout comes too late.
const LEFT_FOR_FALLBACK: u32 = 10;

/// The policy of the calls from one service to one target. Shared by all instances of the
/// caller, and by its revisions as long as they say the same about the target.
#[derive(Debug)]
pub struct CallPolicy {
    caller: ServiceName,
    target: CallTarget,
    rules: CallRules,
    bulkhead: Option<Bulkhead>,
    state: Mutex<State>,
    metrics: Arc<CallMetrics>,
}

#[derive(Debug)]
struct State {
    breaker: Breaker,
    budget: Budget,
}

/// One try at a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Counted from one.
    pub number: u32,
    /// When its answer is due. What it does must not go on beyond.
    pub deadline: Instant,
}

/// The calls from one service to one target, at a glance.
#[derive(Clone, Debug, PartialEq)]
pub struct CallSnapshot {
    /// Who calls.
    pub caller: ServiceName,
    /// What is called.
    pub target: CallTarget,
    /// Whether calls are let through.
    pub breaker: BreakerState,
    /// Calls under way.
    pub in_flight: u64,
    /// Calls a second in the last ten seconds, refused ones included.
    pub per_second: f64,
    /// The share of failed ones among the attempts in the breaker's window, 0 to 1.
    pub error_share: f64,
    /// Calls that have ended since the host started.
    pub calls: u64,
    /// Those among them that got no answer: failed, too late, refused.
    pub failures: u64,
    /// Attempts after the first since the host started.
    pub retries: u64,
    /// Failed calls that a fallback answered since the host started.
    pub fallbacks: u64,
}

impl CallPolicy {
    fn new(caller: ServiceName, target: CallTarget, rules: CallRules, metrics: Arc<CallMetrics>) -> Self {
        let now = Instant::now();
        metrics.breaker_reset();
        Self {
            bulkhead: rules.bulkhead.as_ref().map(Bulkhead::new),
            state: Mutex::new(State {
                breaker: Breaker::new(rules.breaker.clone(), now),
                budget: Budget::new(rules.retry.budget, now),
            }),
            caller,
            target,
            rules,
            metrics,
        }
    }

    /// Makes a call that is due at `deadline`, its caller's, or earlier by the rules. `attempt`
    /// makes it once, and is dropped when the time is over; `classify` says what its error
    /// means.
    ///
    /// # Errors
    /// The error of the last attempt, or why there was none.
    pub async fn run<T, E, Answer: Future<Output = Result<T, E>>>(
        &self,
        deadline: Instant,
        repeat: Repeat,
        attempt: impl FnMut(Attempt) -> Answer,
        classify: impl Fn(&E) -> Failure,
    ) -> Result<T, PolicyError<E>> {
        let mut call = UnderWay::begin(&self.metrics);
        let deadline = call_deadline(&self.rules, call.began, deadline);
        let result = self.call(call.began, deadline, repeat, attempt, classify).await;
        call.outcome = result.as_ref().map_or_else(PolicyError::outcome, |_| CallOutcome::Ok);
        result
    }

    async fn call<T, E, Answer: Future<Output = Result<T, E>>>(
        &self,
        began: Instant,
        deadline: Instant,
        repeat: Repeat,
        mut attempt: impl FnMut(Attempt) -> Answer,
        classify: impl Fn(&E) -> Failure,
    ) -> Result<T, PolicyError<E>> {
        self.count(began)?;
        let _place = self.enter(deadline).await?;
        let mut number = 1;
        loop {
            let admitted = self.admit()?;
            let error = match timeout_at(deadline.into(), attempt(Attempt { number, deadline })).await {
                Ok(Ok(value)) => {
                    admitted.settle(Verdict::Answered);
                    return Ok(value);
                }
                Ok(Err(error)) => PolicyError::Failed { failure: classify(&error), error },
                Err(_) => PolicyError::Timeout,
            };
            admitted.settle(error.verdict());
            if !error.is_retryable() {
                return Err(error);
            }
            let Some(pause) = self.retry(number, repeat, deadline) else { return Err(error) };
            self.metrics.retried();
            sleep(pause).await;
            number += 1;
        }
    }

    /// A fallback answered for a call that failed.
    pub fn fell_back(&self) {
        self.metrics.fell_back();
    }

    /// What was said about these calls.
    pub fn rules(&self) -> &CallRules {
        &self.rules
    }

    /// Whether calls of this function may be repeated.
    pub fn repeat(&self, function: &str) -> Repeat {
        if self.rules.is_idempotent(function) { Repeat::Safe } else { Repeat::Never }
    }

    /// How these calls do.
    pub fn snapshot(&self) -> CallSnapshot {
        let now = Instant::now();
        let mut state = self.state();
        let seen = state.breaker.seen(now);
        CallSnapshot {
            caller: self.caller.clone(),
            target: self.target.clone(),
            breaker: state.breaker.state(),
            in_flight: self.metrics.in_flight(),
            per_second: state.budget.calls_per_second(now),
            error_share: seen.marked as f64 / seen.all.max(1) as f64,
            calls: self.metrics.calls(),
            failures: self.metrics.failures(),
            retries: self.metrics.retries(),
            fallbacks: self.metrics.fallbacks(),
        }
    }

    /// Counts the call, and refuses it before it waits for anything.
    fn count(&self, now: Instant) -> Result<(), Refused> {
        let mut state = self.state();
        state.budget.called(now);
        state.breaker.check(now)
    }

    async fn enter<E>(&self, deadline: Instant) -> Result<Option<SemaphorePermit<'_>>, PolicyError<E>> {
        match &self.bulkhead {
            Some(bulkhead) => bulkhead.enter(deadline).await.map(Some).map_err(|_| PolicyError::Full),
            None => Ok(None),
        }
    }

    fn admit(&self) -> Result<Admitted<'_>, Refused> {
        let mut state = self.state();
        let (ticket, change) = state.breaker.admit(Instant::now())?;
        self.announce(change);
        Ok(Admitted { policy: self, ticket: Some(ticket) })
    }

    /// The pause before the next attempt. The budget is asked last, since asking spends it, and
    /// not for an attempt that the breaker would refuse.
    fn retry(&self, attempt: u32, repeat: Repeat, deadline: Instant) -> Option<Duration> {
        let now = Instant::now();
        let left = deadline.saturating_duration_since(now);
        let pause = retry::pause(&self.rules.retry, repeat, attempt, left, random_u64())?;
        let mut state = self.state();
        (state.breaker.check(now).is_ok() && state.budget.withdraw(now)).then_some(pause)
    }

    /// Called with the state locked, so that what is told comes in the order of what happened.
    fn announce(&self, change: Option<Change>) {
        let (caller, target) = (&self.caller, &self.target);
        match change {
            None => {}
            Some(Change::Opened { seen }) => {
                let (calls, failed) = (seen.all, seen.marked);
                let retry_in = self.rules.breaker.reset_timeout;
                self.metrics.breaker_opened();
                tracing::warn!(%caller, %target, calls, failed, ?retry_in, "the breaker opened: calls fail at once");
            }
            Some(Change::HalfOpened) => {
                self.metrics.breaker_half_open();
                tracing::debug!(%caller, %target, "the breaker is half-open: one call tries");
            }
            Some(Change::Closed) => {
                self.metrics.breaker_closed();
                tracing::info!(%caller, %target, "the breaker closed: the target answers again");
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The end of a call's time: its caller's, or earlier.
fn call_deadline(rules: &CallRules, now: Instant, caller: Instant) -> Instant {
    let left = caller.saturating_duration_since(now);
    let usable = if rules.fallback.is_empty() { left } else { left - left / LEFT_FOR_FALLBACK };
    now + rules.timeout.map_or(usable, |timeout| timeout.min(usable))
}

/// An attempt that the breaker let through. Dropped early, it gives way to the next one.
struct Admitted<'a> {
    policy: &'a CallPolicy,
    ticket: Option<Ticket>,
}

impl Admitted<'_> {
    fn settle(mut self, verdict: Verdict) {
        self.give_back(verdict);
    }

    fn give_back(&mut self, verdict: Verdict) {
        if let Some(ticket) = self.ticket.take() {
            let mut state = self.policy.state();
            let change = state.breaker.settle(ticket, verdict, Instant::now());
            self.policy.announce(change);
        }
    }
}

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        self.give_back(Verdict::Unknown);
    }
}

/// A call under way, counted however it ends.
struct UnderWay<'a> {
    metrics: &'a CallMetrics,
    began: Instant,
    outcome: CallOutcome,
}

impl<'a> UnderWay<'a> {
    fn begin(metrics: &'a CallMetrics) -> Self {
        metrics.started();
        Self { metrics, began: Instant::now(), outcome: CallOutcome::Cancelled }
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.metrics.finished(self.outcome, self.began.elapsed());
    }
}

#[cfg(test)]
mod tests;
