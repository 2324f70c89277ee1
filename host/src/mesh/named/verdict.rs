//! What an answer, or the lack of one, says about the service that was asked. Pure.

use http::{Response, StatusCode};

use super::inside::told;
use crate::body::Body;
use crate::fault::{Fault, FaultKind};
use crate::mesh::policy::Failure;
use crate::runtime::OutboundError;

/// An attempt that was no good.
pub(super) struct Failed {
    /// What the caller gets if nothing better comes.
    pub(super) answer: Result<Response<Body>, OutboundError>,
    /// What it means.
    pub(super) failure: Failure,
}

/// Who answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// A service of this host. What it needs it has asked for again itself: if each of a chain of
    /// services repeats what the next one says of a third, the last one gets two to the power of them.
    Inside,
    /// An instance outside, perhaps behind a proxy. The next one may do better.
    Outside,
}

/// An answer that says by its status that the service could not do its work is a failed one, as for
/// Envoy and for most HTTP clients that throw. `None`: it is none.
pub fn judge(status: StatusCode, by: Answered) -> Option<Failure> {
    match status {
        StatusCode::SERVICE_UNAVAILABLE => Some(Failure::Retryable),
        StatusCode::BAD_GATEWAY if by == Answered::Outside => Some(Failure::Retryable),
        StatusCode::GATEWAY_TIMEOUT => Some(Failure::Timeout),
        status if status.is_server_error() => Some(Failure::Counted),
        _ => None,
    }
}

/// The answer, if it is a good one.
#[expect(clippy::result_large_err, reason = "both variants hold an answer, so the error makes it no larger")]
pub(super) fn judged(response: Response<Body>, by: Answered) -> Result<Response<Body>, Failed> {
    match judge(response.status(), by) {
        None => Ok(response),
        Some(failure) => Err(Failed { answer: Ok(response), failure }),
    }
}

/// What a fault says about the service that it happened in. Overload may be over in a moment; what a
/// guest does wrong it does again; and what was wrong with the request is nobody's failure.
pub fn classify(fault: &Fault) -> Failure {
    match fault.kind {
        FaultKind::Overload | FaultKind::NoService | FaultKind::Conflict | FaultKind::Host | FaultKind::Backlog => {
            Failure::Retryable
        }
        FaultKind::Deadline => Failure::Timeout,
        FaultKind::BadRequest | FaultKind::BodyTooLarge | FaultKind::BodyTimeout | FaultKind::Key(_) => {
            Failure::NotCounted
        }
        FaultKind::Trap | FaultKind::Limit | FaultKind::Dependency | FaultKind::DiskFull => Failure::Counted,
    }
}

impl From<Fault> for Failed {
    fn from(fault: Fault) -> Self {
        Self { failure: classify(&fault), answer: Ok(told(&fault)) }
    }
}

impl From<OutboundError> for Failed {
    fn from(error: OutboundError) -> Self {
        let failure = match &error {
            OutboundError::UnknownName(_) | OutboundError::Refused(_) | OutboundError::Terminated(_) => {
                Failure::Retryable
            }
            OutboundError::Timeout => Failure::Timeout,
            OutboundError::Prohibited { .. }
            | OutboundError::Tls(_)
            | OutboundError::Protocol(_)
            | OutboundError::TooLarge(_) => Failure::Counted,
        };
        Self { answer: Err(error), failure }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body;

    #[test]
    fn an_answer_is_taken_for_a_failure_or_a_failure_for_an_answer() {
        for (status, expected) in [
            (200, None),
            (404, None),
            (429, None),
            (500, Some(Failure::Counted)),
            (501, Some(Failure::Counted)),
            (502, Some(Failure::Counted)),
            (503, Some(Failure::Retryable)),
            (504, Some(Failure::Timeout)),
        ] {
            let mut response = Response::new(body::empty());
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            assert_eq!(judged(response, Answered::Inside).err().map(|failed| failed.failure), expected, "{status}");
        }
        let mut response = Response::new(body::empty());
        *response.status_mut() = StatusCode::BAD_GATEWAY;
        assert_eq!(judged(response, Answered::Outside).err().map(|failed| failed.failure), Some(Failure::Retryable));
    }

    #[test]
    fn a_request_that_was_wrong_opens_the_breaker() {
        let failure = |kind| Failed::from(Fault::new(kind, "")).failure;
        assert_eq!(failure(FaultKind::BodyTooLarge), Failure::NotCounted);
        assert_eq!(failure(FaultKind::Trap), Failure::Counted);
        assert_eq!(failure(FaultKind::NoService), Failure::Retryable);
        assert_eq!(Failed::from(OutboundError::Refused(String::new())).failure, Failure::Retryable);
    }
}
