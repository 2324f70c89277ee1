//! An answer that is kept, and its bytes (pure):
//! `01 fingerprint:32 status:u16 headers trailers body`, where headers are `count:u32 (length:u32 name length:u32
//! value)*`, and numbers are big-endian.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::{BodyExt, Full};

use holm_registry::Digest;

use crate::body::Body;

const FORMAT: u8 = 1;

const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// An answer, whole.
#[derive(Debug, PartialEq)]
pub struct Whole {
    /// Below 500, if it is kept.
    pub status: StatusCode,
    /// As the guest gave them.
    pub headers: HeaderMap,
    /// None, as a rule.
    pub trailers: HeaderMap,
    /// All of it.
    pub body: Bytes,
}

/// The same with the request that it answered.
#[derive(Debug, PartialEq)]
pub struct Kept {
    /// Of the request.
    pub fingerprint: Digest,
    /// What it was answered.
    pub answer: Whole,
}

impl Kept {
    /// What [`Whole::encode`] was given; `None` for anything else.
    pub fn decode(mut bytes: Bytes) -> Option<Self> {
        if bytes.try_get_u8().ok()? != FORMAT {
            return None;
        }
        let fingerprint = Digest::from_bytes(take(&mut bytes, 32)?.as_ref().try_into().ok()?);
        let status = StatusCode::from_u16(bytes.try_get_u16().ok()?).ok()?;
        let (headers, trailers) = (take_fields(&mut bytes)?, take_fields(&mut bytes)?);
        Some(Self { fingerprint, answer: Whole { status, headers, trailers, body: bytes } })
    }

    /// As a response that says that nothing has run for it.
    pub fn into_response(mut self) -> Response<Body> {
        self.answer.headers.insert(REPLAYED, HeaderValue::from_static("true"));
        self.answer.into_response()
    }
}

impl Whole {
    /// The bytes to keep, with the fingerprint of the request.
    pub fn encode(&self, fingerprint: &Digest) -> Bytes {
        let mut out = BytesMut::with_capacity(self.body.len() + 1024);
        out.put_u8(FORMAT);
        out.put_slice(fingerprint.as_bytes());
        out.put_u16(self.status.as_u16());
        put_fields(&mut out, &self.headers);
        put_fields(&mut out, &self.trailers);
        out.put_slice(&self.body);
        out.freeze()
    }

    /// As a response.
    pub fn into_response(self) -> Response<Body> {
        let body = Full::new(self.body).map_err(|never| match never {});
        let body = match self.trailers.is_empty() {
            true => body.boxed_unsync(),
            false => body.with_trailers(std::future::ready(Some(Ok(self.trailers)))).boxed_unsync(),
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

fn put_fields(out: &mut BytesMut, fields: &HeaderMap) {
    put_length(out, fields.len());
    for (name, value) in fields {
        for part in [name.as_str().as_bytes(), value.as_bytes()] {
            put_length(out, part.len());
            out.put_slice(part);
        }
    }
}

/// Heads are limited to far less than 4 GiB.
fn put_length(out: &mut BytesMut, length: usize) {
    out.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
}

fn take_fields(bytes: &mut Bytes) -> Option<HeaderMap> {
    let mut fields = HeaderMap::new();
    for _ in 0..bytes.try_get_u32().ok()? {
        let (name, value) = (take_text(bytes)?, take_text(bytes)?);
        fields.append(HeaderName::from_bytes(&name).ok()?, HeaderValue::from_maybe_shared(value).ok()?);
    }
    Some(fields)
}

fn take_text(bytes: &mut Bytes) -> Option<Bytes> {
    let length = bytes.try_get_u32().ok()? as usize;
    take(bytes, length)
}

fn take(bytes: &mut Bytes, length: usize) -> Option<Bytes> {
    (length <= bytes.len()).then(|| bytes.split_to(length))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fields() -> impl Strategy<Value = HeaderMap> {
        let field = ("[a-z][a-z-]{0,8}", prop::collection::vec(0x20..=0x7e_u8, 0..8));
        prop::collection::vec(field, 0..4).prop_map(|fields| {
            let mut map = HeaderMap::new();
            for (name, value) in fields {
                map.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_bytes(&value).unwrap());
            }
            map
        })
    }

    fn whole() -> impl Strategy<Value = Whole> {
        (200..600_u16, fields(), fields(), prop::collection::vec(any::<u8>(), 0..40)).prop_map(
            |(status, headers, trailers, body)| Whole {
                status: StatusCode::from_u16(status).unwrap(),
                headers,
                trailers,
                body: body.into(),
            },
        )
    }

    proptest! {
        #[test]
        fn an_answer_changes_while_it_is_kept(answer in whole(), request in any::<[u8; 4]>(), cut in 0..200_usize) {
            let fingerprint = Digest::of(&request);
            let bytes = answer.encode(&fingerprint);
            let part = bytes.slice(..cut.min(bytes.len() - answer.body.len()));
            prop_assert_eq!(Kept::decode(bytes), Some(Kept { fingerprint, answer }));
            // a record that is cut within its head is no answer
            let _no_panic = Kept::decode(part);
        }

        #[test]
        fn a_damaged_answer_stops_the_host(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _no_panic = Kept::decode(bytes.clone().into());
            let _no_panic = Kept::decode([&[FORMAT], bytes.as_slice()].concat().into());
        }
    }

    #[tokio::test]
    async fn trailers_are_lost() {
        let trailers: HeaderMap = [("grpc-status".parse().unwrap(), "0".parse().unwrap())].into_iter().collect();
        let answer = Whole { status: StatusCode::OK, headers: HeaderMap::new(), trailers, body: "hello".into() };
        let kept = Kept { fingerprint: Digest::of(b""), answer };
        let response = kept.into_response();
        assert_eq!(response.headers()["idempotency-replayed"], "true");
        let collected = response.into_body().collect().await.unwrap();
        assert_eq!(collected.trailers().unwrap()["grpc-status"], "0");
        assert_eq!(collected.to_bytes(), "hello");
    }
}
