//! `grpc.health.v1.Health`: whether a service passes its probe, once or for as long as somebody wants to
//! know (<https://github.com/grpc/grpc/blob/master/doc/health-checking.md>).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tokio::sync::OwnedSemaphorePermit;

use super::answer::{head, messages, refusal, trailers};
use super::dialect::Dialect;
use super::frame::put;
use super::status::Status;
use super::unary::message;
use crate::body::{Body, BodyError};
use crate::gateway::behind::Behind;
use crate::gateway::named_error::Code;
use crate::gateway::publish::Watched;
use crate::grpc::{Fields, Raw, put_varint};
use crate::services::GrpcServices;

/// `HealthCheckResponse.status`.
const SERVING: u64 = 1;
const NOT_SERVING: u64 = 2;
/// Of [`watch`] alone: there is no such service now, and may be one later.
const SERVICE_UNKNOWN: u64 = 3;

/// So often somebody who watches a service looks how it does. Probes come every few seconds.
const LOOK: Duration = Duration::from_secs(1);

/// Answers how a service does; without a name, how the host does.
pub(super) async fn check(dialect: Dialect, services: &GrpcServices, request: Request<Body>) -> Response<Body> {
    let told = message(dialect, request).await.and_then(|message| status(services, &message));
    match told {
        Ok(status) => messages(dialect, &[response(status)]),
        Err(status) => refusal(dialect, &status),
    }
}

/// Answers how a service does, and again whenever that has changed, until the client leaves or the host ends.
pub(super) async fn watch<B: Behind>(dialect: Dialect, watched: Watched<B>, request: Request<Body>) -> Response<Body> {
    if dialect != Dialect::Native {
        let why = "a stream without an end is not offered over grpc-web; ask with Check";
        return refusal(dialect, &Status::new(Code::Unimplemented, why));
    }
    let name = message(dialect, request).await.and_then(|message| service(&message));
    let room = Arc::clone(&watched.room).try_acquire_owned();
    let room = room.map_err(|_| Status::new(Code::ResourceExhausted, "too many watch already; ask with Check"));
    match name.and_then(|name| Ok((name, room?))) {
        Ok((name, room)) => {
            let watch = Watch { watched, name, told: None, over: false, _room: room };
            head(dialect, StreamBody::new(stream::unfold(watch, Watch::next)).boxed_unsync())
        }
        Err(status) => refusal(dialect, &status),
    }
}

/// Somebody who wants to know how a service does.
struct Watch<B> {
    watched: Watched<B>,
    name: String,
    told: Option<u64>,
    over: bool,
    _room: OwnedSemaphorePermit,
}

impl<B: Behind> Watch<B> {
    async fn next(mut self) -> Option<(Result<Frame<Bytes>, BodyError>, Self)> {
        while !self.over {
            let now = status_of(&self.watched.behind.borrow_and_update().grpc(), &self.name).unwrap_or(SERVICE_UNKNOWN);
            if self.told.replace(now) != Some(now) {
                let mut bytes = Vec::new();
                put(&response(now), &mut bytes);
                return Some((Ok(Frame::data(bytes.into())), self));
            }
            self.over = !self.wait().await;
            if self.over {
                let end = Status::new(Code::Unavailable, "the host ends");
                return Some((Ok(trailers(&end)), self));
            }
        }
        None
    }

    /// Whether it is worth to look again.
    async fn wait(&mut self) -> bool {
        let Watched { behind, ending, .. } = &mut self.watched;
        tokio::select! {
            () = ending.cancelled() => false,
            _ = behind.changed() => true,
            () = tokio::time::sleep(LOOK) => true,
        }
    }
}

/// `HealthCheckResponse`.
fn response(status: u64) -> Vec<u8> {
    let mut message = vec![0x08];
    put_varint(status, &mut message);
    message
}

fn status(services: &GrpcServices, message: &Bytes) -> Result<u64, Status> {
    let name = service(message)?;
    status_of(services, &name).ok_or_else(|| Status::new(Code::NotFound, format!("there is no service {name}")))
}

/// `None`: there is no such service. Without a name it is the host that is meant.
fn status_of(services: &GrpcServices, name: &str) -> Option<u64> {
    if name.is_empty() {
        return Some(SERVING);
    }
    services.named(name).map(|found| if found.is_well() { SERVING } else { NOT_SERVING })
}

/// `HealthCheckRequest.service`.
fn service(message: &[u8]) -> Result<String, Status> {
    let wrong = || Status::new(Code::InvalidArgument, "it is no HealthCheckRequest");
    let mut name = "";
    for field in Fields::of(message) {
        if let (1, Raw::Bytes(bytes)) = field.map_err(|_| wrong())? {
            name = std::str::from_utf8(bytes).map_err(|_| wrong())?;
        }
    }
    Ok(name.to_owned())
}
