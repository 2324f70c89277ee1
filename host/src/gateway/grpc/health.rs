//! `grpc.health.v1.Health/Check`: whether a service passes its probe. `Watch` is not there; clients
//! that get UNIMPLEMENTED for it take a service for well, as the protocol says.

use bytes::Bytes;
use http::{Request, Response};

use super::answer::{messages, refusal};
use super::dialect::Dialect;
use super::status::Status;
use super::unary::message;
use crate::body::Body;
use crate::gateway::named_error::Code;
use crate::grpc::{Fields, Raw, put_varint};
use crate::services::GrpcServices;

/// `HealthCheckResponse.status`.
const SERVING: u64 = 1;
const NOT_SERVING: u64 = 2;

/// Answers how a service does; without a name, how the host does.
pub(super) async fn check(dialect: Dialect, services: &GrpcServices, request: Request<Body>) -> Response<Body> {
    let told = message(dialect, request).await.and_then(|message| status(services, &message));
    match told {
        Ok(status) => {
            let mut message = vec![0x08];
            put_varint(status, &mut message);
            messages(dialect, &[message])
        }
        Err(status) => refusal(dialect, &status),
    }
}

fn status(services: &GrpcServices, message: &Bytes) -> Result<u64, Status> {
    let name = service(message).ok_or_else(|| Status::new(Code::InvalidArgument, "it is no HealthCheckRequest"))?;
    if name.is_empty() {
        return Ok(SERVING);
    }
    let found = services.named(name);
    let found = found.ok_or_else(|| Status::new(Code::NotFound, format!("there is no service {name}")))?;
    Ok(if found.is_well() { SERVING } else { NOT_SERVING })
}

/// `HealthCheckRequest.service`.
fn service(message: &[u8]) -> Option<&str> {
    let mut name = "";
    for field in Fields::of(message) {
        if let (1, Raw::Bytes(bytes)) = field.ok()? {
            name = std::str::from_utf8(bytes).ok()?;
        }
    }
    Some(name)
}
