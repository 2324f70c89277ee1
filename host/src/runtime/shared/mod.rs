//! Several requests at once in one instance, for services that ask for it (`instances.concurrency`).
//!
//! | file | question it answers |
//! | --- | --- |
//! | `check` | may requests share instances of this component (pure) |
//! | `room` | who is in a shared instance now, and whether it can stay |
//! | `rooms` | in which instance a request goes |
//! | `work` | how an instance runs for as long as somebody is in it |
//! | this one | a request's way, from its permit to its answer |
//!
//! The engine cannot tell which request of an instance calls a host function, uses a processor or
//! waits, and it cannot end one of them without ending the instance. So:
//!
//! - Whoever needs to know the request is refused when it is deployed: state, events, calls,
//!   outgoing HTTP. A capability finds no invocation in the store.
//! - The instance is one account. Memory and handles are those of the instance; CPU time is
//!   `limits.cpu` for each request in it, counted from the last one that ended.
//! - A client that leaves does not end its request: it runs on, keeps its permit, and its answer is dropped.
//! - A request that is late is answered with 504 and closes its instance: nobody else enters, those
//!   in it are finished, and when only late ones are left the instance is dropped.
//! - A trap, or a limit that the instance goes over, ends all requests in it, each with that fault.

mod check;
mod room;
mod rooms;
mod work;

pub use check::{Facts, why_not};
pub use rooms::Rooms;

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant as StdInstant;

use holm_registry::settings::Limit;
use http::{Request, Response};
use http_body_util::BodyExt;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};
use wasmtime_wasi_http::WasiBody;

use self::room::Visitor;
use super::answer::{AnswerBody, Progress, check_head};
use super::intake::{IntakeBody, check_announced};
use super::invocation::{HttpEntry, Invocation};
use super::revision::Revision;
use super::serve::{late, new_invocation, outlived};
use crate::body::Body;
use crate::fault::{Fault, FaultKind};

/// What a guest answers, or what it said instead.
type Answer = Result<Response<WasiBody>, String>;

/// Runs a request in an instance that it may share with others.
///
/// # Errors
/// A fault: of this request, or of the instance.
pub async fn serve(
    revision: &Arc<Revision>,
    entry: &HttpEntry,
    request: Request<Body>,
) -> Result<Response<Body>, Fault> {
    let settings = revision.settings();
    check_announced(request.body(), settings.limits.request_body.as_u64())?;
    let due = entry.deadline.min(StdInstant::now() + settings.timeout);
    let deadline = Instant::from_std(due);
    // it neither publishes nor calls anybody who could
    let invocation = new_invocation(revision, entry, None, due);
    let permit = revision.pool().enter(invocation.lineage.standing(revision.service()), deadline).await?;
    let held = (permit, revision.begin());
    let progress = Progress::new();
    let (head, mut answered) = oneshot::channel();
    let limit = settings.limits.request_body.as_u64();
    let request = request.map(|body| IntakeBody::new(body, invocation.clone(), limit));
    let visitor = Visitor { request, head, progress: progress.clone(), deadline: due, held };
    let room = rooms::enter(revision, &invocation, visitor).await?;
    let answer: Answer = tokio::select! {
        biased;
        head = &mut answered => match head {
            Ok(answer) => answer,
            Err(_) => return Err(room.fault().await),
        },
        () = sleep_until(deadline) => return Err(late()),
        () = revision.killed() => return Err(outlived()),
    };
    if let Some(fault) = invocation.take_fault() {
        return Err(fault);
    }
    let response = answer.map_err(|text| Fault::new(FaultKind::Trap, text))?;
    check_head(&response, &settings.limits)?;
    Ok(with_body(response, progress, revision.clone(), invocation).await)
}

/// The answer with what is there of its body.
async fn with_body(
    response: Response<WasiBody>,
    progress: Arc<Progress>,
    revision: Arc<Revision>,
    invocation: Arc<Invocation>,
) -> Response<Body> {
    let (parts, body) = response.into_parts();
    let mut body = AnswerBody::new(body, progress, revision, invocation);
    poll_fn(|context| {
        while body.read_ahead(context) {}
        Poll::Ready(())
    })
    .await;
    Response::from_parts(parts, body.boxed_unsync())
}

/// No place in an instance.
fn no_room() -> Fault {
    Fault::new(FaultKind::Overload, "no instance had room for another request in time").at(Limit::InstanceConcurrency)
}
