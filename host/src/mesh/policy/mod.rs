//! What stands between a caller and its target: deadline, bulkhead, breaker, retries.
//!
//! | file | question it answers |
//! | --- | --- |
//! | `window` | what happened lately (pure) |
//! | `breaker` | is the target worth a call (pure) |
//! | `retry` | is a failed call tried again, and after which pause (pure) |
//! | `gate` | breaker and budget behind one lock: who is let through, who is told of a change |
//! | `bulkhead` | how many calls may be under way |
//! | `policies` | whose policy is it, and does it outlive a deployment |
//! | `error` | why is there no answer |
//! | `snapshot` | how do the calls do |
//! | this one | how they come together around one call |
//!
//! In this order: the breaker is asked first, so that nobody waits for a target that is left
//! alone; then a place in the bulkhead is taken, for the whole call; then each attempt is a
//! call of its own to the breaker. All of it happens within one deadline.

mod breaker;
mod bulkhead;
mod error;
mod gate;
mod policies;
mod retry;
mod snapshot;
mod window;

use std::sync::Arc;
use std::time::{Duration, Instant};

use holm_registry::ServiceName;
use holm_registry::settings::{CallRules, CallTarget};
use tokio::sync::SemaphorePermit;
use tokio::time::{sleep, timeout_at};

pub use breaker::BreakerState;
use breaker::Verdict;
use bulkhead::Bulkhead;
pub use error::{Failure, PolicyError};
use gate::Gate;
pub use policies::Policies;
pub use retry::Repeat;
pub use snapshot::CallSnapshot;

use crate::telemetry::metrics::{CallMetrics, CallOutcome};
use crate::telemetry::random::random_u64;

/// Of the caller's time, the part that a call leaves to it where a fallback is to answer: one
/// tenth. A fallback that comes with the caller's own timeout comes too late.
const LEFT_FOR_FALLBACK: u32 = 10;

/// The policy of the calls from one service to one target. Shared by all instances of the
/// caller, and by its revisions as long as they say the same about the target.
#[derive(Debug)]
pub struct CallPolicy {
    rules: CallRules,
    gate: Gate,
    bulkhead: Option<Bulkhead>,
}

/// One try at a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Counted from one.
    pub number: u32,
    /// When its answer is due. What it does must not go on beyond.
    pub deadline: Instant,
}

impl CallPolicy {
    fn new(caller: ServiceName, target: CallTarget, rules: CallRules, metrics: Arc<CallMetrics>) -> Self {
        let gate = Gate::new(caller, target, &rules, metrics);
        Self { gate, bulkhead: rules.bulkhead.as_ref().map(Bulkhead::new), rules }
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
        let mut call = UnderWay::begin(&self.gate.metrics);
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
        if deadline <= began {
            // a target cannot be blamed for a call that came too late to be made
            return Err(PolicyError::Timeout);
        }
        self.gate.count(began)?;
        let _place = self.enter(deadline).await?;
        let mut number = 1;
        loop {
            let admitted = self.gate.admit()?;
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
            self.gate.metrics.retried();
            sleep(pause).await;
            number += 1;
        }
    }

    /// A fallback answered for a call that failed.
    pub fn fell_back(&self) {
        self.gate.metrics.fell_back();
    }

    /// What was said about these calls.
    pub fn rules(&self) -> &CallRules {
        &self.rules
    }

    /// Whether calls of this function may be repeated.
    pub fn repeat(&self, function: &str) -> Repeat {
        if self.rules.is_idempotent(function) { Repeat::Safe } else { Repeat::Never }
    }

    async fn enter<E>(&self, deadline: Instant) -> Result<Option<SemaphorePermit<'_>>, PolicyError<E>> {
        match &self.bulkhead {
            Some(bulkhead) => bulkhead.enter(deadline).await.map(Some).map_err(|_| PolicyError::Full),
            None => Ok(None),
        }
    }

    /// The pause before the next attempt. The budget is asked last, since asking spends it.
    fn retry(&self, attempt: u32, repeat: Repeat, deadline: Instant) -> Option<Duration> {
        let now = Instant::now();
        let left = deadline.saturating_duration_since(now);
        let pause = retry::pause(&self.rules.retry, repeat, attempt, left, random_u64())?;
        self.gate.withdraw(now).then_some(pause)
    }
}

/// The end of a call's time: its caller's, or earlier.
fn call_deadline(rules: &CallRules, now: Instant, caller: Instant) -> Instant {
    let left = caller.saturating_duration_since(now);
    let usable = if rules.fallback.is_empty() { left } else { left - left / LEFT_FOR_FALLBACK };
    now + rules.timeout.map_or(usable, |timeout| timeout.min(usable))
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
