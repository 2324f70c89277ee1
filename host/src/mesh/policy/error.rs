//! Why a call has no answer, and what that says about its target.

use std::time::Duration;

use thiserror::Error;

use super::breaker::{Refused, Verdict};
use crate::telemetry::metrics::CallOutcome;

/// What the error of an attempt means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The target failed, and may do better at once: tried again, if repeating is safe.
    Retryable,
    /// The target failed, and would fail again.
    Counted,
    /// The target did not answer in time. There is none left for another attempt.
    Timeout,
    /// The target answered: its error is what was asked for. Neither retried nor held against
    /// it, and no case for a fallback.
    NotCounted,
}

/// Why a call has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PolicyError<E> {
    /// The breaker did not let it through.
    #[error("the target failed too often lately and is left alone{}", retry_text(*retry_in))]
    Open {
        /// When the next call may try; nothing while another one is trying.
        retry_in: Option<Duration>,
    },
    /// As many calls as the bulkhead lets in are under way, and the queue was full or its wait
    /// too long.
    #[error("too many calls to the target are under way, and none ended in time")]
    Full,
    /// No answer when it was due.
    #[error("the target did not answer in time")]
    Timeout,
    /// The last attempt failed.
    #[error("{error}")]
    Failed {
        /// What it ended with.
        error: E,
        /// What that means.
        failure: Failure,
    },
}

fn retry_text(retry_in: Option<Duration>) -> String {
    match retry_in {
        Some(wait) => format!("; the next call may try in {} ms", wait.as_millis()),
        None => "; one call is trying whether it is back".to_owned(),
    }
}

impl<E> PolicyError<E> {
    /// Whether a fallback should answer: not where the target itself did.
    pub fn wants_fallback(&self) -> bool {
        !matches!(self, Self::Failed { failure: Failure::NotCounted, .. })
    }

    pub(super) fn is_retryable(&self) -> bool {
        matches!(self, Self::Failed { failure: Failure::Retryable, .. })
    }

    pub(super) fn verdict(&self) -> Verdict {
        if self.wants_fallback() { Verdict::Failed } else { Verdict::Answered }
    }

    pub(super) fn outcome(&self) -> CallOutcome {
        match self {
            Self::Open { .. } => CallOutcome::Open,
            Self::Full => CallOutcome::Full,
            Self::Timeout | Self::Failed { failure: Failure::Timeout, .. } => CallOutcome::Timeout,
            Self::Failed { failure: Failure::NotCounted, .. } => CallOutcome::Error,
            Self::Failed { .. } => CallOutcome::Failed,
        }
    }
}

impl<E> From<Refused> for PolicyError<E> {
    fn from(refused: Refused) -> Self {
        Self::Open { retry_in: refused.retry_in }
    }
}
