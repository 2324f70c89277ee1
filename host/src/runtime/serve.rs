//! One HTTP request's way through a guest.
//!
//! The guest runs in the task of the request until it hands over the head of its answer. Its
//! unit of work ends there: it is committed, and only then does the head leave. A guest that
//! still works then, and has to wait for somebody (its body is long, or not there yet), goes on
//! in a task of its own; what it stages from there on is a second unit, committed when it returns.
//!
//! A guest whose client has gone before the head is dropped with its store: an instance comes
//! back to its pool only from a completed invocation.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use holm_registry::event::is_attribute;
use holm_registry::settings::Limit;
use http::header::{HeaderMap, HeaderName};
use http::{Request, Response};
use http_body_util::BodyExt;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

use super::answer::{AnswerBody, AtWork, Progress, check_head};
use super::commit::commit;
use super::cpu::{CpuMeter, Metered};
use super::exchange::{self, GuestAnswer};
use super::intake::check_announced;
use super::invocation::{HttpEntry, Invocation};
use super::limits::fault_of;
use super::pool::Instance;
use super::revision::{Revision, Turn};
use super::{idempotency, shared};
use crate::body::{Body, Replay};
use crate::fault::{Fault, FaultKind};
use crate::state::Staged;

/// How often an invocation is run again after a conflict before the client is told. Those that run
/// again take turns, so only first runs get in their way; with even chances each time, one in 256
/// needs more.
pub const RERUNS: u32 = 8;

/// By which a client ties several requests, and all that follows from them, together.
const CORRELATION: HeaderName = HeaderName::from_static("x-correlation-id");

/// A guest at work. Its end gives the instance back.
type Running = Pin<Box<dyn Future<Output = Result<(), Box<Wreck>>> + Send>>;

/// A guest that did not come to a good end.
struct Wreck {
    fault: Fault,
    /// Its store, if it was the guest that failed: only while that lives can the end of a body be told
    /// from the end of its guest.
    remains: Option<(AtWork, Instance)>,
}

impl Wreck {
    /// What is left when the answer's body has been looked at: broken off, unless it was whole before.
    fn cleared(self, body_was_whole: bool) -> Fault {
        if let Some((at_work, _instance)) = self.remains
            && body_was_whole
        {
            at_work.done();
        }
        self.fault
    }
}

impl From<Fault> for Box<Wreck> {
    fn from(fault: Fault) -> Self {
        Box::new(Wreck { fault, remains: None })
    }
}

/// What a guest does once its head is there.
enum Rest {
    /// Nothing more: it has returned, or has trapped behind its head.
    Ended(Result<(), Box<Wreck>>),
    /// It is still at work.
    Running(Running),
}

/// The head of an answer, with the unit of work that ended at it.
struct Head {
    answer: GuestAnswer,
    staged: Staged,
}

/// Runs a request, again if its unit of work met a conflict and nothing has left the island.
pub async fn serve(
    revision: &Arc<Revision>,
    entry: &HttpEntry,
    request: Request<Body>,
) -> Result<Response<Body>, Fault> {
    if !revision.takes_http() {
        let detail = format!("{} exports no HTTP handler; it can only be called", revision.service());
        return Err(Fault::new(FaultKind::NoService, detail));
    }
    if revision.settings().instances.concurrency > 1 {
        return shared::serve(revision, entry, request).await;
    }
    let settings = revision.settings();
    check_announced(request.body(), settings.limits.request_body.as_u64())?;
    let deadline = entry.deadline.min(std::time::Instant::now() + settings.timeout);
    let correlation = correlation(request.headers());
    let new_invocation = || new_invocation(revision, entry, correlation.clone(), deadline);
    if revision.keeps_something()
        && let Some(key) = idempotency::key(&request)?
    {
        // boxed, so that the requests without a key do not carry the room for this
        return Box::pin(idempotency::serve(revision, entry, &key, deadline, request, new_invocation)).await;
    }
    if !revision.uses_state() {
        let invocation = new_invocation();
        return attempt(revision, invocation, request, None).await;
    }
    let (mut request, replay) = Replay::of(request);
    let mut turn = None;
    for _ in 0..RERUNS {
        let invocation = new_invocation();
        match attempt(revision, invocation.clone(), request, turn).await {
            Err(fault) if fault.kind == FaultKind::Conflict && invocation.can_run_again() => match replay.again() {
                Some(again) => request = again,
                None => return Err(fault),
            },
            other => return other,
        }
        turn = Some(revision.turn(deadline).await?);
    }
    attempt(revision, new_invocation(), request, turn).await
}

