//! Values to bytes. The format stands in the module above.

use bytes::{BufMut, Bytes, BytesMut};
use wasmtime::component::Val;

use super::super::mismatch::Mismatch;
use super::super::shape::Shape;
use super::FORMAT;

type Written = Result<(), Mismatch>;

/// The bytes of a call's arguments, or of its result. How large they may be is checked before, by
/// [`check_size`](crate::runtime::value::check_size).
///
/// # Errors
/// When a value is of another type: the host has mixed up two functions.
pub fn encode<'a>(values: &[Val], shapes: impl ExactSizeIterator<Item = &'a Shape>) -> Result<Bytes, Mismatch> {
    if values.len() != shapes.len() {
        return Err(Mismatch::of(format_args!("one of {} values", shapes.len())));
    }
    let mut out = BytesMut::new();
    out.put_u8(FORMAT);
    for (value, shape) in values.iter().zip(shapes) {
        write(&mut out, value, shape)?;
    }
    Ok(out.freeze())
}

fn write(out: &mut BytesMut, value: &Val, shape: &Shape) -> Written {
    match (value, shape) {
        (Val::Bool(value), Shape::Bool) => out.put_u8((*value).into()),
        (Val::U8(value), Shape::U8) => out.put_u8(*value),
        (Val::S8(value), Shape::S8) => out.put_i8(*value),
        (Val::U16(value), Shape::U16) => out.put_u16_le(*value),
        (Val::S16(value), Shape::S16) => out.put_i16_le(*value),
        (Val::U32(value), Shape::U32) => out.put_u32_le(*value),
        (Val::S32(value), Shape::S32) => out.put_i32_le(*value),
        (Val::U64(value), Shape::U64) => out.put_u64_le(*value),
        (Val::S64(value), Shape::S64) => out.put_i64_le(*value),
        (Val::Float32(value), Shape::F32) => out.put_u32_le(value.to_bits()),
        (Val::Float64(value), Shape::F64) => out.put_u64_le(value.to_bits()),
        (Val::Char(value), Shape::Char) => out.put_u32_le((*value).into()),
        (Val::String(text), Shape::String) => {
            number(out, text.len());
            out.put_slice(text.as_bytes());
        }
        _ => return compound(out, value, shape),
    }
    Ok(())
}

fn compound(out: &mut BytesMut, value: &Val, shape: &Shape) -> Written {
    match (value, shape) {
        (Val::List(items), Shape::List(item)) => {
            number(out, items.len());
            items.iter().try_for_each(|value| write(out, value, item))
        }
        (Val::FixedLengthList(items), Shape::FixedList(item, length)) if u32::try_from(items.len()) == Ok(*length) => {
            items.iter().try_for_each(|value| write(out, value, item))
        }
        (Val::Map(entries), Shape::Map(shapes)) => {
            number(out, entries.len());
            entries.iter().try_for_each(|(key, value)| {
                write(out, key, &shapes.0)?;
                write(out, value, &shapes.1)
            })
        }
        (Val::Record(fields), Shape::Record(shapes)) if fields.len() == shapes.len() => {
            fields.iter().zip(shapes).try_for_each(|((_, value), (_, shape))| write(out, value, shape))
        }
        (Val::Tuple(items), Shape::Tuple(shapes)) if items.len() == shapes.len() => {
            items.iter().zip(shapes).try_for_each(|(value, shape)| write(out, value, shape))
        }
        _ => tagged(out, value, shape),
    }
}

fn tagged(out: &mut BytesMut, value: &Val, shape: &Shape) -> Written {
    let unfit = || Mismatch::of(shape);
    match (value, shape) {
        (Val::Enum(name), Shape::Enum(names)) => {
            number(out, names.iter().position(|known| known == name).ok_or_else(unfit)?);
            Ok(())
        }
        (Val::Variant(name, value), Shape::Variant(cases)) => {
            let mut numbered = cases.iter().enumerate();
            let (case, (_, shape)) = numbered.find(|(_, (known, _))| known == name).ok_or_else(unfit)?;
            number(out, case);
            payload(out, value.as_deref(), shape.as_ref())
        }
        (Val::Option(value), Shape::Option(shape)) => {
            out.put_u8(value.is_some().into());
            payload(out, value.as_deref(), value.is_some().then_some(shape))
        }
        (Val::Result(result), Shape::Result { ok, err }) => {
            out.put_u8(result.is_err().into());
            match result {
                Ok(value) => payload(out, value.as_deref(), ok.as_deref()),
                Err(value) => payload(out, value.as_deref(), err.as_deref()),
            }
        }
        (Val::Flags(set), Shape::Flags(names)) => {
            let bit = |(at, name): (usize, &String)| if set.contains(name) { 1_u32 << at } else { 0 };
            let bits = names.iter().enumerate().map(bit).sum::<u32>();
            out.extend(bits.to_le_bytes().into_iter().take(names.len().div_ceil(8)));
            Ok(())
        }
        _ => Err(unfit()),
    }
}

fn payload(out: &mut BytesMut, value: Option<&Val>, shape: Option<&Shape>) -> Written {
    match (value, shape) {
        (Some(value), Some(shape)) => write(out, value, shape),
        (None, None) => Ok(()),
        (_, shape) => Err(Mismatch::of(shape.map_or("no payload".to_owned(), Shape::brief))),
    }
}

/// Unsigned LEB128: seven bits a byte, the lowest first, the highest bit set in all but the last.
fn number(out: &mut BytesMut, mut value: usize) {
    while value > 0x7f {
        out.put_u8((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.put_u8(value as u8);
}
