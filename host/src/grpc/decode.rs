//! A message's bytes to a value, by form.
//!
//! As proto3 has it: the last of several values counts, parts of one message are put together,
//! fields that nobody knows are skipped, and many numbers come packed or one by one. What WIT has no
//! value for is refused with its field.

use std::fmt;

use super::form::{Case, Field, Form, Kind, Presence, Scalar, Slot};
use super::wire::{Damage, Fields, Raw, take, take_varint};
use crate::runtime::value::{Budget, Shape, TooLarge, Val};

/// A message that is no value of the type that it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// From the message inwards: `items[0].quantity`; empty for the message itself.
    pub place: String,
    /// What is wrong there.
    pub why: String,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.place.is_empty() { f.write_str(&self.why) } else { write!(f, "{}: {}", self.place, self.why) }
    }
}

impl Wrong {
    fn here(why: impl Into<String>) -> Self {
        Self { place: String::new(), why: why.into() }
    }

    fn under(self, label: &str) -> Self {
        let separator = if self.place.is_empty() || self.place.starts_with('[') { "" } else { "." };
        Self { place: format!("{label}{separator}{}", self.place), ..self }
    }
}

impl From<Damage> for Wrong {
    fn from(damage: Damage) -> Self {
        Self::here(damage.to_string())
    }
}

impl From<TooLarge> for Wrong {
    fn from(error: TooLarge) -> Self {
        Self::here(error.to_string())
    }
}

/// What of a message belongs to one slot, in order.
type Found<'a> = Vec<(u32, Raw<'a>)>;

/// The value that a message stands for.
pub(super) fn decode(bytes: &[u8], form: &Form) -> Result<Val, Wrong> {
    Reader::default().message(bytes, form)
}

#[derive(Default)]
struct Reader {
    budget: Budget,
}

impl Reader {
    fn message(&mut self, bytes: &[u8], form: &Form) -> Result<Val, Wrong> {
        self.budget.take(0)?;
        match form {
            Form::Record(fields) => Ok(Val::Record(self.fields(bytes, fields)?)),
            Form::Tuple(fields) => {
                let values = self.fields(bytes, fields)?;
                Ok(Val::Tuple(values.into_iter().map(|(_, value)| value).collect()))
            }
            Form::Variant(cases) => {
                let (case, payload) = self.case(&gather(bytes)?, cases)?.ok_or_else(nothing_set)?;
                Ok(Val::Variant(case.name.clone(), payload.map(Box::new)))
            }
            Form::Result(cases) => {
                let (case, payload) = self.case(&gather(bytes)?, cases)?.ok_or_else(nothing_set)?;
                let payload = payload.map(Box::new);
                Ok(Val::Result(if case.name == "ok" { Ok(payload) } else { Err(payload) }))
            }
            Form::Flags(flags) => {
                let found = gather(bytes)?;
                let is_set = |number: u32| {
                    found.iter().rev().find(|(at, _)| *at == number).is_some_and(|(_, raw)| is_true(*raw))
                };
                Ok(Val::Flags(
                    flags.iter().filter(|(_, number)| is_set(*number)).map(|(name, _)| name.clone()).collect(),
                ))
            }
            Form::Wrapped(slot) => self.slot(&gather(bytes)?, slot),
            Form::Empty => {
                gather(bytes)?;
                Ok(Val::Tuple(Vec::new()))
            }
        }
    }

    fn fields(&mut self, bytes: &[u8], fields: &[Field]) -> Result<Vec<(String, Val)>, Wrong> {
        let mut found: Vec<Found<'_>> = vec![Vec::new(); fields.len()];
        for field in Fields::of(bytes) {
            let (number, raw) = field?;
            let place = fields.iter().position(|field| field.slot.has(number));
            if let Some(place) = place.and_then(|place| found.get_mut(place)) {
                place.push((number, raw));
            }
        }
        let mut values = Vec::with_capacity(fields.len());
        for (Field { name, label, slot }, found) in fields.iter().zip(found) {
            self.budget.take(name.len())?;
            values.push((name.clone(), self.slot(&found, slot).map_err(|wrong| wrong.under(label))?));
        }
        Ok(values)
    }