/// An invocation that nothing has been done for.
pub fn new_invocation(
    revision: &Revision,
    entry: &HttpEntry,
    correlation: Option<Arc<str>>,
    deadline: std::time::Instant,
) -> Arc<Invocation> {
    let cpu = CpuMeter::new(revision.settings().limits.cpu);
    Arc::new(Invocation::new(entry, correlation, deadline, cpu))
}

/// What the client says that all this is for. What cannot stand in an event's metadata is not taken over.
fn correlation(headers: &HeaderMap) -> Option<Arc<str>> {
    let text = headers.get(CORRELATION)?.to_str().ok()?;
    is_attribute(text).then(|| text.into())
}

async fn attempt(
    revision: &Arc<Revision>,
    invocation: Arc<Invocation>,
    request: Request<Body>,
    turn: Option<Turn>,
) -> Result<Response<Body>, Fault> {
    let deadline = Instant::from_std(invocation.deadline);
    let permit = revision.pool().enter(invocation.lineage.standing(revision.service()), deadline).await?;
    let counted = revision.begin();
    let instance = revision.instance(&invocation).await?;
    let progress = Progress::new();
    let (head_sender, mut head_receiver) = oneshot::channel();
    let (settled, first_unit) = oneshot::channel();
    let work = run(revision.clone(), instance, invocation.clone(), request, head_sender, first_unit, progress.clone());
    let mut running: Running = Box::pin(async move {
        let _held = (permit, counted);
        work.await
    });
    let (head, rest) = tokio::select! {
        biased;
        outcome = &mut running => head_of_ended(outcome, head_receiver)?,
        head = &mut head_receiver => (head.map_err(|_| no_answer())?, Rest::Running(running)),
        () = sleep_until(deadline) => return Err(late()),
        () = revision.killed() => return Err(outlived()),
    };
    if let Some(fault) = invocation.take_fault() {
        return Err(fault);
    }
    let response = head.answer.map_err(|text| Fault::new(FaultKind::Trap, text))?;
    check_head(&response, &revision.settings().limits)?;
    if response.status().is_server_error() {
        // what the guest stages from here on is discarded, too: it waits for this in vain
        drop((head.staged, settled));
    } else {
        commit(revision.database(), head.staged, turn).await?;
        // nobody waits for this if the guest has ended or has nothing left to commit
        let _ = settled.send(());
    }
    let (parts, body) = response.into_parts();
    let mut body = AnswerBody::new(body, progress.clone(), revision.clone(), invocation);
    match go_on(rest, &mut body).await {
        Rest::Ended(Ok(())) => {}
        Rest::Ended(Err(wreck)) => revision.fault_after_head(&wreck.cleared(body.is_read())),
        Rest::Running(running) => revision.spawn("guest after its head", watch(revision.clone(), running, progress)),
    }
    Ok(Response::from_parts(parts, body.boxed_unsync()))
}

/// Lets a guest go on behind its head for as long as nobody has to wait: nearly every small answer
/// is whole then, leaves in one piece, and needs no task of its own.
async fn go_on(mut rest: Rest, body: &mut AnswerBody) -> Rest {
    poll_fn(|context| {
        loop {
            if let Rest::Running(running) = &mut rest
                && let Poll::Ready(ended) = running.as_mut().poll(context)
            {
                rest = Rest::Ended(ended);
            }
            if !body.read_ahead(context) {
                return Poll::Ready(());
            }
        }
    })
    .await;
    rest
}

