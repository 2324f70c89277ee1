//! Events as JSON, through `holm:events`. A thin layer: what is missing here is in
//! [`bindings::events`](crate::bindings::events).
//!
//! A service that handles events has a table of them and exports it:
//!
//! ```ignore
//! const HANDLERS: &[On] = &[On::new("orders.created", reserve)];
//!
//! impl holm_guest::events::Guest for Inventory {
//!     fn handle(event: Event) -> Outcome {
//!         holm_guest::events::handle(HANDLERS, &event)
//!     }
//! }
//! holm_guest::events::export!(Inventory);
//! ```
//!
//! What a handler writes and publishes happens once, however often its event is delivered.

use crate::bindings::events::publisher;
use crate::{Problem, log};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use crate::bindings::events::types::{Draft, Error, Event, Outcome};
pub use crate::bindings::handling::export_event_handler as export;
pub use crate::bindings::handling::handler::Guest;

const JSON: &str = "application/json";

/// What a line of the table leads to.
pub type Handler = fn(&Event) -> Result<(), Problem>;

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub struct On {
    subject: &'static str,
    handler: Handler,
}

impl On {
    /// Handles the events of a subject, or of a pattern as in the manifest: `*` stands for one token, `>` at the end
    /// for one or more.
    pub const fn new(subject: &'static str, handler: Handler) -> Self {
        Self { subject, handler }
    }
}

/// Publishes a value as JSON, under a key whose events stay in order. It happens when everything else does that the
/// invocation has written.
///
/// # Errors
/// When the service may not publish to this subject, or not that much.
pub fn publish(subject: &str, key: &str, value: &impl Serialize) -> Result<(), Error> {
    let payload = serde_json::to_vec(value).map_err(|error| Error::Invalid(error.to_string()))?;
    publisher::publish(&Draft {
        subject: subject.to_owned(),
        type_: None,
        key: Some(key.to_owned()),
        content_type: Some(JSON.to_owned()),
        headers: Vec::new(),
        payload,
    })
}

/// The payload of an event, which is JSON.
///
/// # Errors
/// 422 if it is not, or of another shape: such an event can never be handled.
pub fn json<T: DeserializeOwned>(event: &Event) -> Result<T, Problem> {
    serde_json::from_slice(&event.payload)
        .map_err(|error| Problem::new(422, format!("the payload is not what {} should have: {error}", event.subject)))
}

/// Runs the first line that the event's subject fits. What goes wrong decides whether the event comes again: a
/// problem below 500 never goes away by itself, so it rejects the event; anything else may.
pub fn handle(table: &[On], event: &Event) -> Outcome {
    let Some(line) = table.iter().find(|line| fits(line.subject, &event.subject)) else {
        return Outcome::Reject(format!("nothing handles {}", event.subject));
    };
    let Err(problem) = (line.handler)(event) else { return Outcome::Ack };
    let why = problem.cause.unwrap_or(problem.message);
    if problem.status < 500 {
        return Outcome::Reject(why);
    }
    log::error("events", &why);
    Outcome::Retry(None)
}

fn fits(pattern: &str, subject: &str) -> bool {
    let mut tokens = subject.split('.');
    for wanted in pattern.split('.') {
        match (wanted, tokens.next()) {
            (">", Some(_)) => return true,
            (wanted, Some(token)) if wanted == "*" || wanted == token => {}
            _ => return false,
        }
    }
    tokens.next().is_none()
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Denied(why) | Error::Invalid(why) | Error::TooLarge(why) => Self::internal(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(subject: &str, payload: &str) -> Event {
        Event {
            id: "1".into(),
            source: "orders".into(),
            type_: subject.into(),
            subject: subject.into(),
            time: "2026-11-22T09:30:00Z".into(),
            content_type: None,
            key: None,
            correlation_id: "c".into(),
            attempt: 1,
            headers: Vec::new(),
            payload: payload.into(),
        }
    }

    #[test]
    fn an_event_reaches_the_wrong_handler() {
        for (pattern, subject, expected) in [
            ("orders.created", "orders.created", true),
            ("orders.*", "orders.created", true),
            ("orders.>", "orders.eu.created", true),
            ("orders.*", "orders.eu.created", false),
            ("orders.>", "orders", false),
            ("orders", "orders.created", false),
        ] {
            assert_eq!(fits(pattern, subject), expected, "{pattern} {subject}");
        }
    }

    #[test]
    fn an_event_that_can_never_be_handled_comes_again() {
        let fails = |_: &Event| Err(Problem::internal("disk"));
        let reads = |event: &Event| json::<u32>(event).map(drop);
        let table = &[On::new("a", fails), On::new(">", reads)];
        assert!(matches!(handle(table, &event("b", "1")), Outcome::Ack));
        assert!(matches!(handle(table, &event("b", "no")), Outcome::Reject(_)));
        assert!(matches!(handle(&table[..1], &event("b", "1")), Outcome::Reject(_)));
    }
}
