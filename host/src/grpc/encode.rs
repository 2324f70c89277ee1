//! A value to a message's bytes, by form.
//!
//! Fields leave in the order of WIT, and what has its default value is left away where that means
//! the same, as every proto3 library does.

use super::form::{Case, Field, Form, Kind, Presence, Scalar, Slot};
use super::wire::{put_bytes, put_number, put_varint};
use crate::runtime::value::{Mismatch, Val};

type Done = Result<(), Mismatch>;

/// The bytes of the message that stands for a value.
///
/// # Errors
/// When the value is of another type: the host has mixed up two functions.
pub(super) fn encode(value: &Val, form: &Form) -> Result<Vec<u8>, Mismatch> {
    let mut out = Vec::new();
    message(value, form, &mut out)?;
    Ok(out)
}

fn message(value: &Val, form: &Form, out: &mut Vec<u8>) -> Done {
    match (form, value) {
        (Form::Record(fields), Val::Record(values)) => fields.iter().try_for_each(|field| {
            let value = values.iter().find(|(name, _)| *name == field.name);
            let (_, value) = value.ok_or_else(|| mismatch(&field.name))?;
            slot(value, &field.slot, out)
        }),
        (Form::Tuple(fields), Val::Tuple(values)) if fields.len() == values.len() => {
            fields.iter().zip(values).try_for_each(|(Field { slot: place, .. }, value)| slot(value, place, out))
        }
        (Form::Variant(cases), Val::Variant(name, payload)) => case(name, payload.as_deref(), cases, out),
        (Form::Result(cases), Val::Result(Ok(payload))) => case("ok", payload.as_deref(), cases, out),
        (Form::Result(cases), Val::Result(Err(payload))) => case("err", payload.as_deref(), cases, out),
        (Form::Flags(flags), Val::Flags(set)) => {
            flags.iter().filter(|(name, _)| set.contains(name)).for_each(|(_, number)| put_number(*number, 1, out));
            Ok(())
        }
        (Form::Wrapped(place), value) => slot(value, place, out),
        (Form::Empty, _) => Ok(()),
        _ => Err(mismatch("a message")),
    }
}

fn slot(value: &Val, slot: &Slot, out: &mut Vec<u8>) -> Done {
    match (slot, value) {
        (Slot::Absent { .. }, _) | (Slot::One { presence: Presence::Optional, .. }, Val::Option(None)) => Ok(()),
        (Slot::One { number, kind, presence: Presence::Optional }, Val::Option(Some(value))) => {
            field(*number, value, kind, out)
        }
        (Slot::One { kind, presence: Presence::Default, .. }, value) if is_default(value, kind) => Ok(()),
        (Slot::One { number, kind, .. }, value) => field(*number, value, kind, out),
        (Slot::Many { number, kind }, Val::List(items) | Val::FixedLengthList(items)) => {
            many(*number, items, kind, out)
        }
        (Slot::Map { number, entry, .. }, Val::Map(entries)) => {
            entries.iter().try_for_each(|(key, value)| pair(*number, key, value, entry, out))
        }
        (Slot::Map { number, entry, .. }, Val::List(items)) => items.iter().try_for_each(|item| match item {
            Val::Tuple(both) => match both.as_slice() {
                [key, value] => pair(*number, key, value, entry, out),
                _ => Err(mismatch("a pair")),
            },
            _ => Err(mismatch("a pair")),
        }),
        (Slot::OneOf { presence: Presence::Optional, .. }, Val::Option(None)) => Ok(()),
        (Slot::OneOf { cases, presence: Presence::Optional }, Val::Option(Some(value))) => one_of(value, cases, out),
        (Slot::OneOf { cases, .. }, value) => one_of(value, cases, out),
        _ => Err(mismatch("a field")),
    }
}

fn one_of(value: &Val, cases: &[Case], out: &mut Vec<u8>) -> Done {
    match value {
        Val::Variant(name, payload) => case(name, payload.as_deref(), cases, out),
        _ => Err(mismatch("a oneof")),
    }
}

fn case(name: &str, payload: Option<&Val>, cases: &[Case], out: &mut Vec<u8>) -> Done {
    let case = cases.iter().find(|case| case.name == name).ok_or_else(|| mismatch(name))?;
    match (&case.kind, payload) {
        (Some(kind), Some(value)) => field(case.number, value, kind, out),
        (None, None) => {
            put_bytes(case.number, &[], out);
            Ok(())
        }
        _ => Err(mismatch(name)),
    }
}

fn pair(number: u32, key: &Val, value: &Val, kinds: &(Kind, Kind), out: &mut Vec<u8>) -> Done {
    let mut entry = Vec::new();
    field(1, key, &kinds.0, &mut entry)?;
    field(2, value, &kinds.1, &mut entry)?;
    put_bytes(number, &entry, out);
    Ok(())
}

