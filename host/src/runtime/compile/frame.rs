//! What goes over the pipes between the host and a compiling process.
//!
//! ```text
//! to it      CPU seconds (8 bytes), memory in bytes (8), then the component up to the end
//! from it    kind (1 byte), engine compatibility (8), length (8), then as many bytes:
//!            the code, or the text of the refusal
//! ```
//!
//! All numbers are little-endian. Both ends are the same program, so there is no version.

use std::io::{self, Read};

/// Bytes in front of the component.
pub(super) const REQUEST_HEAD: usize = 16;
/// Bytes in front of the answer.
pub(super) const REPLY_HEAD: usize = 17;

const CODE: u8 = 0;
const INVALID: u8 = 1;
const OUT_OF_MEMORY: u8 = 2;

/// What the process may use of what it limits itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Allowed {
    /// Seconds of CPU time, of all threads together.
    pub(super) cpu_seconds: u64,
    /// Bytes of address space.
    pub(super) memory: u64,
}

/// What the process answers.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Code(Vec<u8>),
    /// What is wrong with the component.
    Invalid(String),
    /// An allocation failed, and somebody noticed.
    OutOfMemory,
}

impl Allowed {
    pub(super) fn encode(self) -> [u8; REQUEST_HEAD] {
        u128::to_le_bytes(u128::from(self.memory) << 64 | u128::from(self.cpu_seconds))
    }

    pub(super) fn read(input: &mut impl Read) -> io::Result<Self> {
        Ok(Self { cpu_seconds: read_number(input)?, memory: read_number(input)? })
    }
}

impl Reply {
    /// The head, and what follows it.
    pub(super) fn encode(self, compatibility: u64) -> (Vec<u8>, Vec<u8>) {
        let (kind, body) = match self {
            Self::Code(code) => (CODE, code),
            Self::Invalid(text) => (INVALID, text.into_bytes()),
            Self::OutOfMemory => (OUT_OF_MEMORY, Vec::new()),
        };
        let mut head = vec![kind];
        head.extend(compatibility.to_le_bytes());
        head.extend((body.len() as u64).to_le_bytes());
        (head, body)
    }

    /// What was answered, by an engine of this compatibility. `None` for anything else than one
    /// whole answer.
    pub(super) fn decode(mut bytes: Vec<u8>, compatibility: u64) -> Option<Self> {
        let mut head = bytes.get(..REPLY_HEAD)?;
        let [kind] = read_bytes(&mut head)?;
        let engine = u64::from_le_bytes(read_bytes(&mut head)?);
        let length = u64::from_le_bytes(read_bytes(&mut head)?);
        bytes.drain(..REPLY_HEAD);
        if engine != compatibility || bytes.len() as u64 != length {
            return None;
        }
        match kind {
            CODE => Some(Self::Code(bytes)),
            INVALID => String::from_utf8(bytes).ok().map(Self::Invalid),
            OUT_OF_MEMORY => Some(Self::OutOfMemory),
            _ => None,
        }
    }
}

fn read_number(input: &mut impl Read) -> io::Result<u64> {
    let mut bytes = [0; 8];
    input.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

fn read_bytes<const N: usize>(input: &mut &[u8]) -> Option<[u8; N]> {
    let (bytes, rest) = input.split_first_chunk()?;
    *input = rest;
    Some(*bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENGINE: u64 = 0x0102_0304_0506_0708;

    fn sent(reply: Reply) -> Vec<u8> {
        let (mut head, body) = reply.encode(ENGINE);
        assert_eq!(head.len(), REPLY_HEAD);
        head.extend(body);
        head
    }

    #[test]
    fn the_limits_that_arrive_are_not_those_that_were_sent() {
        let allowed = Allowed { cpu_seconds: 30, memory: 2 << 30 };
        assert_eq!(Allowed::read(&mut allowed.encode().as_slice()).unwrap(), allowed);
    }

    #[test]
    fn half_an_answer_is_taken_for_a_whole_one() {
        for reply in [b"code".to_vec(), Vec::new()] {
            let whole = sent(Reply::Code(reply.clone()));
            assert_eq!(Reply::decode(whole.clone(), ENGINE), Some(Reply::Code(reply)));
            for end in 0..whole.len() {
                assert_eq!(Reply::decode(whole[..end].to_vec(), ENGINE), None, "{end} bytes");
            }
            assert_eq!(Reply::decode([&whole[..], b"x"].concat(), ENGINE), None);
        }
        assert_eq!(Reply::decode(sent(Reply::Invalid("no".into())), ENGINE), Some(Reply::Invalid("no".into())));
    }

    #[test]
    fn code_of_another_engine_is_loaded() {
        assert_eq!(Reply::decode(sent(Reply::Code(b"code".to_vec())), ENGINE + 1), None);
    }

    #[test]
    fn an_answer_of_an_unknown_kind_is_code() {
        let mut strange = sent(Reply::OutOfMemory);
        strange[0] = 9;
        assert_eq!(Reply::decode(strange, ENGINE), None);
    }
}
