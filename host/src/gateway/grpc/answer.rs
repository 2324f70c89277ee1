//! What a client gets: messages and a status, or a status alone.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, header};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};

use super::dialect::Dialect;
use super::frame::{put, put_trailers};
use super::status::Status;
use crate::body::{self, Body};

/// What is said of compression: messages come as they are.
const ENCODINGS: HeaderName = HeaderName::from_static("grpc-accept-encoding");

/// Messages, and that all went well.
pub(in crate::gateway) fn messages(dialect: Dialect, messages: &[Vec<u8>]) -> Response<Body> {
    let mut bytes = Vec::new();
    messages.iter().for_each(|message| put(message, &mut bytes));
    let body = match dialect {
        Dialect::Native => with_trailers(bytes, &Status::OK),
        Dialect::Web => {
            put_trailers(&Status::OK.text(), &mut bytes);
            body::full(bytes)
        }
        Dialect::WebText => {
            put_trailers(&Status::OK.text(), &mut bytes);
            body::full(STANDARD.encode(bytes))
        }
    };
    head(dialect, body)
}

/// A status alone: in the head, which all dialects understand.
pub(in crate::gateway) fn refusal(dialect: Dialect, status: &Status) -> Response<Body> {
    let mut response = head(dialect, body::empty());
    response.headers_mut().extend(status.fields());
    response
}

/// An answer with this body, which tells its status itself.
pub(super) fn head(dialect: Dialect, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, dialect.content_type());
    headers.insert(ENCODINGS, HeaderValue::from_static("identity"));
    response
}

fn with_trailers(bytes: Vec<u8>, status: &Status) -> Body {
    let frames: [Result<Frame<Bytes>, body::BodyError>; 2] = [Ok(Frame::data(bytes.into())), Ok(trailers(status))];
    StreamBody::new(futures::stream::iter(frames)).boxed_unsync()
}

/// The end of a body.
pub(super) fn trailers(status: &Status) -> Frame<Bytes> {
    let fields: HeaderMap = status.fields();
    Frame::trailers(fields)
}
