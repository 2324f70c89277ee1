//! Which trace an invocation belongs to: the `traceparent` header of W3C Trace Context.
//!
//! Read by the rules of level 2 (<https://www.w3.org/TR/trace-context-2/>): lower-case hex
//! only, version `ff` and all-zero ids refused, a future version read as far as we know it.
//! Written as version `00`. A header that cannot be read starts a new trace: it is never a
//! reason to refuse a request.

use std::fmt;

use http::HeaderValue;

use super::random::{random_u64, random_u128, write_hex};

const LENGTH: usize = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-00".len();
const SAMPLED: u8 = 0x01;
const RANDOM_TRACE_ID: u8 = 0x02;

/// Position of an invocation in a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceContext {
    /// The same for all that one outside request causes; never zero.
    pub trace_id: u128,
    /// This invocation; never zero.
    pub span_id: u64,
    /// Bit 0: sampled, bit 1: the trace id is random. Bits unknown to us are dropped.
    pub flags: u8,
}

impl TraceContext {
    /// Begins a new trace, sampled.
    pub fn generate() -> Self {
        Self { trace_id: random_u128().max(1), span_id: new_span_id(), flags: SAMPLED | RANDOM_TRACE_ID }
    }

    /// The same trace, one step further in.
    #[must_use]
    pub fn child(self) -> Self {
        Self { span_id: new_span_id(), ..self }
    }

    /// Reads a header's value; `None` when the specification says to ignore it.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let (head, rest) = value.split_at_checked(LENGTH)?;
        let [v0, v1, b'-', head @ ..] = head else { return None };
        let (trace_id, head) = head.split_at_checked(32)?;
        let [b'-', head @ ..] = head else { return None };
        let (span_id, head) = head.split_at_checked(16)?;
        let [b'-', flags @ ..] = head else { return None };
        let known_flags = match (hex(&[*v0, *v1])?, rest) {
            (0, []) => SAMPLED | RANDOM_TRACE_ID,
            // a later version may append fields, and may mean something else by other bits
            (1..=0xfe, [] | [b'-', ..]) => SAMPLED,
            _ => return None,
        };
        let context = Self {
            trace_id: hex(trace_id)?,
            span_id: u64::try_from(hex(span_id)?).ok()?,
            flags: u8::try_from(hex(flags)?).ok()? & known_flags,
        };
        (context.trace_id != 0 && context.span_id != 0).then_some(context)
    }

    /// As a header's value.
    pub fn to_header(self) -> HeaderValue {
        HeaderValue::from_bytes(&self.to_ascii()).unwrap_or_else(|_| HeaderValue::from_static(""))
    }

    /// Writes the trace's id as [`trace_id_hex`](Self::trace_id_hex) shows it.
    pub fn push_trace_id(self, out: &mut String) {
        let mut digits = [0; 32];
        write_hex(self.trace_id, &mut digits);
        out.push_str(str::from_utf8(&digits).unwrap_or_default());
    }

    /// The trace's id in 32 hex digits, as logs and problem documents show it.
    pub fn trace_id_hex(self) -> HexTraceId {
        HexTraceId(self.trace_id)
    }

    fn to_ascii(self) -> [u8; LENGTH] {
        let mut out = [b'-'; LENGTH];
        let fields = [(0, 2, 0), (3, 32, self.trace_id), (36, 16, self.span_id.into()), (53, 2, self.flags.into())];
        for (start, length, value) in fields {
            write_hex(value, out.get_mut(start..start + length).unwrap_or_default());
        }
        out
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace_id, self.span_id, self.flags)
    }
}

/// A trace id that is only formatted when somebody reads it.
#[derive(Clone, Copy, Debug)]
pub struct HexTraceId(u128);

impl fmt::Display for HexTraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

fn new_span_id() -> u64 {
    random_u64().max(1)
}

fn hex(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0, |value: u128, digit| {
        let nibble = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some((value << 4) | u128::from(nibble))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn parse(text: &str) -> Option<TraceContext> {
        TraceContext::parse(text.as_bytes())
    }

    #[test]
    fn the_example_of_the_specification_is_read() {
        let read = parse(GOOD).unwrap();
        assert_eq!(read.trace_id, 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
        assert_eq!(read.span_id, 0x00f0_67aa_0ba9_02b7);
        assert_eq!(read.flags, 1);
        assert_eq!(read.trace_id_hex().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
    }

    #[test]
    fn what_the_specification_forbids_starts_a_new_trace() {
        let bad = [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00F067AA0BA902B7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.more",
            "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
            " 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ];
        for text in bad {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_trace_of_a_future_version_goes_on() {
        let read = parse("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff-what-comes").unwrap();
        assert_eq!(read.to_string(), GOOD);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(trace_id in 1u128.., span_id in 1u64.., flags in 0u8..4) {
            let context = TraceContext { trace_id, span_id, flags };
            prop_assert_eq!(parse(&context.to_string()), Some(context));
            prop_assert_eq!(context.to_header(), context.to_string());
        }

        #[test]
        fn a_child_stays_in_the_trace(trace_id in 1u128.., span_id in 1u64..) {
            let parent = TraceContext { trace_id, span_id, flags: 1 };
            let child = parent.child();
            prop_assert_eq!((child.trace_id, child.flags), (parent.trace_id, parent.flags));
            prop_assert_ne!(child.span_id, parent.span_id);
        }

        #[test]
        fn no_header_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Some(read) = TraceContext::parse(&bytes) {
                prop_assert_eq!(TraceContext::parse(&read.to_ascii()), Some(read));
            }
        }

        #[test]
        fn one_wrong_character_never_makes_another_trace(at in 0usize..LENGTH, byte in any::<u8>()) {
            let mut bytes = GOOD.as_bytes().to_vec();
            bytes[at] = byte;
            if let Some(read) = TraceContext::parse(&bytes) {
                let again = read.to_string();
                prop_assert_eq!(&again.as_bytes()[3..LENGTH - 2], &bytes[3..LENGTH - 2]);
            }
        }
    }
}
