//! The one message of a request.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use http::Request;

use super::dialect::Dialect;
use super::frame::{HEAD, MESSAGE, take};
use super::status::Status;
use crate::body::{self, Body};
use crate::gateway::named_error::Code;

/// Reads it.
///
/// # Errors
/// When there is none, more than one, or one that is too large.
pub(in crate::gateway) async fn message(dialect: Dialect, request: Request<Body>) -> Result<Bytes, Status> {
    // base64 adds a third
    let limit = if dialect == Dialect::WebText { (HEAD + MESSAGE).div_ceil(3) * 4 + 4 } else { HEAD + MESSAGE };
    let whole = body::whole(request.into_body(), limit).await;
    let unread = |error| Status::new(Code::ResourceExhausted, format!("the message was not read to its end: {error}"));
    let bytes = whole.map_err(unread)?;
    let bytes = if dialect == Dialect::WebText { decoded(&bytes)? } else { bytes.into() };
    one(bytes)
}

fn one(mut buffer: BytesMut) -> Result<Bytes, Status> {
    match take(&mut buffer)? {
        Some(message) if buffer.is_empty() => Ok(message),
        Some(_) => {
            Err(Status::new(Code::InvalidArgument, "the request has more than one message, and the method takes one"))
        }
        None => Err(Status::new(Code::InvalidArgument, "the request ends before its message")),
    }
}

/// A client may have encoded its frames one by one, each with padding of its own.
fn decoded(text: &[u8]) -> Result<BytesMut, Status> {
    let broken = || Status::new(Code::InvalidArgument, "the body is no base64");
    let mut bytes = BytesMut::new();
    for group in text.chunks(4) {
        bytes.extend_from_slice(&STANDARD.decode(group).map_err(|_| broken())?);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(dialect: Dialect, bytes: &[u8]) -> Result<Bytes, Code> {
        message(dialect, Request::new(body::full(bytes.to_vec()))).await.map_err(|status| status.code)
    }

    #[tokio::test]
    async fn a_request_of_two_messages_loses_one() {
        let bytes = [0, 0, 0, 0, 1, 7];
        assert_eq!(read(Dialect::Native, &bytes).await, Ok(Bytes::from_static(&[7])));
        assert_eq!(read(Dialect::Native, &bytes.repeat(2)).await, Err(Code::InvalidArgument));
        assert_eq!(read(Dialect::Native, &bytes[..5]).await, Err(Code::InvalidArgument));
        assert_eq!(read(Dialect::Native, &[]).await, Err(Code::InvalidArgument));
        let text = [STANDARD.encode(&bytes[..4]), STANDARD.encode(&bytes[4..])].concat();
        assert_eq!(read(Dialect::WebText, text.as_bytes()).await, Ok(Bytes::from_static(&[7])));
        assert_eq!(read(Dialect::WebText, b"???").await, Err(Code::InvalidArgument));
    }
}
