//! Numbers, characters and bytes of JSON, and back.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Number, Value};
use wasmtime::component::Val;

use super::super::shape::Shape;
use super::problem::Problem;
use super::{EXACT, special};

/// The scalar of this type that JSON describes, if it does.
pub fn read(json: &Value, shape: &Shape) -> Option<Val> {
    match shape {
        Shape::Bool => json.as_bool().map(Val::Bool),
        Shape::U8 => narrow(json).map(Val::U8),
        Shape::U16 => narrow(json).map(Val::U16),
        Shape::U32 => narrow(json).map(Val::U32),
        Shape::S8 => narrow(json).map(Val::S8),
        Shape::S16 => narrow(json).map(Val::S16),
        Shape::S32 => narrow(json).map(Val::S32),
        Shape::U64 => wide(json).map(Val::U64),
        Shape::S64 => wide(json).map(Val::S64),
        Shape::F32 => single(json).map(Val::Float32),
        Shape::F64 => double(json).map(Val::Float64),
        Shape::Char => character(json).map(Val::Char),
        Shape::String => json.as_str().map(|text| Val::String(text.to_owned())),
        _ => None,
    }
}

/// An integer that every reader of JSON understands alike. `5.0` and `5e0` are 5 (RFC 8259 knows only numbers).
fn integer(number: &Number) -> Option<i128> {
    let whole = |number: f64| (number.fract() == 0.0 && number.abs() <= EXACT as f64).then_some(number as i128);
    number.as_i128().or_else(|| number.as_f64().and_then(whole))
}

fn narrow<T: TryFrom<i128>>(json: &Value) -> Option<T> {
    T::try_from(integer(json.as_number()?)?).ok()
}

/// An integer of 64 bits: in a string any, as a number only where it is surely the one that was meant.
fn wide<T: TryFrom<i128>>(json: &Value) -> Option<T> {
    let value = match json {
        Value::String(digits) => digits.parse().ok()?,
        Value::Number(number) => integer(number).filter(|value| value.abs() <= EXACT)?,
        _ => return None,
    };
    T::try_from(value).ok()
}

fn double(json: &Value) -> Option<f64> {
    match json.as_str() {
        Some(special::NAN) => Some(f64::NAN),
        Some(special::INFINITY) => Some(f64::INFINITY),
        Some(special::MINUS_INFINITY) => Some(f64::NEG_INFINITY),
        Some(_) => None,
        None => json.as_f64(),
    }
}

/// Rounded to the nearest; a number that would become infinite is out of range.
fn single(json: &Value) -> Option<f32> {
    let wide = double(json)?;
    let value = wide as f32;
    (value.is_finite() || !wide.is_finite()).then_some(value)
}

fn character(json: &Value) -> Option<char> {
    let mut characters = json.as_str()?.chars();
    let first = characters.next()?;
    characters.next().is_none().then_some(first)
}

/// A float as JSON has it.
pub fn float(value: f64) -> Value {
    match Number::from_f64(value) {
        Some(number) => Value::Number(number),
        None if value.is_nan() => special::NAN.into(),
        None if value > 0.0 => special::INFINITY.into(),
        None => special::MINUS_INFINITY.into(),
    }
}

/// A short float in its short form: 0.1 rather than 0.10000000149011612, where that reads back as the same.
pub fn short_float(value: f32) -> Value {
    let short = value.to_string().parse().ok().filter(|short: &f64| *short as f32 == value);
    float(short.unwrap_or_else(|| value.into()))
}

/// Bytes as a string.
pub fn base64(bytes: &[u8]) -> Value {
    STANDARD.encode(bytes).into()
}

/// Bytes of a string.
pub fn bytes(text: &str) -> Result<Vec<u8>, Problem> {
    STANDARD.decode(text).map_err(Problem::Base64)
}
