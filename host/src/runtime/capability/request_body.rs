//! A request's body on its way out: as long as its `content-length` says, or the request is
//! broken off.
//!
//! A server takes what follows a shorter body for the rest of it, and what is left of a longer
//! one for the next request. So a body whose length is not what was said is an error, which ends
//! the connection before anybody else could use it.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, header};
use http_body::{Body as HttpBody, Frame, SizeHint};
use wasmtime_wasi_http::{Error, WasiBody};

use crate::body::BodyError;

/// The length that a message says it has (RFC 9110 section 8.6: digits, once).
///
/// # Errors
/// When it says something else, or says it twice.
pub fn declared_length(headers: &HeaderMap) -> Result<Option<u64>, Error> {
    let mut values = headers.get_all(header::CONTENT_LENGTH).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let digits = value.to_str().ok().filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()));
    match (digits.and_then(|digits| digits.parse().ok()), values.next()) {
        (Some(length), None) => Ok(Some(length)),
        _ => Err(Error::HttpProtocolError),
    }
}

/// A body that ends with an error unless it has its declared length.
pub struct RequestBody {
    inner: WasiBody,
    /// What is still to come; `None` when nothing was declared.
    left: Option<u64>,
}

impl RequestBody {
    /// A body of `declared` bytes.
    ///
    /// # Errors
    /// When its length is known already, and is another.
    pub fn new(inner: WasiBody, declared: Option<u64>) -> Result<Self, Error> {
        let known = if inner.is_end_stream() { Some(0) } else { inner.size_hint().exact() };
        match (known, declared) {
            (Some(known), Some(declared)) if known != declared => Err(Error::HttpRequestBodySize(Some(known))),
            _ => Ok(Self { inner, left: declared }),
        }
    }

    fn charge(&mut self, frame: &Frame<Bytes>) -> Result<(), BodyError> {
        let size = frame.data_ref().map_or(0, |data| data.len() as u64);
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(size).ok_or("the request's body is longer than its content-length")?;
        }
        Ok(())
    }
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        Pin::new(&mut self.inner).poll_frame(context).map(|polled| match polled {
            Some(Ok(frame)) => Some(self.charge(&frame).map(|()| frame)),
            Some(Err(error)) => Some(Err(error.into())),
            None if self.left.is_some_and(|left| left > 0) => {
                self.left = None;
                Some(Err("the request's body is shorter than its content-length".into()))
            }
            None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.left.unwrap_or(0) == 0 && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(|| self.inner.size_hint(), SizeHint::with_exact)
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;
    use http::HeaderValue;
    use http_body_util::{BodyExt, StreamBody};

    use super::*;

    fn body(chunks: &'static [&'static str]) -> WasiBody {
        let frames = chunks.iter().map(|chunk| Ok(Frame::data(Bytes::from_static(chunk.as_bytes()))));
        StreamBody::new(stream::iter(frames)).boxed_unsync()
    }

    async fn sent(chunks: &'static [&'static str], declared: Option<u64>) -> Result<Bytes, String> {
        let body = RequestBody::new(body(chunks), declared).unwrap();
        body.collect().await.map(|whole| whole.to_bytes()).map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn a_body_of_another_length_than_was_said_goes_out() {
        assert_eq!(sent(&["ab", "c"], Some(3)).await.unwrap(), "abc");
        assert_eq!(sent(&["ab", "c"], None).await.unwrap(), "abc");
        assert!(sent(&["ab", "cd"], Some(3)).await.unwrap_err().contains("longer"));
        assert!(sent(&["ab"], Some(3)).await.unwrap_err().contains("shorter"));
        assert!(sent(&[], Some(3)).await.unwrap_err().contains("shorter"));
        let empty = || http_body_util::Empty::new().map_err(|never| match never {}).boxed_unsync();
        assert!(RequestBody::new(empty(), Some(3)).is_err());
        assert!(RequestBody::new(empty(), Some(0)).is_ok());
    }

    #[test]
    fn a_length_can_be_read_in_two_ways() {
        let headers = |values: &[&'static str]| -> HeaderMap {
            values.iter().map(|value| (header::CONTENT_LENGTH, HeaderValue::from_static(value))).collect()
        };
        assert_eq!(declared_length(&headers(&[])).unwrap(), None);
        assert_eq!(declared_length(&headers(&["12"])).unwrap(), Some(12));
        for bad in [&["+1"][..], &["1", "1"], &["1, 1"], &[""], &[" 1"], &["0x1"], &["99999999999999999999"]] {
            assert!(declared_length(&headers(bad)).is_err(), "{bad:?}");
        }
    }
}
