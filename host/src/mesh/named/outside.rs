//! A request to a service that is not Wasm: one of its instances, over a socket.
//!
//! Which instance, discovery decides; and where it may be, whoever put it there: the operator in a
//! manifest, or a client within the allow-list. So the rules for addresses that guests name do not
//! hold here.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Instant;

use holm_registry::ServiceName;
use holm_registry::discovery::url::HttpUrl;
use http::{Request, Response};

use super::inside::set_caller;
use super::verdict::{Answered, Failed, judged};
use crate::body::Body;
use crate::discovery::Discovery;
use crate::fault::{Fault, FaultKind};
use crate::mesh::outgoing::{Bounds, OutgoingHttp, Reach, below};
use crate::runtime::{HttpEntry, OutboundError, Terms};

/// The services that are not Wasm.
#[derive(Clone)]
pub struct OutsideServices {
    discovery: Discovery,
    outgoing: Arc<OutgoingHttp>,
}

impl OutsideServices {
    pub(in crate::mesh) fn new(discovery: Discovery, outgoing: Arc<OutgoingHttp>) -> Self {
        Self { discovery, outgoing }
    }

    /// Whether there is one of this name, well or not.
    pub fn knows(&self, name: &ServiceName) -> bool {
        self.discovery.knows(name.as_str())
    }

    /// Asks one for another service.
    pub(super) async fn ask(
        &self,
        name: &ServiceName,
        mut request: Request<Body>,
        terms: &Terms,
    ) -> Result<Response<Body>, Failed> {
        set_caller(request.headers_mut(), &terms.service);
        let response = self.send(name, request, Some(&terms.service), Bounds::of(terms)).await?;
        judged(response, Answered::Outside)
    }

    /// Asks one for a client of the gateway. The answer's body may pause for as long as its head may
    /// take.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn http(&self, entry: &HttpEntry, request: Request<Body>) -> Result<Response<Body>, Fault> {
        let pause = entry.deadline.saturating_duration_since(Instant::now());
        let bounds = Bounds { deadline: entry.deadline, pause, body_limit: u64::MAX };
        self.send(&entry.service, request, None, bounds).await.map_err(|unanswered| match unanswered {
            Unanswered::Fault(fault) => fault,
            Unanswered::Error(error) => fault_of(&entry.service, &error),
        })
    }

    /// Asks whoever listens at a URL that the operator has named, for a client of the gateway.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn http_to(
        &self,
        url: &HttpUrl,
        deadline: Instant,
        mut request: Request<Body>,
    ) -> Result<Response<Body>, Fault> {
        *request.uri_mut() = below(url.to_string().trim_end_matches('/'), request.uri())
            .map_err(|why| Fault::new(FaultKind::BadRequest, format!("the path of a request to {url} {why}")))?;
        let pause = deadline.saturating_duration_since(Instant::now());
        let bounds = Bounds { deadline, pause, body_limit: u64::MAX };
        self.outgoing.send(request, None, Reach::Appointed, bounds).await.map_err(|error| fault_of(url, &error))
    }

    async fn send(
        &self,
        name: &ServiceName,
        mut request: Request<Body>,
        asker: Option<&ServiceName>,
        bounds: Bounds,
    ) -> Result<Response<Body>, Unanswered> {
        let picked = self.discovery.pick(name.as_str(), self.discovery.hash_key(request.headers()));
        let Some(picked) = picked else {
            return Err(Fault::new(FaultKind::NoService, format!("no instance of {name} is well")).into());
        };
        *request.uri_mut() = below(picked.base_url(), request.uri())
            .map_err(|why| Fault::new(FaultKind::BadRequest, format!("the path of a request to {name} {why}")))?;
        let answer = self.outgoing.send(request, asker.cloned(), Reach::Appointed, bounds).await;
        match &answer {
            Ok(response) => picked.answered(response.status()),
            Err(_) => picked.failed(),
        }
        Ok(answer?)
    }
}

/// Why no instance has answered.
enum Unanswered {
    Fault(Fault),
    Error(OutboundError),
}

impl From<Fault> for Unanswered {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<OutboundError> for Unanswered {
    fn from(error: OutboundError) -> Self {
        Self::Error(error)
    }
}

impl From<Unanswered> for Failed {
    fn from(unanswered: Unanswered) -> Self {
        match unanswered {
            Unanswered::Fault(fault) => fault.into(),
            Unanswered::Error(error) => error.into(),
        }
    }
}

/// What a client of the gateway is told.
fn fault_of(name: &impl Display, error: &OutboundError) -> Fault {
    let kind = match error {
        OutboundError::Timeout => FaultKind::Deadline,
        OutboundError::Refused(_) | OutboundError::UnknownName(_) => FaultKind::NoService,
        _ => FaultKind::Dependency,
    };
    Fault::new(kind, format!("{name}: {error}"))
}