/// Numbers are packed, all else comes one by one.
fn many(number: u32, items: &[Val], kind: &Kind, out: &mut Vec<u8>) -> Done {
    if matches!(kind, Kind::Message(_) | Kind::Scalar(Scalar::String | Scalar::Bytes, _)) {
        return items.iter().try_for_each(|item| field(number, item, kind, out));
    }
    if items.is_empty() {
        return Ok(());
    }
    let mut packed = Vec::new();
    items.iter().try_for_each(|item| scalar(item, kind, &mut packed))?;
    put_bytes(number, &packed, out);
    Ok(())
}

fn field(number: u32, value: &Val, kind: &Kind, out: &mut Vec<u8>) -> Done {
    match (kind, value) {
        (Kind::Message(form), value) => {
            let mut inner = Vec::new();
            message(value, form, &mut inner)?;
            put_bytes(number, &inner, out);
            Ok(())
        }
        (Kind::Scalar(Scalar::String, _), Val::String(text)) => {
            put_bytes(number, text.as_bytes(), out);
            Ok(())
        }
        (Kind::Scalar(Scalar::String, _), Val::Char(letter)) => {
            put_bytes(number, letter.encode_utf8(&mut [0; 4]).as_bytes(), out);
            Ok(())
        }
        (Kind::Scalar(Scalar::Bytes, _), Val::List(items)) => {
            let byte = |item: &Val| if let Val::U8(byte) = item { Ok(*byte) } else { Err(mismatch("a byte")) };
            put_bytes(number, &items.iter().map(byte).collect::<Result<Vec<_>, _>>()?, out);
            Ok(())
        }
        _ => {
            put_varint(u64::from(number) << 3 | wire_type(kind), out);
            scalar(value, kind, out)
        }
    }
}

fn wire_type(kind: &Kind) -> u64 {
    match kind {
        Kind::Scalar(Scalar::Fixed64 | Scalar::Sfixed64 | Scalar::Double, _) => 1,
        Kind::Scalar(Scalar::Fixed32 | Scalar::Sfixed32 | Scalar::Float, _) => 5,
        _ => 0,
    }
}

/// A number without the key of its field.
fn scalar(value: &Val, kind: &Kind, out: &mut Vec<u8>) -> Done {
    match (kind, value) {
        (Kind::Enum(cases), Val::Enum(name)) => {
            let case = cases.iter().find(|(_, known)| known == name).ok_or_else(|| mismatch(name))?;
            // negative numbers take ten bytes, as those of int32
            put_varint(i64::from(case.0) as u64, out);
        }
        (Kind::Scalar(_, _), Val::Float32(number)) => out.extend_from_slice(&number.to_bits().to_le_bytes()),
        (Kind::Scalar(_, _), Val::Float64(number)) => out.extend_from_slice(&number.to_bits().to_le_bytes()),
        (Kind::Scalar(_, _), Val::Bool(truth)) => put_varint(u64::from(*truth), out),
        (Kind::Scalar(form, _), value) => {
            let number = integer(value).ok_or_else(|| mismatch("a number"))?;
            match form {
                Scalar::Fixed32 | Scalar::Sfixed32 => out.extend_from_slice(&(number as u32).to_le_bytes()),
                Scalar::Fixed64 | Scalar::Sfixed64 => out.extend_from_slice(&(number as u64).to_le_bytes()),
                Scalar::Sint32 | Scalar::Sint64 => {
                    let number = number as i64;
                    put_varint(((number << 1) ^ (number >> 63)) as u64, out);
                }
                _ => put_varint(number as u64, out),
            }
        }
        _ => return Err(mismatch("a scalar")),
    }
    Ok(())
}

fn integer(value: &Val) -> Option<i128> {
    Some(match value {
        Val::U8(number) => i128::from(*number),
        Val::U16(number) => i128::from(*number),
        Val::U32(number) => i128::from(*number),
        Val::U64(number) => i128::from(*number),
        Val::S8(number) => i128::from(*number),
        Val::S16(number) => i128::from(*number),
        Val::S32(number) => i128::from(*number),
        Val::S64(number) => i128::from(*number),
        _ => return None,
    })
}

/// Whether a value says no more than its absence. Floats are told apart by their bits: `-0` is not 0.
fn is_default(value: &Val, kind: &Kind) -> bool {
    match (value, kind) {
        (Val::Bool(truth), _) => !truth,
        (Val::String(text), _) => text.is_empty(),
        (Val::List(items), _) => items.is_empty(),
        (Val::Float32(number), _) => number.to_bits() == 0,
        (Val::Float64(number), _) => number.to_bits() == 0,
        (Val::Enum(name), Kind::Enum(cases)) => cases.iter().any(|(number, case)| *number == 0 && case == name),
        (value, _) => integer(value) == Some(0),
    }
}

fn mismatch(wanted: &str) -> Mismatch {
    Mismatch::of(format!("`{wanted}` of a gRPC message"))
}
