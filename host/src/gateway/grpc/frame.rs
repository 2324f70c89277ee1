//! Messages in a body: a byte that says whether it is compressed, four bytes of length, the message.

use bytes::{Buf, Bytes, BytesMut};

use super::status::Status;
use crate::gateway::named_error::Code;

/// Largest message of a request, in bytes: what a call may carry.
pub(super) const MESSAGE: usize = 1 << 20;
/// In front of each message.
pub(super) const HEAD: usize = 5;
/// The flag of a frame that holds trailers.
const TRAILERS: u8 = 0x80;

/// Takes a message from the front; `None` while it is not all there.
///
/// # Errors
/// For one that is compressed, or too large.
pub(super) fn take(buffer: &mut BytesMut) -> Result<Option<Bytes>, Status> {
    let Some((head, rest)) = buffer.split_first_chunk::<HEAD>() else { return Ok(None) };
    let [flag, length @ ..] = *head;
    if flag != 0 {
        return Err(Status::new(Code::Unimplemented, "compressed messages are not understood; send them as they are"));
    }
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length > MESSAGE {
        let why = format!("the message has {length} bytes, and {MESSAGE} are allowed");
        return Err(Status::new(Code::ResourceExhausted, why));
    }
    if rest.len() < length {
        return Ok(None);
    }
    buffer.advance(HEAD);
    Ok(Some(buffer.split_to(length).freeze()))
}

/// Appends a message.
pub(super) fn put(message: &[u8], out: &mut Vec<u8>) {
    put_flagged(0, message, out);
}

/// Appends trailers, for those who cannot see the real ones.
pub(super) fn put_trailers(text: &str, out: &mut Vec<u8>) {
    put_flagged(TRAILERS, text.as_bytes(), out);
}

fn put_flagged(flag: u8, content: &[u8], out: &mut Vec<u8>) {
    out.push(flag);
    // no answer has four gibibytes: values are bounded
    out.extend_from_slice(&u32::try_from(content.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(content);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_cut_where_its_packet_ended() {
        let mut bytes = Vec::new();
        put(b"one", &mut bytes);
        put(b"", &mut bytes);
        let mut buffer = BytesMut::new();
        let mut found = Vec::new();
        for byte in bytes {
            buffer.extend_from_slice(&[byte]);
            found.extend(take(&mut buffer).unwrap());
        }
        assert_eq!(found, [Bytes::from_static(b"one"), Bytes::new()]);
        assert!(buffer.is_empty());
        assert_eq!(take(&mut BytesMut::from(&[1, 0, 0, 0, 0][..])).unwrap_err().code, Code::Unimplemented);
        assert_eq!(take(&mut BytesMut::from(&[0, 0, 0x20, 0, 0][..])).unwrap_err().code, Code::ResourceExhausted);
    }
}