/// A guest that has ended: its head, if it set one. One that trapped after its head keeps the
/// head; its body ends early, and the trap is counted.
fn head_of_ended(outcome: Result<(), Box<Wreck>>, mut head: oneshot::Receiver<Head>) -> Result<(Head, Rest), Fault> {
    match (head.try_recv(), outcome) {
        (Ok(head), outcome) => Ok((head, Rest::Ended(outcome))),
        (Err(_), Err(wreck)) => Err(wreck.fault),
        (Err(_), Ok(())) => Err(no_answer()),
    }
}

/// Nothing was answered in time.
pub fn late() -> Fault {
    Fault::new(FaultKind::Deadline, "no answer within the deadline").at(Limit::Timeout)
}

/// The revision is to be gone.
pub fn outlived() -> Fault {
    Fault::new(FaultKind::Deadline, "the revision was replaced and its drain deadline has passed")
}

fn no_answer() -> Fault {
    Fault::new(FaultKind::Trap, "the guest returned without an answer")
}

/// Lets a guest go on after its head, for as long as its answer makes progress.
async fn watch(revision: Arc<Revision>, mut running: Running, progress: Arc<Progress>) {
    let patience: Duration = revision.settings().timeout;
    let outcome = loop {
        let stalls_at = progress.stalls_at(patience);
        tokio::select! {
            biased;
            outcome = &mut running => break outcome.map_err(|wreck| wreck.cleared(false)),
            () = revision.killed() => {
                break Err(Fault::new(FaultKind::Deadline, "still answering when the drain deadline passed"));
            }
            () = sleep_until(stalls_at.into()) => {
                if progress.stalls_at(patience) <= std::time::Instant::now() {
                    let stalled = Fault::new(FaultKind::Deadline, "the answer made no progress within the timeout");
                    break Err(stalled.at(Limit::Timeout));
                }
            }
        }
    };
    if let Err(fault) = outcome
        && !progress.is_cut()
    {
        revision.fault_after_head(&fault);
    }
}

/// Runs the guest to its end, gives the instance back and commits what it staged after its head:
/// behind its first unit, never before it, and not at all if that was not committed.
async fn run(
    revision: Arc<Revision>,
    mut instance: Instance,
    invocation: Arc<Invocation>,
    request: Request<Body>,
    head: oneshot::Sender<Head>,
    first_unit: oneshot::Receiver<()>,
    progress: Arc<Progress>,
) -> Result<(), Box<Wreck>> {
    let at_work = AtWork::on(&progress);
    let meter = invocation.cpu.clone();
    let cutting = invocation.clone();
    // the receiver is gone when the client has left: then nobody commits
    let on_head = move |answer| head.send(Head { answer, staged: cutting.cut() }).is_ok();
    instance.begin(&invocation);
    let guest = exchange::call(&mut instance, &invocation, request, on_head, progress.clone());
    let called = Metered::new(meter, revision.manners(), pin!(guest)).await;
    if let Err(error) = called {
        let fault = classify(&mut instance, &invocation, &error);
        return Err(Box::new(Wreck { fault, remains: Some((at_work, instance)) }));
    }
    at_work.done();
    instance.store.data_mut().leave();
    let rest = invocation.cut();
    revision.pool().give_back(instance);
    if let Some(fault) = invocation.take_fault() {
        return Err(fault.into());
    }
    if rest.is_empty() || progress.is_cut() || first_unit.await.is_err() {
        return Ok(());
    }
    Ok(commit(revision.database(), rest, None).await?)
}

/// Whose fault it was that the guest did not return.
pub fn classify(instance: &mut Instance, invocation: &Invocation, error: &wasmtime::Error) -> Fault {
    if let Some(fault) = invocation.take_fault() {
        return fault;
    }
    if let Some(fault) = fault_of(instance.store.data_mut(), error) {
        return fault;
    }
    // the cause first: some see only the first line
    Fault::new(FaultKind::Trap, format!("{}\n{error:?}", error.root_cause()))
}
