//! `http://inventory/…`: a request to another service by its name, under the policy for it.
//!
//! | file | question it answers |
//! | --- | --- |
//! | `inside` | how does it reach a service of this host |
//! | `outside` | how does it reach one that is not Wasm |
//! | `verdict` | what does an answer say about the service |
//!
//! A name means the service of this host, else the one that discovery knows; it never reaches a
//! resolver. Requests are repeated as RFC 9110 allows it by their method, with a body that is small.

mod inside;
mod outside;
mod verdict;

use std::sync::Arc;

use holm_registry::ServiceName;
use holm_registry::settings::Fallback;
use holm_registry::table::TableCell;
use http::{Request, Response};

pub use self::outside::OutsideServices;
use self::verdict::Failed;
pub use self::verdict::{Answered, classify, judge};
use super::policy::{Attempt, CallPolicy, Failure, PolicyError, Repeat};
use crate::body::{Body, Replay};
use crate::fault::{Fault, FaultKind};
use crate::runtime::{Answer, OutboundError, Revision, Terms, Upstream};

/// Where names lead.
#[derive(Clone)]
pub(super) struct Names {
    /// Read for each request: a swap of a service changes nothing for those that ask it.
    pub(super) table: Arc<TableCell<Revision>>,
    pub(super) outside: OutsideServices,
}

/// The way from one service to another one by its name.
pub(super) struct NamedService {
    names: Names,
    service: ServiceName,
    policy: Arc<CallPolicy>,
}

impl Names {
    async fn ask(&self, name: &ServiceName, request: Request<Body>, terms: Terms) -> Result<Response<Body>, Failed> {
        let live = self.table.load().services.get(name).cloned();
        match live {
            Some(revision) => inside::ask(&revision, request, terms).await,
            None if self.outside.knows(name) => self.outside.ask(name, request, &terms).await,
            None => Err(OutboundError::UnknownName(name.to_string()).into()),
        }
    }
}

impl NamedService {
    pub(super) fn new(names: Names, service: ServiceName, policy: Arc<CallPolicy>) -> Self {
        Self { names, service, policy }
    }

    async fn send(&self, request: Request<Body>, terms: Terms) -> Result<Response<Body>, OutboundError> {
        let repeat = Repeat::from(request.method());
        let (first, replay) = Replay::of(request);
        let mut first = Some(first);
        let attempt = |Attempt { deadline, .. }| {
            let request = first.take().or_else(|| replay.again());
            let terms = Terms { deadline, ..terms.clone() };
            self.once(request, terms, &replay)
        };
        let error = match self.policy.run(terms.deadline, repeat, attempt, |failed| failed.failure).await {
            Ok(response) => return Ok(response),
            Err(error) => error,
        };
        let spare = error.wants_fallback().then(|| self.policy.rules().fallback_service()).flatten();
        match (spare, replay.again()) {
            (Some(Fallback::Service { service }), Some(request)) => {
                self.policy.fell_back();
                self.names.ask(service, request, terms).await.or_else(|failed| failed.answer)
            }
            _ => told(error),
        }
    }

    /// A failure that the replay cannot repeat is none that may be retried.
    async fn once(
        &self,
        request: Option<Request<Body>>,
        terms: Terms,
        replay: &Replay,
    ) -> Result<Response<Body>, Failed> {
        let request = request.ok_or_else(|| OutboundError::Terminated("its body cannot be sent again".to_owned()))?;
        let answer = self.names.ask(&self.service, request, terms).await;
        answer.map_err(|failed| match failed.failure {
            Failure::Retryable if !replay.is_whole() => Failed { failure: Failure::Counted, ..failed },
            _ => failed,
        })
    }
}

impl Upstream for NamedService {
    fn http(self: Arc<Self>, request: Request<Body>, terms: Terms) -> Answer {
        Box::pin(async move { self.send(request, terms).await })
    }
}

/// What the caller gets where no answer was good enough.
fn told(error: PolicyError<Failed>) -> Result<Response<Body>, OutboundError> {
    let fault = match error {
        PolicyError::Failed { error, .. } => return error.answer,
        PolicyError::Timeout => Fault::new(FaultKind::Deadline, ""),
        PolicyError::Full => Fault::new(FaultKind::Overload, ""),
        PolicyError::Open { retry_in } => {
            let fault = Fault::new(FaultKind::Overload, "");
            Fault { retry_after: retry_in.or(fault.retry_after), ..fault }
        }
    };
    Ok(inside::told(&fault))
}
