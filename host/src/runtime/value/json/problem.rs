//! What is wrong with JSON that is to be a value, and where.

use holm_registry::nearest::nearest;
use holm_registry::template::Reference;
use serde_json::Value;

use super::super::path::{Path, Step};
use super::super::shape::Shape;
use super::super::size::TooLarge;

/// How many characters of a string an error message repeats.
const SHOWN: usize = 40;

/// JSON that is no value of its type: `argument 2 (item): field "quantity": expected u32, got the string "x"`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}{}{problem}", if .path.is_root() { "" } else { ": " })]
pub struct ArgumentError {
    /// The place.
    pub path: Path,
    /// What is wrong there.
    pub problem: Problem,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Something else than the type wants.
    #[error("expected {wanted}, got {got}")]
    Unexpected {
        /// The type, and how JSON has it.
        wanted: String,
        /// What stands there.
        got: String,
    },
    /// A field or an argument that is not there.
    #[error("{kind} \"{name}\" is missing; it is {wanted}")]
    Missing {
        /// `field` or `argument`.
        kind: &'static str,
        /// Its name.
        name: String,
        /// Its type.
        wanted: String,
    },
    /// A name that the type does not know.
    #[error("unknown {kind} \"{name}\"{}", did_you_mean(.nearest))]
    Unknown {
        /// `field`, `argument`, `case` or `flag`.
        kind: &'static str,
        /// As it stands there.
        name: String,
        /// The most similar name that there is.
        nearest: Option<String>,
    },
    /// Another number of things than the type wants.
    #[error("expected {wanted} {kind}s, got {got}")]
    Count {
        /// `element` or `argument`.
        kind: &'static str,
        /// So many.
        wanted: usize,
        /// So many are there.
        got: usize,
    },
    /// A string that is not base64.
    #[error("expected base64 of bytes: {0}")]
    Base64(base64::DecodeError),
    /// A reference of a template that leads nowhere, or may do so.
    #[error("`{{{reference}}}` {why}")]
    Nowhere {
        /// The reference.
        reference: String,
        /// Why it does.
        why: String,
    },
    /// More than one call may carry.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
}

fn did_you_mean(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|name| format!("; did you mean \"{name}\"?")).unwrap_or_default()
}

impl ArgumentError {
    pub(super) fn under(self, step: Step) -> Self {
        Self { path: self.path.under(step), ..self }
    }
}

impl<P: Into<Problem>> From<P> for ArgumentError {
    fn from(problem: P) -> Self {
        Self { path: Path::default(), problem: problem.into() }
    }
}

impl Problem {
    pub(super) fn unexpected(shape: &Shape, got: &Value) -> Self {
        Self::other_than(wanted(shape, got), got)
    }

    /// A reference to something that is no value of the type, or not always.
    pub(super) fn misfit(shape: &Shape, reference: &Reference, found: &Shape) -> Self {
        Self::Unexpected { wanted: shape.brief(), got: format!("`{{{reference}}}`, which is {}", found.brief()) }
    }

    pub(super) fn other_than(wanted: String, got: &Value) -> Self {
        Self::Unexpected { wanted, got: describe(got) }
    }

    pub(super) fn missing(kind: &'static str, name: &str, shape: &Shape) -> Self {
        Self::Missing { kind, name: name.to_owned(), wanted: shape.brief() }
    }

    pub(super) fn unknown<'a>(kind: &'static str, name: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let nearest = nearest(name, known).map(str::to_owned);
        Self::Unknown { kind, name: shorten(name), nearest }
    }
}

/// What the type wants to see in JSON. A number that does not fit learns the range.
fn wanted(shape: &Shape, got: &Value) -> String {
    let range = |low: i64, high: i64| match got {
        Value::Number(_) => format!("{shape} ({low} to {high})"),
        _ => shape.to_string(),
    };
    match shape {
        Shape::U8 => range(0, u8::MAX.into()),
        Shape::U16 => range(0, u16::MAX.into()),
        Shape::U32 => range(0, u32::MAX.into()),
        Shape::S8 => range(i8::MIN.into(), i8::MAX.into()),
        Shape::S16 => range(i16::MIN.into(), i16::MAX.into()),
        Shape::S32 => range(i32::MIN.into(), i32::MAX.into()),
        Shape::U64 | Shape::S64 => format!("{shape}, as a string or as a number up to 2^53"),
        Shape::F32 | Shape::F64 => format!("{shape}: a number, \"NaN\", \"Infinity\" or \"-Infinity\""),
        Shape::Char => "char: a string of one character".into(),
        Shape::List(item) | Shape::FixedList(item, _) if **item == Shape::U8 => format!("{shape}, as base64"),
        Shape::List(_) | Shape::FixedList(..) | Shape::Tuple(_) => format!("an array for {}", shape.brief()),
        Shape::Map(_) => format!("an array of [key, value] for {}", shape.brief()),
        Shape::Record(_) => format!("an object for {}", shape.brief()),
        Shape::Variant(_) => format!("\"case\" or {{\"case\": payload}} of {}", shape.brief()),
        Shape::Enum(_) => format!("the name of a case of {}", shape.brief()),
        Shape::Flags(_) => format!("an array of names of {}", shape.brief()),
        // what an option may hold complains itself, unless it is an option
        Shape::Option(_) => format!("null or {{\"some\": …}} for {}", shape.brief()),
        Shape::Result { .. } => format!("{{\"ok\": …}} or {{\"err\": …}} for {}", shape.brief()),
        Shape::Bool | Shape::String => shape.to_string(),
    }
}

fn describe(json: &Value) -> String {
    match json {
        Value::Null => "null".into(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) => format!("the string \"{}\"", shorten(text)),
        Value::Array(items) => format!("an array of {}", items.len()),
        Value::Object(fields) => match (fields.keys().next(), fields.len()) {
            (Some(only), 1) => format!("an object with the field \"{}\"", shorten(only)),
            (_, count) => format!("an object with {count} fields"),
        },
    }
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or(text)),
        None => text.to_owned(),
    }
}
