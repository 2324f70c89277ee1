//! Requests that happen once, however often their client sends them: those with an `Idempotency-Key`.
//!
//! | file | question it answers |
//! | --- | --- |
//! | this one | what becomes of such a request |
//! | `gather` | how its body is gathered |
//! | `key` | what counts as the same request (pure) |
//! | `whole` | how a guest runs to the end of its answer |
//! | `kept` | how an answer is kept (pure) |
//! | `under_way` | which of these requests are under way |
//!
//! After the IETF draft "The Idempotency-Key HTTP Header Field"
//! (<https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/>). State, events and the kept
//! answer are one commit, at the end of the answer: after a crash at any moment the same request finds all of them,
//! or none and then runs for the first time. What a service does elsewhere, in other services or outside, is not part
//! of that.

mod gather;
mod kept;
mod key;
#[cfg(test)]
mod tests;
mod under_way;
mod whole;

pub use key::key;
pub use under_way::UnderWay;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use holm_registry::Digest;
use holm_registry::store::{Expiring, Key, Store, stamped, unstamped};
use http::{Request, Response};

use self::kept::Kept;
use super::commit::{commit, durable};
use super::invocation::{HttpEntry, Invocation};
use super::revision::{Revision, Turn};
use super::serve::RERUNS;
use crate::body::{Body, full};
use crate::fault::{Fault, FaultKind, KeyFault};
use crate::telemetry::now_ms;

/// For how long an answer is kept: a client that has not heard for a day does not try again. As others keep theirs.
const WINDOW: Duration = Duration::from_secs(24 * 60 * 60);

/// Bytes of a request's body, and of an answer's: each is held in memory until the end, and the answer then counts
/// for what the service keeps. As large as the gateway's default for a body.
const LARGEST: usize = 1 << 20;

/// Runs a request that bears a key, or answers as it was answered before.
///
/// # Errors
/// What is wrong with the key or its request, see [`KeyFault`]; else a fault of the service.
pub async fn serve(
    revision: &Arc<Revision>,
    entry: &HttpEntry,
    key: &str,
    deadline: Instant,
    request: Request<Body>,
    new_invocation: impl Fn() -> Arc<Invocation>,
) -> Result<Response<Body>, Fault> {
    let (head, body) = request.into_parts();
    let gathered = revision.under_way().room().gather(body, deadline).await?;
    let body = &gathered.bytes;
    let place = Key::answer(revision.service(), &key::scope(entry, &head, key));
    let fingerprint = key::fingerprint(&head.uri, body);
    let _under_way = revision.under_way().begin(&place).ok_or_else(|| {
        let fault = Fault::new(FaultKind::Key(KeyFault::InUse), "the first request of this key is under way");
        Fault { retry_after: Some(Duration::from_secs(1)), ..fault }
    })?;
    let mut turn = None;
    for _ in 0..RERUNS {
        let (invocation, again) = (new_invocation(), Request::from_parts(head.clone(), full(body.clone())));
        match attempt(revision, &invocation, &place, &fingerprint, again, turn).await {
            Err(fault) if fault.kind == FaultKind::Conflict && invocation.can_run_again() => {}
            other => return other,
        }
        turn = Some(revision.turn(deadline).await?);
    }
    let last = Request::from_parts(head, full(body.clone()));
    attempt(revision, &new_invocation(), &place, &fingerprint, last, turn).await
}

async fn attempt(
    revision: &Arc<Revision>,
    invocation: &Arc<Invocation>,
    place: &Key,
    fingerprint: &Digest,
    request: Request<Body>,
    turn: Option<Turn>,
) -> Result<Response<Body>, Fault> {
    if let Some(answer) = answered(revision.database(), invocation, place, fingerprint).await? {
        return Ok(answer.into_response());
    }
    let (answer, mut staged, _held) = whole::run(revision, invocation, request).await?;
    if answer.status.is_server_error() {
        // as if it had not been asked: the next one with this key runs
        return Ok(answer.into_response());
    }
    staged.effects.writes.insert(place.clone(), Some(stamped(now_ms(), &answer.encode(fingerprint))));
    staged.effects.quota = Some(revision.quota());
    commit(revision.database(), staged, turn).await?;
    Ok(answer.into_response())
}

/// The answer that was given before, read as a part of the unit of work: whoever gives one meanwhile is a conflict.
async fn answered(
    store: &Store,
    invocation: &Invocation,
    place: &Key,
    fingerprint: &Digest,
) -> Result<Option<Kept>, Fault> {
    let broken = |error: crate::state::Refused| Fault::new(FaultKind::Host, error.to_string());
    let record = invocation.unit().get(store, place.clone()).map_err(broken)?;
    let Some(kept) = record.and_then(|record| current(&record, now_ms())) else { return Ok(None) };
    if kept.fingerprint != *fingerprint {
        let why = "path and body are not those of the first request with this key";
        return Err(Fault::new(FaultKind::Key(KeyFault::Reused), why));
    }
    durable(store, invocation.cut().highest).await?;
    Ok(Some(kept))
}

/// What a record holds, unless it has expired or cannot be read: then the request runs again.
fn current(record: &Bytes, now: u64) -> Option<Kept> {
    let (time, value) = unstamped(record)?;
    if time < expired_before(now) {
        return None;
    }
    Kept::decode(value)
}

/// What was kept before this time is not an answer any more. In milliseconds since 1970, as `now`.
fn expired_before(now: u64) -> u64 {
    now.saturating_sub(u64::try_from(WINDOW.as_millis()).unwrap_or(u64::MAX))
}

/// Removes answers that are kept for too long.
pub async fn forget_expired(store: &Store) {
    if let Err(error) = store.expire(Expiring::Answers, expired_before(now_ms())).await {
        tracing::warn!(%error, "answers that are kept by idempotency keys could not be removed");
    }
}
