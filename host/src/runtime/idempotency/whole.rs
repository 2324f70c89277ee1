//! How a guest runs to the end of its answer: nothing is committed at the head, and nothing leaves.

use std::pin::pin;
use std::sync::Arc;

use holm_registry::settings::{Limit, Limits};
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};
use wasmtime_wasi_http::WasiBody;

use super::LARGEST;
use super::kept::Whole;
use crate::body::Body;
use crate::fault::{Fault, FaultKind, KeyFault};
use crate::runtime::answer::{Progress, check_head};
use crate::runtime::exchange::{self, GuestAnswer};
use crate::runtime::invocation::Invocation;
use crate::runtime::revision::Revision;
use crate::runtime::run::{Entered, Held, to_the_end};
use crate::runtime::serve::{classify, late};
use crate::state::Staged;

/// The whole answer, and the unit of work that ended with it.
///
/// # Errors
/// A fault of the service; or its answer is too large.
pub async fn run(
    revision: &Arc<Revision>,
    invocation: &Arc<Invocation>,
    request: Request<Body>,
) -> Result<(Whole, Staged, Held), Fault> {
    let mut entered = Entered::new(revision, invocation).await?;
    let (called, answer) = drive(revision, invocation, &mut entered, request).await?;
    called.map_err(|error| classify(&mut entered.instance, invocation, &error))?;
    let (staged, held) = entered.leave(revision, invocation)?;
    let answer = answer.ok_or_else(|| Fault::new(FaultKind::Trap, "the guest returned without an answer"))?;
    Ok((answer, staged, held))
}

/// Lets the guest work while its answer is gathered: it writes no further than it is read.
async fn drive(
    revision: &Revision,
    invocation: &Arc<Invocation>,
    entered: &mut Entered,
    request: Request<Body>,
) -> Result<(wasmtime::Result<()>, Option<Whole>), Fault> {
    let progress = Progress::new();
    let (sender, mut head) = oneshot::channel();
    let on_head = move |answer| sender.send(answer).is_ok();
    let guest = exchange::call(&mut entered.instance, invocation, request, on_head, progress.clone());
    let mut guest = pin!(to_the_end(revision, invocation, guest));
    let (ended, head) = tokio::select! {
        biased;
        // the way for its head may outlive the guest
        ended = &mut guest => (Some(ended?), head.try_recv().ok()),
        head = &mut head => (None, head.ok()),
    };
    let rest = async {
        let called = match ended {
            Some(called) => called,
            None => guest.await?,
        };
        called.map_err(Stop::Guest)
    };
    let limits = &revision.settings().limits;
    let whole = timeout_at(Instant::from_std(invocation.deadline), gather(head, &progress, limits));
    let whole = async { Ok(whole.await.map_err(|_| late())??) };
    match tokio::try_join!(rest, whole) {
        Ok(((), whole)) => Ok((Ok(()), whole)),
        Err(Stop::Guest(error)) => Ok((Err(error), None)),
        Err(Stop::Fault(fault)) => Err(fault),
    }
}

/// Why nobody waits for the rest of an answer. A guest that trapped leaves one that never ends.
enum Stop {
    Guest(wasmtime::Error),
    Fault(Fault),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

async fn gather(head: Option<GuestAnswer>, progress: &Progress, limits: &Limits) -> Result<Option<Whole>, Fault> {
    let Some(answer) = head else { return Ok(None) };
    let response: Response<WasiBody> = answer.map_err(|text| Fault::new(FaultKind::Trap, text))?;
    check_head(&response, limits)?;
    let (head, body) = response.into_parts();
    let most = limits.response_body.as_usize().min(LARGEST);
    let collected = Limited::new(body, most).collect().await;
    progress.end();
    let whole = collected.map_err(|error| match error.is::<LengthLimitError>() {
        true if most < LARGEST => Fault::over(Limit::ResponseBody, "was reached"),
        true => {
            Fault::new(FaultKind::Key(KeyFault::AnswerTooLarge), format!("the answer has more than {LARGEST} bytes"))
        }
        false => Fault::new(FaultKind::Trap, format!("the answer broke off: {error}")),
    })?;
    let trailers = whole.trailers().cloned().unwrap_or_else(HeaderMap::new);
    Ok(Some(Whole { status: head.status, headers: head.headers, trailers, body: whole.to_bytes() }))
}
