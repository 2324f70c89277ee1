//! A value to JSON, by type.

use serde_json::{Map, Value};
use wasmtime::component::Val;

use super::super::mismatch::Mismatch;
use super::super::shape::Shape;
use super::super::signature::Signature;
use super::scalar;

/// JSON that describes the value.
///
/// # Errors
/// When the value is of another type: the host has mixed up two functions.
pub fn to_json(value: &Val, shape: &Shape) -> Result<Value, Mismatch> {
    Ok(match (value, shape) {
        (Val::Bool(value), Shape::Bool) => (*value).into(),
        (Val::U8(value), Shape::U8) => (*value).into(),
        (Val::U16(value), Shape::U16) => (*value).into(),
        (Val::U32(value), Shape::U32) => (*value).into(),
        (Val::S8(value), Shape::S8) => (*value).into(),
        (Val::S16(value), Shape::S16) => (*value).into(),
        (Val::S32(value), Shape::S32) => (*value).into(),
        (Val::U64(value), Shape::U64) => value.to_string().into(),
        (Val::S64(value), Shape::S64) => value.to_string().into(),
        (Val::Float32(value), Shape::F32) => scalar::short_float(*value),
        (Val::Float64(value), Shape::F64) => scalar::float(*value),
        (Val::Char(value), Shape::Char) => value.to_string().into(),
        (Val::String(text), Shape::String) => text.as_str().into(),
        (Val::Enum(name), Shape::Enum(_)) => name.as_str().into(),
        (Val::Flags(names), Shape::Flags(_)) => names.iter().map(String::as_str).collect(),
        _ => return compound(value, shape),
    })
}

/// JSON that describes what a function gave: null, if that is nothing.
///
/// # Errors
/// When the value is of another type: the host has mixed up two functions.
pub fn result_to_json(result: Option<&Val>, signature: &Signature) -> Result<Value, Mismatch> {
    match (result, &signature.result) {
        (Some(value), Some(shape)) => to_json(value, shape),
        (None, None) => Ok(Value::Null),
        _ => Err(Mismatch::of(signature)),
    }
}

fn compound(value: &Val, shape: &Shape) -> Result<Value, Mismatch> {
    match (value, shape) {
        (Val::List(items), Shape::List(item)) | (Val::FixedLengthList(items), Shape::FixedList(item, _)) => {
            list(items, item)
        }
        (Val::Map(entries), Shape::Map(shapes)) => {
            let pair = |(key, value): &(Val, Val)| {
                Ok(Value::Array(vec![to_json(key, &shapes.0)?, to_json(value, &shapes.1)?]))
            };
            entries.iter().map(pair).collect()
        }
        (Val::Record(fields), Shape::Record(shapes)) if fields.len() == shapes.len() => {
            let field = |((name, value), (_, shape)): (&(String, Val), &(String, Shape))| {
                Ok((name.clone(), to_json(value, shape)?))
            };
            fields.iter().zip(shapes).map(field).collect::<Result<Map<_, _>, _>>().map(Value::Object)
        }
        (Val::Tuple(items), Shape::Tuple(shapes)) if items.len() == shapes.len() => {
            items.iter().zip(shapes).map(|(value, shape)| to_json(value, shape)).collect()
        }
        (Val::Variant(name, payload), Shape::Variant(cases)) => {
            let (_, shape) = cases.iter().find(|(case, _)| case == name).ok_or_else(|| Mismatch::of(shape))?;
            match (payload, shape) {
                (None, None) => Ok(name.as_str().into()),
                (payload, shape) => Ok(tagged(name, half(payload.as_deref(), shape.as_ref())?)),
            }
        }
        (Val::Option(None), Shape::Option(_)) => Ok(Value::Null),
        (Val::Option(Some(value)), Shape::Option(inner)) => match **inner {
            Shape::Option(_) => Ok(tagged("some", to_json(value, inner)?)),
            _ => to_json(value, inner),
        },
        (Val::Result(Ok(value)), Shape::Result { ok, .. }) => Ok(tagged("ok", half(value.as_deref(), ok.as_deref())?)),
        (Val::Result(Err(value)), Shape::Result { err, .. }) => {
            Ok(tagged("err", half(value.as_deref(), err.as_deref())?))
        }
        _ => Err(Mismatch::of(shape)),
    }
}

fn list(items: &[Val], item: &Shape) -> Result<Value, Mismatch> {
    if *item != Shape::U8 {
        return items.iter().map(|value| to_json(value, item)).collect();
    }
    let byte = |value: &Val| if let Val::U8(byte) = value { Ok(*byte) } else { Err(Mismatch::of(item)) };
    let bytes = items.iter().map(byte).collect::<Result<Vec<_>, _>>()?;
    Ok(scalar::base64(&bytes))
}

/// A payload; null where there is none.
fn half(value: Option<&Val>, shape: Option<&Shape>) -> Result<Value, Mismatch> {
    match (value, shape) {
        (Some(value), Some(shape)) => to_json(value, shape),
        (None, None) => Ok(Value::Null),
        (_, shape) => Err(Mismatch::of(shape.map_or("no payload".to_owned(), Shape::brief))),
    }
}

fn tagged(name: &str, payload: Value) -> Value {
    Value::Object(Map::from_iter([(name.to_owned(), payload)]))
}
