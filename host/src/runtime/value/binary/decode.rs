//! Bytes to values. The format stands in the module above.

use wasmtime::component::Val;

use super::super::budget::Budget;
use super::super::shape::Shape;
use super::super::size::TooLarge;
use super::FORMAT;

/// Room that a list gets before its elements are there: the count in front of them may be a lie.
const ROOM: usize = 256;

/// Bytes that are no values of the types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("byte {at} of the message: {damage}")]
pub struct DecodeError {
    /// How many bytes were read before.
    pub at: usize,
    /// What is wrong there.
    pub damage: Damage,
}

/// What is wrong with bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// A first byte that this version of Holm does not know.
    #[error("the format {0} is not known here; the other host runs another version of Holm")]
    Format(u8),
    /// They end within a value, or a count says that more follows than does.
    #[error("the message ends too early")]
    Truncated,
    /// They go on behind the last value.
    #[error("{0} bytes are left over")]
    LeftOver(usize),
    /// A count or a case in more bytes than it needs, or more than 32 bits.
    #[error("a number is not in its shortest form")]
    Number,
    /// A bool, a char, a case, an option, a result or flags that the type does not have.
    #[error("the type has no such value")]
    NoSuchValue,
    /// A string that is not UTF-8.
    #[error("a string is not UTF-8")]
    Utf8,
    /// Few bytes that stand for more than one call may carry.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
}

/// The values of these types that the bytes hold.
///
/// # Errors
/// When they hold anything else.
pub fn decode<'a>(bytes: &[u8], shapes: impl Iterator<Item = &'a Shape>) -> Result<Vec<Val>, DecodeError> {
    let mut reader = Reader { left: bytes, budget: Budget::default() };
    reader.message(shapes).map_err(|damage| DecodeError { at: bytes.len() - reader.left.len(), damage })
}

struct Reader<'a> {
    left: &'a [u8],
    budget: Budget,
}

type Read<T> = Result<T, Damage>;

