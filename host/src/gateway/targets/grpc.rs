//! A method of gRPC, answered by a function.

use std::time::Instant;

use holm_registry::ServiceName;
use http::{Request, Response, StatusCode, Version};

use super::{Asked, call_entry};
use crate::body::{self, Body};
use crate::fault::{Fault, FaultKind};
use crate::gateway::behind::Behind;
use crate::gateway::grpc::{Dialect, Status, message, messages, refusal, timeout};
use crate::gateway::named_error::{Code, meaning};
use crate::gateway::respond::Problem;
use crate::grpc::Method;
use crate::services::CallEntry;
use crate::services::value::Val;

/// Calls the function. What the client should know of a failure is a status of gRPC.
///
/// # Errors
/// What is not about the call itself: the host tells it in the same form as any other.
pub(super) async fn ask<B: Behind>(
    asked: Asked<'_, B>,
    service: &ServiceName,
    request: Request<Body>,
) -> Result<Response<Body>, Problem> {
    let Some(dialect) = Dialect::of(request.headers()) else { return Ok(no_grpc()) };
    if dialect == Dialect::Native && request.version() < Version::HTTP_2 {
        return Err(Problem::BadHead("gRPC needs HTTP/2; over HTTP/1.1 speak grpc-web"));
    }
    match call(&asked, service, dialect, request).await {
        Ok(answer) => Ok(messages(dialect, &answer)),
        Err(Ended::Refused(status)) => Ok(refusal(dialect, &status)),
        Err(Ended::Failed(fault)) => Err(Problem::Fault(fault)),
    }
}

/// Why there is no message.
enum Ended {
    /// The function says so, or the request.
    Refused(Status),
    /// The service or the host has failed.
    Failed(Fault),
}

async fn call<B: Behind>(
    asked: &Asked<'_, B>,
    service: &ServiceName,
    dialect: Dialect,
    request: Request<Body>,
) -> Result<Vec<Vec<u8>>, Ended> {
    let name = asked.uri.path().rsplit('/').next().unwrap_or_default();
    let services = asked.behind.grpc();
    let answering = services.of_service(service);
    let answering =
        answering.ok_or_else(|| Ended::Failed(Fault::new(FaultKind::NoService, format!("{service} is not live"))))?;
    let method = answering.pairing.methods.get(name);
    let unknown = || Status::new(Code::Unimplemented, format!("{} has no method {name}", answering.pairing.service));
    let method = method.ok_or_else(|| Ended::Refused(unknown()))?;
    let own = timeout(request.headers()).map(|wait| Instant::now() + wait);
    let deadline = own.map_or(asked.deadline, |own| own.min(asked.deadline));
    let message = message(dialect, request).await.map_err(Ended::Refused)?;
    let arguments = method.arguments(&message);
    let arguments = arguments.map_err(|wrong| Ended::Refused(Status::new(Code::InvalidArgument, wrong.to_string())))?;
    let function = asked.behind.function(service, &answering.pairing.interface, &method.signature.name);
    let function = function.map_err(|error| Ended::Failed(Fault::new(FaultKind::NoService, error.to_string())))?;
    let entry = CallEntry { deadline, ..call_entry(asked) };
    let late = || Ended::Failed(Fault::new(FaultKind::Deadline, "the client's own deadline passed"));
    // what is quick enough to end at the first poll would be called for nobody
    if deadline <= Instant::now() {
        return Err(late());
    }
    let called = tokio::time::timeout_at(deadline.into(), function.call(entry, &arguments)).await;
    let called = called.map_err(|_| late())?;
    answer(method, called.map_err(Ended::Failed)?)
}

fn answer(method: &Method, result: Option<Val>) -> Result<Vec<Vec<u8>>, Ended> {
    let messages = match &result {
        Some(Val::Result(Err(error))) => return Err(Ended::Refused(refused(error.as_deref()))),
        Some(Val::Result(Ok(value))) => method.messages(value.as_deref()),
        value => method.messages(value.as_ref()),
    };
    messages.map_err(|mismatch| Ended::Failed(Fault::new(FaultKind::Host, mismatch.to_string())))
}

/// The code is what the name of the error means; its text, if it has one, is for people.
fn refused(error: Option<&Val>) -> Status {
    let (name, text) = match error {
        Some(Val::Enum(name)) => (name.as_str(), None),
        Some(Val::Variant(name, payload)) => (name.as_str(), payload.as_deref()),
        Some(text @ Val::String(_)) => ("", Some(text)),
        _ => ("", None),
    };
    let message = match text {
        Some(Val::String(text)) => text.clone(),
        _ => name.to_owned(),
    };
    Status::new(meaning(name).code, message)
}

/// Somebody asks with something else than gRPC.
fn no_grpc() -> Response<Body> {
    let mut response =
        Response::new(body::full("this path speaks gRPC: send application/grpc or application/grpc-web\n"));
    *response.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    response
}
