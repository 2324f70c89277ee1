//! The circuit breaker, on given time. It only decides; nothing here waits, locks or logs.
//!
//! ```text
//!          more than error_threshold % of at least
//!          volume_threshold calls in the window failed
//! Closed ───────────────────────────────────────────▶ Open ◀──────────────┐
//!    ▲                                                  │ reset_timeout   │ it failed
//!    │                                                  ▼                 │
//!    └────────────────────────────────────────────── HalfOpen ────────────┘
//!       it was answered                              one call is let through
//! ```
//!
//! The words and the rules are opossum's. Two things differ: a call counts when it ends, not
//! when it begins, so that calls under way don't make the failures look fewer; and a breaker that
//! closes forgets what was before, so that one failure doesn't open it again.

use std::time::{Duration, Instant};

use holm_registry::settings::BreakerSettings;

use super::window::{Counts, Window};

/// Whether calls are let through, as shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// All of them.
    Closed,
    /// One at a time, to see whether the target is well again.
    HalfOpen,
    /// None.
    Open,
}

impl BreakerState {
    /// As in metrics and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half-open",
            Self::Open => "open",
        }
    }
}

/// What a breaker tells when its state changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It refuses calls from now on.
    Opened {
        /// What was in the window; nothing when the call of a half-open breaker failed.
        seen: Counts,
    },
    /// It lets one call through.
    HalfOpened,
    /// It lets all calls through again.
    Closed,
}

/// The right to make one call, and the duty to say how it ended.
#[derive(Debug)]
#[must_use]
pub struct Ticket {
    epoch: u64,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The target did its work, whatever it answered.
    Answered,
    /// It did not.
    Failed,
    /// Nobody waited for the end.
    Unknown,
}

/// A call that was not let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// When the next one may try; nothing while another one is trying.
    pub retry_in: Option<Duration>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Closed,
    Open { until: Instant },
    HalfOpen { trying: bool },
}

/// The breaker between one caller and one target.
#[derive(Debug)]
pub struct Breaker {
    settings: BreakerSettings,
    window: Window,
    state: State,
    /// Counts the changes of state. What a call says that began before the last one is about
    /// a target of the past: it is not listened to.
    epoch: u64,
}

impl Breaker {
    /// Closed, with nothing seen.
    pub fn new(settings: BreakerSettings, now: Instant) -> Self {
        Self { window: Window::new(settings.window, now), settings, state: State::Closed, epoch: 0 }
    }

    /// The state, as of the last call.
    pub fn state(&self) -> BreakerState {
        match self.state {
            State::Closed => BreakerState::Closed,
            State::Open { .. } => BreakerState::Open,
            State::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    /// Finished calls in the window, the failed ones marked.
    pub fn seen(&mut self, now: Instant) -> Counts {
        self.window.counts(now)
    }

    /// Whether a call would be let through, without making it.
    ///
    /// # Errors
    /// When it would not.
    pub fn check(&self, now: Instant) -> Result<(), Refused> {
        match self.state {
            State::Open { until } if now < until => Err(Refused { retry_in: Some(until - now) }),
            State::HalfOpen { trying: true } => Err(Refused { retry_in: None }),
            _ => Ok(()),
        }
    }

    /// Lets a call through. An open breaker whose time is over becomes half-open by it.
    ///
    /// # Errors
    /// When it is not let through.
    pub fn admit(&mut self, now: Instant) -> Result<(Ticket, Option<Change>), Refused> {
        self.check(now)?;
        let change = match self.state {
            State::Open { .. } => Some(self.turn(State::HalfOpen { trying: true }, Change::HalfOpened)),
            _ => None,
        };
        if let State::HalfOpen { trying } = &mut self.state {
            *trying = true;
        }
        Ok((Ticket { epoch: self.epoch }, change))
    }

    /// Takes the ticket back when the call has ended.
    pub fn settle(&mut self, ticket: Ticket, verdict: Verdict, now: Instant) -> Option<Change> {
        if ticket.epoch != self.epoch {
            return None;
        }
        match (self.state, verdict) {
            (State::HalfOpen { .. }, Verdict::Answered) => {
                self.window.clear();
                Some(self.turn(State::Closed, Change::Closed))
            }
            (State::HalfOpen { .. }, Verdict::Failed) => Some(self.open(Counts::default(), now)),
            (State::HalfOpen { .. }, Verdict::Unknown) => {
                self.state = State::HalfOpen { trying: false };
                None
            }
            (State::Closed, Verdict::Answered | Verdict::Failed) => self.count(verdict == Verdict::Failed, now),
            (State::Closed, Verdict::Unknown) | (State::Open { .. }, _) => None,
        }
    }

    fn count(&mut self, failed: bool, now: Instant) -> Option<Change> {
        self.window.add(now, Counts { all: 1, marked: u64::from(failed) });
        let seen = self.window.counts(now);
        let enough = seen.all >= u64::from(self.settings.volume_threshold);
        let over = seen.marked * 100 > u64::from(self.settings.error_threshold) * seen.all;
        (failed && enough && over).then(|| self.open(seen, now))
    }

    fn open(&mut self, seen: Counts, now: Instant) -> Change {
        self.turn(State::Open { until: now + self.settings.reset_timeout }, Change::Opened { seen })
    }

    fn turn(&mut self, state: State, change: Change) -> Change {
        self.state = state;
        self.epoch += 1;
        change
    }
}

#[cfg(test)]
mod tests;
