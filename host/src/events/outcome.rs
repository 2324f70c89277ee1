//! What is done with an event after an attempt (pure).
//!
//! | what came of it | what is done | an attempt? |
//! | --- | --- | --- |
//! | ack, or it was handled before | acknowledged | yes |
//! | retry, a trap, a deadline or another fault | comes again: when the guest said, else by `backoff` | yes |
//! | the same on the last attempt, reject | dead letter | yes |
//! | overload, no live revision, a conflict, a full disk or log | waits here and tries again | no |

use std::time::Duration;

use holm_registry::settings::Subscribe;
use holm_registry::store::Sequence;

use crate::fault::{Fault, FaultKind};
use crate::services::Handled;

/// Between two tries of what does not count as an attempt, where the fault does not say better. As long as a
/// client is told to wait.
const PAUSE: Duration = Duration::from_secs(1);
/// A unit of work that met a conflict was run again several times already, at once.
const AFTER_CONFLICT: Duration = Duration::from_millis(100);

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Acknowledge it, when this commit is durable.
    Ack(Sequence),
    /// Acknowledge it: what it does was done before.
    Duplicate,
    /// Give it back, to come again after this time; why.
    Retry(Duration, String),
    /// Write a dead letter, and end it; why.
    Dead(String),
}

/// It was nothing about the event: it is tried again here, after a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    /// After this time.
    pub after: Duration,
    /// What was in the way.
    pub why: String,
}

/// Decides. `attempt` counts from 1.
///
/// # Errors
/// When this was no attempt.
pub fn decide(outcome: Result<Handled, Fault>, attempt: u32, settings: &Subscribe) -> Result<Verdict, Wait> {
    let (after, why) = match outcome {
        Ok(Handled::Acked(sequence)) => return Ok(Verdict::Ack(sequence)),
        Ok(Handled::Duplicate) => return Ok(Verdict::Duplicate),
        Ok(Handled::Reject(why)) => return Ok(Verdict::Dead(why)),
        Ok(Handled::Retry(after, why)) => {
            (after, why.unwrap_or_else(|| "the handler asked for another attempt".to_owned()))
        }
        Err(fault) => match pause(&fault) {
            Some(after) => return Err(Wait { after, why: fault.to_string() }),
            None => (None, fault.to_string()),
        },
    };
    if attempt >= settings.max_deliver {
        return Ok(Verdict::Dead(format!("attempt {attempt} was the last one: {why}")));
    }
    Ok(Verdict::Retry(after.unwrap_or_else(|| settings.pause_after(attempt)), why))
}

/// For an event that comes although it had its last attempt: the host did not live to see how that ended.
pub fn beyond(attempt: u32, settings: &Subscribe) -> Option<Verdict> {
    let last = settings.max_deliver;
    let why = || format!("the host ended during attempt {last}, which was the last one");
    (attempt > last).then(|| Verdict::Dead(why()))
}

/// How long to wait after a fault that says nothing about the event.
fn pause(fault: &Fault) -> Option<Duration> {
    match fault.kind {
        FaultKind::Overload | FaultKind::NoService | FaultKind::DiskFull | FaultKind::Backlog => {
            Some(fault.retry_after.unwrap_or(PAUSE))
        }
        FaultKind::Conflict => Some(AFTER_CONFLICT),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Subscribe {
        Subscribe { max_deliver: 3, ..Subscribe::new("orders.>".parse().unwrap()) }
    }

    fn fault(kind: FaultKind) -> Result<Handled, Fault> {
        Err(Fault::new(kind, "x"))
    }

    #[test]
    fn an_event_is_given_up_too_early_or_never() {
        let settings = settings();
        for outcome in [fault(FaultKind::Trap), fault(FaultKind::Deadline), fault(FaultKind::Host)] {
            let delay = |attempt| match decide(outcome.clone(), attempt, &settings) {
                Ok(Verdict::Retry(after, _)) => after.as_secs(),
                other => panic!("{other:?}"),
            };
            assert_eq!((delay(1), delay(2)), (1, 5));
            let last = decide(outcome, 3, &settings).unwrap();
            assert!(matches!(&last, Verdict::Dead(why) if why.starts_with("attempt 3 was")), "{last:?}");
        }
        let soon = Duration::from_millis(5);
        let asked = decide(Ok(Handled::Retry(Some(soon), Some("no room".into()))), 1, &settings).unwrap();
        assert_eq!(asked, Verdict::Retry(soon, "no room".into()));
        assert_eq!(decide(Ok(Handled::Reject("no".into())), 1, &settings), Ok(Verdict::Dead("no".into())));
        assert_eq!(decide(Ok(Handled::Duplicate), 3, &settings), Ok(Verdict::Duplicate));
    }

    #[test]
    fn an_overloaded_service_uses_up_the_attempts_of_its_events() {
        let waits = [FaultKind::Overload, FaultKind::NoService, FaultKind::Conflict, FaultKind::DiskFull];
        for kind in waits.into_iter().chain([FaultKind::Backlog]) {
            assert!(decide(fault(kind), 3, &settings()).is_err(), "{}", kind.name());
        }
    }

    #[test]
    fn an_event_that_ends_the_host_is_tried_for_ever() {
        assert_eq!(beyond(3, &settings()), None);
        assert!(matches!(beyond(4, &settings()), Some(Verdict::Dead(why)) if why.contains("attempt 3")));
    }
}
