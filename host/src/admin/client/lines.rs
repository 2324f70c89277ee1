//! JSON, a document a line, out of a streaming body.

use std::marker::PhantomData;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde::de::DeserializeOwned;

use super::ClientError;

/// Longest line: the largest value that a commit takes, in base64.
const MAX_LINE: usize = 24 << 20;

/// The documents of one answer, in order.
#[derive(Debug)]
pub struct Lines<T> {
    body: Incoming,
    buffer: BytesMut,
    of: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Lines<T> {
    pub(super) fn new(body: Incoming) -> Self {
        Self { body, buffer: BytesMut::new(), of: PhantomData }
    }

    /// The next document; `None` when the host has ended the answer.
    ///
    /// # Errors
    /// When it breaks off, or is not what was asked for.
    pub async fn next(&mut self) -> Result<Option<T>, ClientError> {
        let mut looked_at = 0;
        loop {
            if let Some(line) = take_line(&mut self.buffer, &mut looked_at) {
                return serde_json::from_slice(&line).map(Some).map_err(ClientError::unreadable);
            }
            if self.buffer.len() > MAX_LINE {
                return Err(ClientError::Unreadable("a line has no end".to_owned()));
            }
            match self.body.frame().await {
                Some(Ok(frame)) => self.buffer.extend_from_slice(&frame.into_data().unwrap_or_default()),
                Some(Err(error)) => return Err(ClientError::BrokeOff(error.to_string())),
                None if self.buffer.is_empty() => return Ok(None),
                None => return Err(ClientError::BrokeOff("the last line has no end".to_owned())),
            }
        }
    }
}

/// The line up to the next line break, searched for behind what was looked at before.
fn take_line(buffer: &mut BytesMut, looked_at: &mut usize) -> Option<Bytes> {
    let found = buffer.iter().skip(*looked_at).position(|byte| *byte == b'\n');
    let Some(end) = found.map(|at| at + *looked_at) else {
        *looked_at = buffer.len();
        return None;
    };
    let mut line = buffer.split_to(end + 1);
    line.truncate(end);
    Some(line.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_comes_in_two_pieces_is_lost() {
        let mut buffer = BytesMut::from("{\"a\":1}\n{\"b\"");
        let mut looked_at = 0;
        assert_eq!(take_line(&mut buffer, &mut looked_at).as_deref(), Some(b"{\"a\":1}".as_slice()));
        assert_eq!(take_line(&mut buffer, &mut looked_at), None);
        assert_eq!(looked_at, 4);
        buffer.extend_from_slice(b":2}\n");
        assert_eq!(take_line(&mut buffer, &mut looked_at).as_deref(), Some(b"{\"b\":2}".as_slice()));
        assert!(buffer.is_empty());
    }
}
