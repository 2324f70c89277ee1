//! Publishing from outside: what the admin API was given becomes an event.

use bytes::Bytes;
use holm_registry::event::{Content, Unfit};
use holm_registry::store::{CommitError, Effects, Log, Position, Store, StoreError};
use holm_registry::subject::Subject;

use crate::telemetry::now_ms;
use crate::telemetry::random::random_u128;
use crate::telemetry::trace::TraceContext;

/// Who is named as the source of what is published through the admin API.
const SOURCE: &str = "admin";

/// What somebody outside wants to say.
#[derive(Clone, Debug)]
pub struct Draft {
    /// What it is published to.
    pub subject: Subject,
    /// What happened; the subject, if nothing is said.
    pub kind: Option<String>,
    /// Events of one key are delivered in order.
    pub key: Option<String>,
    /// The media type of the payload.
    pub content_type: Option<String>,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// The bytes.
    pub payload: Bytes,
}

/// Why something is not published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The subject is a broker's or Holm's own.
    #[error("`{0}` cannot be published to: subjects that begin with `$` or `_` belong to the broker and to Holm")]
    Reserved(Subject),
    /// It is no event.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// The store did not take it.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// It may not be durable.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Publishes an event; on return it is durable. Answers with its id.
///
/// # Errors
/// Why it was not published.
pub async fn publish(store: &Store, draft: Draft) -> Result<String, PublishError> {
    if draft.subject.is_reserved() {
        return Err(PublishError::Reserved(draft.subject));
    }
    let content = content(draft);
    content.check()?;
    let events = vec![(Log::Events, content.encode())];
    let sequence = store.commit(Effects { events, ..Effects::default() }).await?;
    store.durable(sequence).await?;
    Ok(store.event_id(Position { sequence, index: 0 }))
}

fn content(draft: Draft) -> Content {
    let Draft { subject, kind, key, content_type, headers, payload } = draft;
    Content {
        source: SOURCE.to_owned(),
        kind: kind.unwrap_or_else(|| subject.as_str().to_owned()),
        time: now_ms(),
        content_type,
        key,
        correlation_id: format!("{:032x}", random_u128()),
        traceparent: Some(TraceContext::generate().to_string()),
        headers,
        payload,
        subject,
    }
}
