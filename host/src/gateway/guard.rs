//! What stands around a target: retries, breaker, bulkhead, and who answers in its place.
//!
//! The policy is the one of calls between services; here are its two ends: what an answer of a target
//! means to it, and what a client gets when there is no good one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use holm_registry::ServiceName;
use holm_registry::route::{RoutePolicy, RouteSpec, Target};
use holm_registry::settings::{BreakerSettings, CallRules, CallTarget, RetrySettings};
use http::{Request, Response};

use super::behind::Behind;
use super::respond::Problem;
use super::targets::{self, Asked};
use crate::body::{self, Body, Replay};
use crate::fault::{Fault, FaultKind};
use crate::mesh::policy::{Attempt, CallPolicy, Failure, Policies, PolicyError, Repeat};
use crate::mesh::{Answered, classify, judge};

/// Of a request's time, the part that is left for who answers in place of its target: one tenth.
const LEFT_FOR_FALLBACK: u32 = 10;

/// What stands around the target of one rule.
#[derive(Debug)]
pub(super) struct Guard {
    policy: Arc<CallPolicy>,
    fallback: Option<Target>,
}

/// An attempt that was no good.
struct Failed {
    /// What the client gets if nothing better comes.
    answer: Result<Response<Body>, Problem>,
    failure: Failure,
}

impl Guard {
    /// `None` for a rule that asks for nothing, or whose target cannot fail.
    pub(super) fn new(spec: &RouteSpec, policies: &Policies) -> Option<Self> {
        if spec.policy.is_empty() || matches!(spec.target, Target::Redirect(_) | Target::Respond(_)) {
            return None;
        }
        let target = match &spec.target {
            Target::Service(name) => CallTarget::Upstream(name.clone()),
            other => CallTarget::Named(other.to_string()),
        };
        let policy = policies.get(&ServiceName::gateway(), &target, rules(&spec.policy));
        Some(Self { policy, fallback: spec.policy.fallback.as_deref().cloned() })
    }

    /// Asks the target under its policy.
    ///
    /// # Errors
    /// Why neither the target nor its stand-in has answered.
    pub(super) async fn ask<B: Behind>(
        &self,
        asked: Asked<'_, B>,
        request: Request<Body>,
    ) -> Result<Response<Body>, Problem> {
        let repeat = Repeat::from(request.method());
        let (first, replay) = Replay::of(request);
        let mut first = Some(first);
        let attempt = |Attempt { deadline, .. }| {
            let request = first.take().or_else(|| replay.again());
            once(Asked { deadline, ..asked }, request, &replay)
        };
        let deadline = self.deadline(asked.deadline);
        let error = match self.policy.run(deadline, repeat, attempt, |failed: &Failed| failed.failure).await {
            Ok(response) => return Ok(response),
            Err(error) => error,
        };
        let Some(fallback) = self.fallback.as_ref().filter(|_| error.wants_fallback()) else { return told(error) };
        let needs_no_body = matches!(fallback, Target::Redirect(_) | Target::Respond(_));
        let again = replay.again().or_else(|| needs_no_body.then(|| Request::new(body::empty())));
        let Some(request) = again else { return told(error) };
        self.policy.fell_back();
        targets::dispatch(asked, fallback, request).await
    }

    /// A stand-in that answers when the client's time is over answers too late.
    fn deadline(&self, deadline: Instant) -> Instant {
        let left = deadline.saturating_duration_since(Instant::now());
        let kept = self.fallback.as_ref().map_or(Duration::ZERO, |_| left / LEFT_FOR_FALLBACK);
        deadline.checked_sub(kept).unwrap_or(deadline)
    }
}

/// What a rule does not name does nothing: one attempt, and a breaker that never opens.
fn rules(policy: &RoutePolicy) -> CallRules {
    let no_retry = RetrySettings { attempts: 1, ..RetrySettings::default() };
    let no_breaker = BreakerSettings { error_threshold: 100, ..BreakerSettings::default() };
    CallRules {
        service: None,
        timeout: None,
        idempotent: Vec::new(),
        retry: policy.retry.clone().unwrap_or(no_retry),
        breaker: policy.breaker.clone().unwrap_or(no_breaker),
        bulkhead: policy.bulkhead.clone(),
        fallback: Vec::new(),
    }
}

/// One attempt. A failure that the replay cannot repeat is none that may be retried.
async fn once<B: Behind>(
    asked: Asked<'_, B>,
    request: Option<Request<Body>>,
    replay: &Replay,
) -> Result<Response<Body>, Failed> {
    let gone = || Fault::new(FaultKind::Dependency, "the request's body cannot be sent again");
    let Some(request) = request else {
        return Err(Failed { answer: Err(Problem::Fault(gone())), failure: Failure::Counted });
    };
    let failed = match targets::dispatch(asked, &asked.rule.spec.target, request).await {
        Ok(response) => match judge(response.status(), Answered::Outside) {
            None => return Ok(response),
            Some(failure) => Failed { answer: Ok(response), failure },
        },
        Err(problem) => Failed { failure: meaning(&problem), answer: Err(problem) },
    };
    match failed.failure {
        Failure::Retryable if !replay.is_whole() => Err(Failed { failure: Failure::Counted, ..failed }),
        _ => Err(failed),
    }
}

fn meaning(problem: &Problem) -> Failure {
    match problem {
        Problem::Fault(fault) => classify(fault),
        _ => Failure::NotCounted,
    }
}

/// What the client gets where no answer was good enough.
fn told(error: PolicyError<Failed>) -> Result<Response<Body>, Problem> {
    let fault = match error {
        PolicyError::Failed { error, .. } => return error.answer,
        PolicyError::Timeout => Fault::new(FaultKind::Deadline, "the target gave no answer in the time of its rule"),
        PolicyError::Full => Fault::new(FaultKind::Overload, "the rule's bulkhead is full"),
        PolicyError::Open { retry_in } => {
            let fault = Fault::new(FaultKind::Overload, "the rule's breaker is open");
            Fault { retry_after: retry_in.or(fault.retry_after), ..fault }
        }
    };
    Err(Problem::Fault(fault))
}