    fn slot(&mut self, found: &[(u32, Raw<'_>)], slot: &Slot) -> Result<Val, Wrong> {
        match slot {
            Slot::One { kind, presence, .. } => self.one(found, kind, *presence),
            Slot::Many { kind, .. } => Ok(Val::List(self.many(found, kind)?)),
            Slot::Map { entry, is_list, .. } => self.map(found, entry, *is_list),
            Slot::OneOf { cases, presence } => {
                let set = self.case(found, cases)?;
                let value = set.map(|(case, payload)| Val::Variant(case.name.clone(), payload.map(Box::new)));
                match (presence, value) {
                    (Presence::Optional, value) => Ok(Val::Option(value.map(Box::new))),
                    (_, value) => value.ok_or_else(nothing_set),
                }
            }
            Slot::Absent { is_list: true } => Ok(Val::List(Vec::new())),
            Slot::Absent { is_list: false } => Ok(Val::Option(None)),
        }
    }

    fn one(&mut self, found: &[(u32, Raw<'_>)], kind: &Kind, presence: Presence) -> Result<Val, Wrong> {
        match (found.is_empty(), presence) {
            (true, Presence::Optional) => Ok(Val::Option(None)),
            (true, Presence::Required) => Err(Wrong::here("it is missing")),
            (true, Presence::Default) => self.absent(kind),
            (false, Presence::Optional) => Ok(Val::Option(Some(Box::new(self.last(found, kind)?)))),
            (false, _) => self.last(found, kind),
        }
    }

    /// The last value, or all parts of a message put together.
    fn last(&mut self, found: &[(u32, Raw<'_>)], kind: &Kind) -> Result<Val, Wrong> {
        match (kind, found) {
            (Kind::Message(form), [.., _, _]) => {
                let mut whole = Vec::new();
                for (_, raw) in found {
                    whole.extend_from_slice(bytes_of(*raw)?);
                }
                self.message(&whole, form)
            }
            (_, [.., (_, raw)]) => self.value(*raw, kind),
            (_, []) => self.absent(kind),
        }
    }

    /// What a field has that is not there, as proto3 has it.
    fn absent(&mut self, kind: &Kind) -> Result<Val, Wrong> {
        match kind {
            Kind::Scalar(scalar, _) => self.value(zero(*scalar), kind),
            Kind::Enum(_) => self.value(Raw::Varint(0), kind).map_err(|_| Wrong::here("it is missing")),
            Kind::Message(form) => self.message(&[], form),
        }
    }

    fn value(&mut self, raw: Raw<'_>, kind: &Kind) -> Result<Val, Wrong> {
        match kind {
            Kind::Scalar(scalar, shape) => self.scalar(raw, *scalar, shape),
            Kind::Enum(cases) => {
                let Raw::Varint(number) = raw else { return Err(Damage.into()) };
                let case = cases.iter().find(|(known, _)| *known == number as i32);
                let (_, name) = case.ok_or_else(|| Wrong::here(format!("{} is none of its values", number as i32)))?;
                self.budget.take(name.len())?;
                Ok(Val::Enum(name.clone()))
            }
            Kind::Message(form) => self.message(bytes_of(raw)?, form),
        }
    }

    fn many(&mut self, found: &[(u32, Raw<'_>)], kind: &Kind) -> Result<Vec<Val>, Wrong> {
        let mut values = Vec::new();
        for (_, raw) in found {
            match (raw, packed(kind)) {
                (Raw::Bytes(bytes), Some(width)) => self.packed(bytes, width, kind, &mut values)?,
                _ => {
                    let at = values.len();
                    values.push(self.value(*raw, kind).map_err(|wrong| wrong.under(&format!("[{at}]")))?);
                }
            }
        }
        Ok(values)
    }

    fn packed(&mut self, mut bytes: &[u8], width: Width, kind: &Kind, values: &mut Vec<Val>) -> Result<(), Wrong> {
        while !bytes.is_empty() {
            let raw = match width {
                Width::Varint => take_varint(&mut bytes).map(Raw::Varint),
                Width::Four => take(&mut bytes).map(u32::from_le_bytes).map(Raw::Fixed32),
                Width::Eight => take(&mut bytes).map(u64::from_le_bytes).map(Raw::Fixed64),
            };
            let at = values.len();
            values.push(self.value(raw.ok_or(Damage)?, kind).map_err(|wrong| wrong.under(&format!("[{at}]")))?);
        }
        Ok(())
    }

    /// The last value of a key counts.
    fn map(&mut self, found: &[(u32, Raw<'_>)], (key, value): &(Kind, Kind), is_list: bool) -> Result<Val, Wrong> {
        let mut entries: Vec<(Val, Val)> = Vec::with_capacity(found.len());
        for (at, (_, raw)) in found.iter().enumerate() {
            let entry = gather(bytes_of(*raw)?)?;
            let of = |number: u32| entry.iter().filter(|(at, _)| *at == number).copied().collect::<Vec<_>>();
            let place = |wrong: Wrong| wrong.under(&format!("[{at}]"));
            entries.push((self.last(&of(1), key).map_err(place)?, self.last(&of(2), value).map_err(place)?));
        }
        Ok(match is_list {
            true => Val::List(entries.into_iter().map(|(key, value)| Val::Tuple(vec![key, value])).collect()),
            false => Val::Map(entries),
        })
    }

    /// The case that was set last, with its payload.
    fn case<'c>(
        &mut self,
        found: &[(u32, Raw<'_>)],
        cases: &'c [Case],
    ) -> Result<Option<(&'c Case, Option<Val>)>, Wrong> {
        let case_of = |number: u32| cases.iter().find(|case| case.number == number);
        let Some(case) = found.iter().rev().find_map(|(number, _)| case_of(*number)) else { return Ok(None) };
        let own: Vec<_> = found.iter().filter(|(number, _)| *number == case.number).copied().collect();
        let payload = case.kind.as_ref().map(|kind| self.last(&own, kind)).transpose();
        Ok(Some((case, payload.map_err(|wrong| wrong.under(&case.name))?)))
    }

    fn scalar(&mut self, raw: Raw<'_>, scalar: Scalar, shape: &Shape) -> Result<Val, Wrong> {
        match (scalar, shape) {
            (Scalar::String, _) => {
                let text = std::str::from_utf8(bytes_of(raw)?).map_err(|_| Wrong::here("it is not UTF-8"))?;
                self.budget.take(text.len())?;
                if *shape != Shape::Char {
                    return Ok(Val::String(text.to_owned()));
                }
                let mut letters = text.chars();
                match (letters.next(), letters.next()) {
                    (Some(letter), None) => Ok(Val::Char(letter)),
                    _ => Err(Wrong::here("it must be one character")),
                }
            }
            (Scalar::Bytes, _) => {
                let bytes = bytes_of(raw)?;
                self.budget.take(bytes.len().saturating_mul(size_of::<Val>()))?;
                Ok(Val::List(bytes.iter().copied().map(Val::U8).collect()))
            }
            (Scalar::Float, _) => match raw {
                Raw::Fixed32(bits) => self.plain(Val::Float32(f32::from_bits(bits))),
                _ => Err(Damage.into()),
            },
            (Scalar::Double, _) => match raw {
                Raw::Fixed64(bits) => self.plain(Val::Float64(f64::from_bits(bits))),
                _ => Err(Damage.into()),
            },
            (Scalar::Bool, _) => self.plain(Val::Bool(is_true(raw))),
            _ => {
                let number = integer(raw, scalar).ok_or(Damage)?;
                let value = of_integer(number, shape);
                self.plain(value.ok_or_else(|| Wrong::here(format!("{number} is out of the range of {shape}")))?)
            }
        }
    }

    fn plain(&mut self, value: Val) -> Result<Val, Wrong> {
        self.budget.take(0)?;
        Ok(value)
    }
}

fn gather(bytes: &[u8]) -> Result<Found<'_>, Damage> {
    Fields::of(bytes).collect()
}

fn nothing_set() -> Wrong {
    Wrong::here("none of its cases is set, or none that is known here")
}

fn bytes_of(raw: Raw<'_>) -> Result<&[u8], Damage> {
    if let Raw::Bytes(bytes) = raw { Ok(bytes) } else { Err(Damage) }
}

fn is_true(raw: Raw<'_>) -> bool {
    matches!(raw, Raw::Varint(number) if number != 0)
}

/// How packed values are told apart.
#[derive(Clone, Copy)]
enum Width {
    Varint,
    Four,
    Eight,
}

/// `None` for what is never packed.
fn packed(kind: &Kind) -> Option<Width> {
    match kind {
        Kind::Message(_) | Kind::Scalar(Scalar::String | Scalar::Bytes, _) => None,
        Kind::Scalar(Scalar::Fixed32 | Scalar::Sfixed32 | Scalar::Float, _) => Some(Width::Four),
        Kind::Scalar(Scalar::Fixed64 | Scalar::Sfixed64 | Scalar::Double, _) => Some(Width::Eight),
        Kind::Scalar(..) | Kind::Enum(_) => Some(Width::Varint),
    }
}

/// The default of a type.
fn zero(scalar: Scalar) -> Raw<'static> {
    match scalar {
        Scalar::String | Scalar::Bytes => Raw::Bytes(&[]),
        Scalar::Float | Scalar::Fixed32 | Scalar::Sfixed32 => Raw::Fixed32(0),
        Scalar::Double | Scalar::Fixed64 | Scalar::Sfixed64 => Raw::Fixed64(0),
        _ => Raw::Varint(0),
    }
}

/// The number; a longer varint than its type needs is cut, as the specification has it.
fn integer(raw: Raw<'_>, scalar: Scalar) -> Option<i128> {
    Some(match (scalar, raw) {
        (Scalar::Int32, Raw::Varint(number)) => i128::from(number as i32),
        (Scalar::Int64, Raw::Varint(number)) => i128::from(number as i64),
        (Scalar::Uint32, Raw::Varint(number)) => i128::from(number as u32),
        (Scalar::Uint64, Raw::Varint(number)) => i128::from(number),
        (Scalar::Sint32, Raw::Varint(number)) => i128::from(((number as u32) >> 1) as i32 ^ -((number & 1) as i32)),
        (Scalar::Sint64, Raw::Varint(number)) => i128::from((number >> 1) as i64 ^ -((number & 1) as i64)),
        (Scalar::Fixed32, Raw::Fixed32(number)) => i128::from(number),
        (Scalar::Sfixed32, Raw::Fixed32(number)) => i128::from(number as i32),
        (Scalar::Fixed64, Raw::Fixed64(number)) => i128::from(number),
        (Scalar::Sfixed64, Raw::Fixed64(number)) => i128::from(number as i64),
        _ => return None,
    })
}

fn of_integer(number: i128, shape: &Shape) -> Option<Val> {
    Some(match shape {
        Shape::U8 => Val::U8(number.try_into().ok()?),
        Shape::U16 => Val::U16(number.try_into().ok()?),
        Shape::U32 => Val::U32(number.try_into().ok()?),
        Shape::U64 => Val::U64(number.try_into().ok()?),
        Shape::S8 => Val::S8(number.try_into().ok()?),
        Shape::S16 => Val::S16(number.try_into().ok()?),
        Shape::S32 => Val::S32(number.try_into().ok()?),
        Shape::S64 => Val::S64(number.try_into().ok()?),
        _ => return None,
    })
}