impl<'a> Reader<'a> {
    fn message<'s>(&mut self, shapes: impl Iterator<Item = &'s Shape>) -> Read<Vec<Val>> {
        match self.byte()? {
            FORMAT => {}
            other => return Err(Damage::Format(other)),
        }
        let values = shapes.map(|shape| self.value(shape)).collect::<Read<_>>()?;
        match self.left.len() {
            0 => Ok(values),
            more => Err(Damage::LeftOver(more)),
        }
    }

    fn value(&mut self, shape: &Shape) -> Read<Val> {
        self.budget.take(0)?;
        Ok(match shape {
            Shape::Bool => Val::Bool(self.one_of_two()?),
            Shape::U8 => Val::U8(self.byte()?),
            Shape::S8 => Val::S8(i8::from_le_bytes(self.array()?)),
            Shape::U16 => Val::U16(u16::from_le_bytes(self.array()?)),
            Shape::S16 => Val::S16(i16::from_le_bytes(self.array()?)),
            Shape::U32 => Val::U32(u32::from_le_bytes(self.array()?)),
            Shape::S32 => Val::S32(i32::from_le_bytes(self.array()?)),
            Shape::U64 => Val::U64(u64::from_le_bytes(self.array()?)),
            Shape::S64 => Val::S64(i64::from_le_bytes(self.array()?)),
            Shape::F32 => Val::Float32(f32::from_le_bytes(self.array()?)),
            Shape::F64 => Val::Float64(f64::from_le_bytes(self.array()?)),
            Shape::Char => Val::Char(char::from_u32(u32::from_le_bytes(self.array()?)).ok_or(Damage::NoSuchValue)?),
            Shape::String => Val::String(self.text()?),
            Shape::List(item) => {
                let count = self.count()?;
                Val::List(self.list(count, item)?)
            }
            Shape::FixedList(item, length) => Val::FixedLengthList(self.list(*length as usize, item)?),
            Shape::Map(entry) => Val::Map(self.map(entry)?),
            Shape::Record(fields) => Val::Record(fields.iter().map(|field| self.field(field)).collect::<Read<_>>()?),
            Shape::Tuple(shapes) => Val::Tuple(shapes.iter().map(|shape| self.value(shape)).collect::<Read<_>>()?),
            Shape::Enum(names) => {
                let case = self.number()?;
                Val::Enum(self.name(names.get(case))?)
            }
            Shape::Variant(cases) => {
                let (name, shape) = cases.get(self.number()?).ok_or(Damage::NoSuchValue)?;
                Val::Variant(self.name(Some(name))?, self.payload(shape.as_ref())?)
            }
            Shape::Option(inner) => {
                let is_some = self.one_of_two()?;
                Val::Option(self.payload(is_some.then_some(inner))?)
            }
            Shape::Result { ok, err } => Val::Result(match self.one_of_two()? {
                false => Ok(self.payload(ok.as_deref())?),
                true => Err(self.payload(err.as_deref())?),
            }),
            Shape::Flags(names) => Val::Flags(self.flags(names)?),
        })
    }

    fn list(&mut self, count: usize, item: &Shape) -> Read<Vec<Val>> {
        let mut items = Vec::with_capacity(count.min(ROOM));
        for _ in 0..count {
            items.push(self.value(item)?);
        }
        Ok(items)
    }

    fn map(&mut self, (key, value): &(Shape, Shape)) -> Read<Vec<(Val, Val)>> {
        (0..self.count()?).map(|_| Ok((self.value(key)?, self.value(value)?))).collect()
    }

    fn field(&mut self, (name, shape): &(String, Shape)) -> Read<(String, Val)> {
        self.budget.take(name.len())?;
        Ok((name.clone(), self.value(shape)?))
    }

    fn name(&mut self, name: Option<&String>) -> Read<String> {
        let name = name.ok_or(Damage::NoSuchValue)?;
        self.budget.take(name.len())?;
        Ok(name.clone())
    }

    fn payload(&mut self, shape: Option<&Shape>) -> Read<Option<Box<Val>>> {
        shape.map(|shape| self.value(shape).map(Box::new)).transpose()
    }

    fn flags(&mut self, names: &[String]) -> Read<Vec<String>> {
        let mut bits = [0; 4];
        let written = self.take(names.len().div_ceil(8))?;
        bits.iter_mut().zip(written).for_each(|(bit, byte)| *bit = *byte);
        let bits = u32::from_le_bytes(bits);
        let is_set = |at: usize| bits.checked_shr(at as u32).is_some_and(|rest| rest & 1 == 1);
        if (names.len()..32).any(is_set) {
            return Err(Damage::NoSuchValue);
        }
        let set = names.iter().enumerate().filter(|(at, _)| is_set(*at));
        set.map(|(_, name)| self.name(Some(name))).collect()
    }

    fn text(&mut self) -> Read<String> {
        let count = self.count()?;
        let bytes = self.take(count)?;
        self.budget.take(count)?;
        str::from_utf8(bytes).map(str::to_owned).map_err(|_| Damage::Utf8)
    }

    /// How many things follow: at most as many as there are bytes, since none takes less than one.
    fn count(&mut self) -> Read<usize> {
        let count = self.number()?;
        if count > self.left.len() { Err(Damage::Truncated) } else { Ok(count) }
    }

    /// Unsigned LEB128 of at most 32 bits, in the fewest bytes.
    fn number(&mut self) -> Read<usize> {
        let mut value = 0_u64;
        for shift in (0..35).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                let is_shortest = byte != 0 || shift == 0;
                let value = u32::try_from(value).ok().filter(|_| is_shortest).ok_or(Damage::Number)?;
                return usize::try_from(value).map_err(|_| Damage::Number);
            }
        }
        Err(Damage::Number)
    }

    fn one_of_two(&mut self) -> Read<bool> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Damage::NoSuchValue),
        }
    }

    fn byte(&mut self) -> Read<u8> {
        self.array().map(|[byte]| byte)
    }

    fn array<const N: usize>(&mut self) -> Read<[u8; N]> {
        let (array, left) = self.left.split_first_chunk().ok_or(Damage::Truncated)?;
        self.left = left;
        Ok(*array)
    }

    fn take(&mut self, count: usize) -> Read<&'a [u8]> {
        let (taken, left) = self.left.split_at_checked(count).ok_or(Damage::Truncated)?;
        self.left = left;
        Ok(taken)
    }
}
