//! A `multipart/form-data` body (RFC 7578) whose parts are sent without being copied.

use std::convert::Infallible;

use bytes::Bytes;
use futures::stream;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};

use crate::body::Body;

/// Components start with `\0asm` and our JSON has no line that starts with dashes, but anything
/// may stand inside of a component: 128 random bits make a clash impossible in practice.
fn boundary() -> String {
    let mut bytes = [0; 16];
    // Without randomness the name is still a valid one.
    let _fixed = getrandom::fill(&mut bytes);
    format!("holm-{:032x}", u128::from_be_bytes(bytes))
}

/// A form that is being put together.
pub(super) struct Form {
    boundary: String,
    chunks: Vec<Bytes>,
}

impl Form {
    pub(super) fn new() -> Self {
        Self { boundary: boundary(), chunks: Vec::new() }
    }

    pub(super) fn json(&mut self, name: &str, json: &[u8]) {
        self.part(name, "application/json", Bytes::copy_from_slice(json));
    }

    pub(super) fn wasm(&mut self, name: &str, bytes: Bytes) {
        self.part(name, "application/wasm", bytes);
    }

    /// The content type and the body.
    pub(super) fn finish(mut self) -> (String, Body) {
        self.chunks.push(Bytes::from(format!("--{}--\r\n", self.boundary)));
        let frames = self.chunks.into_iter().map(|chunk| Ok::<_, Infallible>(Frame::data(chunk)));
        let body = StreamBody::new(stream::iter(frames)).map_err(|never| match never {}).boxed_unsync();
        (format!("multipart/form-data; boundary={}", self.boundary), body)
    }

    fn part(&mut self, name: &str, kind: &str, bytes: Bytes) {
        let boundary = &self.boundary;
        let head =
            format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\nContent-Type: {kind}\r\n\r\n");
        self.chunks.extend([Bytes::from(head), bytes, Bytes::from_static(b"\r\n")]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_parts_of_a_form_run_into_each_other() {
        let mut form = Form::new();
        form.json("plan", b"{}");
        form.wasm("sha256:ab", Bytes::from_static(b"\0asm"));
        let (kind, body) = form.finish();
        let boundary = kind.strip_prefix("multipart/form-data; boundary=").unwrap();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let parts: Vec<_> = text.split(&format!("--{boundary}")).collect();
        assert_eq!(parts.len(), 4, "{text}");
        assert!(parts[1].ends_with("\r\n\r\n{}\r\n"), "{text}");
        assert!(parts[2].contains(r#"name="sha256:ab""#) && parts[2].ends_with("\0asm\r\n"), "{text}");
        assert_eq!(parts[3], "--\r\n");
    }
}
