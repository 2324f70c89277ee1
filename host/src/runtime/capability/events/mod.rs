//! Publishing events: staged in the unit of work, published when it commits.
//!
//! | file | holds |
//! | --- | --- |
//! | this one | what publishing takes, whatever the interface |
//! | `holm` | `holm:events/publisher` |
//! | `wasmcloud` | `wasmcloud:messaging/consumer` |
//!
//! A guest says what happened; who, when, and because of what, is said here.

mod holm;
#[cfg(test)]
mod tests;
mod wasmcloud;

use bytes::Bytes;
use holm_registry::event::Content;
use holm_registry::settings::Limit;
use holm_registry::subject::Subject;
use wasmtime::component::Linker;

use crate::runtime::guest::Guest;
use crate::runtime::invocation::Invocation;
use crate::telemetry::logs::{LogLevel, LogSource};
use crate::telemetry::now_ms;

/// What a guest says.
struct Draft {
    subject: String,
    kind: Option<String>,
    key: Option<String>,
    content_type: Option<String>,
    headers: Vec<(String, String)>,
    payload: Bytes,
}

/// Why an event is refused. The guest gets it as a value.
enum Refusal {
    Denied(String),
    Invalid(String),
    TooLarge(String),
}

/// Links both interfaces.
pub fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    holm::link(linker)?;
    wasmcloud::link(linker)
}

impl Guest {
    /// Stages an event with everything else that the invocation writes.
    fn publish_event(&self, draft: Draft) -> Result<(), Refusal> {
        let invocation =
            self.invocation().ok_or_else(|| Refusal::Denied("nothing is published at the start".into()))?;
        let subject: Subject = draft.subject.parse().map_err(|error| Refusal::Invalid(format!("{error}")))?;
        self.check_publish_grant(&subject)?;
        let content = self.content(invocation, subject, draft);
        content.check().map_err(|unfit| match unfit.is_too_large() {
            true => self.event_over(Limit::Event, unfit.to_string()),
            false => Refusal::Invalid(unfit.to_string()),
        })?;
        let staged = invocation.unit().publish(&content);
        staged.map_err(|refused| self.event_over(Limit::Unit, refused.to_string()))
    }

    fn check_publish_grant(&self, subject: &Subject) -> Result<(), Refusal> {
        let why = match self.island().settings.grants.may_publish(subject) {
            true => return Ok(()),
            false if subject.is_reserved() => {
                format!("an event for {subject} was denied: subjects that begin with `$` or `_` are nobody's")
            }
            false => format!("an event for {subject} was denied: no grant in grants.publish covers it"),
        };
        self.island().log.write(LogSource::Host, LogLevel::Warn, "events", &why);
        Err(Refusal::Denied(why))
    }

    fn content(&self, invocation: &Invocation, subject: Subject, draft: Draft) -> Content {
        Content {
            source: self.island().service.to_string(),
            kind: draft.kind.unwrap_or_else(|| subject.as_str().to_owned()),
            time: now_ms(),
            content_type: draft.content_type,
            key: draft.key,
            correlation_id: invocation.correlation_id().to_owned(),
            traceparent: Some(invocation.trace.to_string()),
            headers: draft.headers,
            payload: draft.payload,
            subject,
        }
    }

    /// A limit was met: counted, and told as a value.
    fn event_over(&self, limit: Limit, text: String) -> Refusal {
        self.island().metrics.limit_hit(limit);
        Refusal::TooLarge(text)
    }
}
