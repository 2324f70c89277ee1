//! The body type that travels between the parts: plain `http` types, no hyper. And how one is sent
//! again.

mod replay;

pub use replay::Replay;

use bytes::{Bytes, BytesMut};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full};

/// Why a body ended early.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// A streaming body.
pub type Body = UnsyncBoxBody<Bytes, BodyError>;

/// A body without bytes.
pub fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// A body that is already whole.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// Reads one to its end, which has to come within so many bytes.
///
/// # Errors
/// When it ends early, or does not end there.
pub async fn whole(mut body: Body, limit: usize) -> Result<Bytes, BodyError> {
    let mut read = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        if data.len() > limit - read.len() {
            return Err(format!("it has more than the {limit} bytes that are allowed").into());
        }
        read.extend_from_slice(&data);
    }
    Ok(read.freeze())
}
