//! `grpc.reflection.v1.ServerReflection`: which services there are, and the files that describe them
//! (<https://github.com/grpc/grpc/blob/master/doc/server-reflection.md>). The older `v1alpha` has the
//! same messages.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::stream;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};

use super::answer::{head, refusal, trailers};
use super::dialect::Dialect;
use super::frame::{put, take};
use super::status::Status;
use crate::body::{Body, BodyError};
use crate::gateway::named_error::Code;
use crate::grpc::{Fields, Raw, put_bytes, put_varint};
use crate::services::GrpcServices;

/// Fields of `ServerReflectionRequest`.
const FILE_BY_NAME: u32 = 3;
const FILE_OF_SYMBOL: u32 = 4;
const LIST_SERVICES: u32 = 7;

/// Answers each message of the request as it comes.
pub(super) fn answer(dialect: Dialect, services: Arc<GrpcServices>, request: Request<Body>) -> Response<Body> {
    if dialect != Dialect::Native {
        let why = "reflection is a stream in both directions, which grpc-web does not have";
        return refusal(dialect, &Status::new(Code::Unimplemented, why));
    }
    let talk = Talk { services, body: request.into_body(), buffer: BytesMut::new(), over: false };
    head(dialect, StreamBody::new(stream::unfold(talk, Talk::next)).boxed_unsync())
}

/// A stream of questions, and where its answers come from.
struct Talk {
    services: Arc<GrpcServices>,
    body: Body,
    buffer: BytesMut,
    over: bool,
}

impl Talk {
    async fn next(mut self) -> Option<(Result<Frame<Bytes>, BodyError>, Self)> {
        if self.over {
            return None;
        }
        let frame = match self.question().await {
            Ok(Some(question)) => {
                let mut bytes = Vec::new();
                put(&respond(&self.services, &question), &mut bytes);
                Frame::data(bytes.into())
            }
            Ok(None) => self.end(&Status::OK),
            Err(status) => self.end(&status),
        };
        Some((Ok(frame), self))
    }

    fn end(&mut self, status: &Status) -> Frame<Bytes> {
        self.over = true;
        trailers(status)
    }

    /// The next message; `None` when there is no more.
    async fn question(&mut self) -> Result<Option<Bytes>, Status> {
        loop {
            if let Some(message) = take(&mut self.buffer)? {
                return Ok(Some(message));
            }
            match self.body.frame().await {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.buffer.extend_from_slice(&data);
                    }
                }
                Some(Err(error)) => return Err(Status::new(Code::Cancelled, error.to_string())),
                None => return Ok(None),
            }
        }
    }
}

/// `ServerReflectionResponse`.
fn respond(services: &GrpcServices, question: &[u8]) -> Vec<u8> {
    let mut response = Vec::new();
    put_bytes(2, question, &mut response);
    let answer = || {
        for field in Fields::of(question) {
            let (number, Raw::Bytes(text)) = field.ok()? else { continue };
            let text = std::str::from_utf8(text).ok()?;
            let found = match number {
                FILE_BY_NAME => files(services.all().find_map(|one| one.pairing.schema.file(text))),
                FILE_OF_SYMBOL => files(services.all().find_map(|one| one.pairing.schema.file_of(text))),
                LIST_SERVICES => Some((6, list(services))),
                _ => continue,
            };
            return Some(found.unwrap_or_else(|| error(Code::NotFound, &format!("there is no {text}"))));
        }
        None
    };
    let (number, content) =
        answer().unwrap_or_else(|| error(Code::Unimplemented, "only files, symbols and services are known"));
    put_bytes(number, &content, &mut response);
    response
}

/// `FileDescriptorResponse`.
fn files(found: Option<Vec<Vec<u8>>>) -> Option<(u32, Vec<u8>)> {
    let mut content = Vec::new();
    found?.iter().for_each(|file| put_bytes(1, file, &mut content));
    Some((4, content))
}

/// `ListServiceResponse`.
fn list(services: &GrpcServices) -> Vec<u8> {
    let mut content = Vec::new();
    for answering in services.all() {
        let mut service = Vec::new();
        put_bytes(1, answering.pairing.service.as_bytes(), &mut service);
        put_bytes(1, &service, &mut content);
    }
    content
}

/// `ErrorResponse`.
fn error(code: Code, message: &str) -> (u32, Vec<u8>) {
    let mut content = vec![0x08];
    put_varint(code as u64, &mut content);
    put_bytes(2, message.as_bytes(), &mut content);
    (7, content)
}
