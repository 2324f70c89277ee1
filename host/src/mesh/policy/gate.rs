//! The breaker and the retry budget of one caller and target, behind one lock. What changes is
//! logged and counted here, in the order in which it happens.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use holm_registry::ServiceName;
use holm_registry::settings::{BreakerSettings, CallRules, CallTarget};

use super::breaker::{Breaker, BreakerState, Change, Refused, Ticket, Verdict};
use super::retry::Budget;
use super::window::Counts;
use crate::telemetry::metrics::CallMetrics;

/// Lets calls through, one by one, and learns how they end.
#[derive(Debug)]
pub struct Gate {
    pub(super) caller: ServiceName,
    pub(super) target: CallTarget,
    pub(super) metrics: Arc<CallMetrics>,
    breaker: BreakerSettings,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    breaker: Breaker,
    budget: Budget,
}

/// What the gate has seen of late.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// Whether it lets calls through.
    pub state: BreakerState,
    /// When it lets the next call try, if it refuses calls until then.
    pub retry_in: Option<Duration>,
    /// Attempts in the breaker's window, the failed ones marked.
    pub attempts: Counts,
    /// Calls a second, refused ones included.
    pub calls_per_second: f64,
}

/// An attempt that was let through. Dropped before it has ended, it gives way to the next one.
#[derive(Debug)]
#[must_use]
pub struct Admitted<'a> {
    gate: &'a Gate,
    ticket: Option<Ticket>,
}

impl Gate {
    /// Closed breaker, nothing called yet.
    pub fn new(caller: ServiceName, target: CallTarget, rules: &CallRules, metrics: Arc<CallMetrics>) -> Self {
        let now = Instant::now();
        let breaker = Breaker::new(rules.breaker.clone(), now);
        let budget = Budget::new(rules.retry.budget, now);
        Self { caller, target, metrics, breaker: rules.breaker.clone(), state: Mutex::new(State { breaker, budget }) }
    }

    /// Counts a call, and refuses it before it waits for anything.
    ///
    /// # Errors
    /// When the breaker would not let it through.
    pub fn count(&self, now: Instant) -> Result<(), Refused> {
        let mut state = self.lock();
        state.budget.called(now);
        state.breaker.check(now)
    }

    /// Lets an attempt through.
    ///
    /// # Errors
    /// When the breaker does not.
    pub fn admit(&self) -> Result<Admitted<'_>, Refused> {
        let mut state = self.lock();
        let (ticket, change) = state.breaker.admit(Instant::now())?;
        self.announce(change);
        Ok(Admitted { gate: self, ticket: Some(ticket) })
    }

    /// Takes a retry out of the budget, unless the breaker would refuse it.
    pub fn withdraw(&self, now: Instant) -> bool {
        let mut state = self.lock();
        state.breaker.check(now).is_ok() && state.budget.withdraw(now)
    }

    /// What it has seen of late.
    pub fn seen(&self, now: Instant) -> Seen {
        let mut state = self.lock();
        Seen {
            state: state.breaker.state(),
            retry_in: state.breaker.check(now).err().and_then(|refused| refused.retry_in),
            attempts: state.breaker.seen(now),
            calls_per_second: state.budget.calls_per_second(now),
        }
    }

    /// Called with the state locked: what is told comes in the order of what happened.
    fn announce(&self, change: Option<Change>) {
        let Self { caller, target, .. } = self;
        match change {
            None => {}
            Some(Change::Opened { seen }) => {
                let (attempts, failed, reset_timeout) = (seen.all, seen.marked, self.breaker.reset_timeout);
                self.metrics.breaker_opened();
                tracing::warn!(%caller, %target, attempts, failed, ?reset_timeout, "the breaker opened: calls fail at once");
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

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Admitted<'_> {
    /// It has ended.
    pub fn settle(mut self, verdict: Verdict) {
        self.give_back(verdict);
    }

    fn give_back(&mut self, verdict: Verdict) {
        if let Some(ticket) = self.ticket.take() {
            let mut state = self.gate.lock();
            let change = state.breaker.settle(ticket, verdict, Instant::now());
            self.gate.announce(change);
        }
    }
}

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        self.give_back(Verdict::Unknown);
    }
}
