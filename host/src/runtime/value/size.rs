//! How many bytes values take, without writing them.
//!
//! Counted is what a plain encoding would need: a number its width, a `char` 4, a string, list or map 4 and its content,
//! a record or tuple the sum of its parts, the tag of a variant, an enum or flags 4, of an option or a result 1. The
//! tag's true width depends on the type, which a value does not know; 4 is the most. So the count is never less than
//! what the binary encoding takes, and it does not depend on which way a value goes.

use wasmtime::component::Val;

use super::budget::MAX_MEMORY;

/// How many bytes the arguments of one call may take together, and its result: as much as one message of the bus
/// carries by default. A value of many small elements takes forty times that in memory.
pub const MAX_SIZE: usize = 1 << 20;

/// Values that take more than they may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TooLarge {
    /// More bytes than this.
    #[error("the values of one call take more than {0} bytes; send them in parts, or keep them and pass their key")]
    Bytes(usize),
    /// Few bytes that stand for much.
    #[error("the values of one call take more than {MAX_MEMORY} bytes of memory; send them in parts")]
    Memory,
}

/// Bytes of one value.
pub fn wire_size(value: &Val) -> usize {
    let mut meter = Meter { left: usize::MAX };
    match meter.value(value) {
        Some(()) => usize::MAX - meter.left,
        None => usize::MAX,
    }
}

/// Bytes of values together. Counting ends where the limit is passed.
///
/// # Errors
/// When they are more than `limit`.
pub fn check_size(values: &[Val], limit: usize) -> Result<usize, TooLarge> {
    let mut meter = Meter { left: limit };
    match values.iter().try_for_each(|value| meter.value(value)) {
        Some(()) => Ok(limit - meter.left),
        None => Err(TooLarge::Bytes(limit)),
    }
}

/// Counts down; `None` where nothing is left.
struct Meter {
    left: usize,
}

impl Meter {
    fn take(&mut self, bytes: usize) -> Option<()> {
        self.left = self.left.checked_sub(bytes)?;
        Some(())
    }

    fn value(&mut self, value: &Val) -> Option<()> {
        if let Some(bytes) = fixed_size(value) {
            return self.take(bytes);
        }
        match value {
            Val::String(text) => self.take(text.len().checked_add(4)?),
            Val::List(items) => self.take(4).and_then(|()| self.alike(items)),
            Val::FixedLengthList(items) => self.alike(items),
            Val::Map(entries) => {
                self.take(4)?;
                entries.iter().try_for_each(|(key, value)| self.value(key).and_then(|()| self.value(value)))
            }
            Val::Record(fields) => fields.iter().try_for_each(|(_, value)| self.value(value)),
            Val::Tuple(items) => items.iter().try_for_each(|item| self.value(item)),
            Val::Variant(_, payload) => self.take(4).and_then(|()| self.payload(payload.as_deref())),
            Val::Option(inner) => self.take(1).and_then(|()| self.payload(inner.as_deref())),
            Val::Result(result) => {
                let (Ok(payload) | Err(payload)) = result;
                self.take(1).and_then(|()| self.payload(payload.as_deref()))
            }
            // tags and handles
            _ => self.take(4),
        }
    }

    fn payload(&mut self, payload: Option<&Val>) -> Option<()> {
        payload.map_or(Some(()), |value| self.value(value))
    }

    /// Elements of one type: if the first is of a fixed size, all are, and there may be a million of them.
    fn alike(&mut self, items: &[Val]) -> Option<()> {
        match items.first().and_then(fixed_size) {
            Some(bytes) => self.take(bytes.checked_mul(items.len())?),
            None => items.iter().try_for_each(|item| self.value(item)),
        }
    }
}

/// The bytes of a value whose type alone says how many they are.
fn fixed_size(value: &Val) -> Option<usize> {
    match value {
        Val::Bool(_) | Val::S8(_) | Val::U8(_) => Some(1),
        Val::S16(_) | Val::U16(_) => Some(2),
        Val::S32(_) | Val::U32(_) | Val::Float32(_) | Val::Char(_) | Val::Enum(_) | Val::Flags(_) => Some(4),
        Val::S64(_) | Val::U64(_) | Val::Float64(_) => Some(8),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(count: usize) -> Val {
        Val::List(vec![Val::U8(7); count])
    }

    #[test]
    fn a_value_is_counted_with_other_bytes_than_documented() {
        assert_eq!(wire_size(&Val::String("äb".into())), 4 + 3);
        assert_eq!(wire_size(&bytes(1000)), 4 + 1000);
        let record = Val::Record(vec![("id".into(), Val::U64(1)), ("tag".into(), Val::Char('x'))]);
        assert_eq!(wire_size(&record), 8 + 4);
        assert_eq!(wire_size(&Val::List(vec![record.clone(), record])), 4 + 24);
        assert_eq!(wire_size(&Val::Variant("a".into(), Some(Box::new(Val::Bool(true))))), 5);
        assert_eq!(wire_size(&Val::Option(None)), 1);
        assert_eq!(wire_size(&Val::Result(Err(Some(Box::new(Val::U16(1)))))), 3);
        assert_eq!(wire_size(&Val::Flags(vec!["r".into(), "w".into()])), 4);
        assert_eq!(wire_size(&Val::Map(vec![(Val::U8(1), Val::String(String::new()))])), 4 + 1 + 4);
        assert_eq!(wire_size(&Val::FixedLengthList(vec![])), 0);
    }

    #[test]
    fn a_call_with_a_byte_too_many_passes() {
        assert_eq!(check_size(&[bytes(96)], 100), Ok(100));
        assert_eq!(check_size(&[bytes(97)], 100), Err(TooLarge::Bytes(100)));
        assert_eq!(check_size(&[bytes(50), bytes(50)], 100), Err(TooLarge::Bytes(100)));
        assert_eq!(check_size(&[], 0), Ok(0));
    }
}
