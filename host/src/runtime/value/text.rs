//! How a type is written down: as WIT, but with every named type spelled out, since components do not keep the names
//! of their records.

use std::fmt::{self, Display, Formatter};

use super::shape::Shape;

/// How many characters of a type an error message shows.
const BRIEF: usize = 80;

impl Display for Shape {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => out.write_str("bool"),
            Self::S8 => out.write_str("s8"),
            Self::U8 => out.write_str("u8"),
            Self::S16 => out.write_str("s16"),
            Self::U16 => out.write_str("u16"),
            Self::S32 => out.write_str("s32"),
            Self::U32 => out.write_str("u32"),
            Self::S64 => out.write_str("s64"),
            Self::U64 => out.write_str("u64"),
            Self::F32 => out.write_str("f32"),
            Self::F64 => out.write_str("f64"),
            Self::Char => out.write_str("char"),
            Self::String => out.write_str("string"),
            Self::List(item) => write!(out, "list<{item}>"),
            Self::FixedList(item, length) => write!(out, "list<{item}, {length}>"),
            Self::Map(entry) => write!(out, "map<{}, {}>", entry.0, entry.1),
            Self::Record(fields) => {
                let field = |out: &mut Formatter<'_>, (name, shape): &(String, Shape)| write!(out, "{name}: {shape}");
                separated(out, ("record { ", " }"), fields, field)
            }
            Self::Tuple(elements) => separated(out, ("tuple<", ">"), elements, |out, shape| write!(out, "{shape}")),
            Self::Variant(cases) => separated(out, ("variant { ", " }"), cases, |out, (name, payload)| match payload {
                Some(shape) => write!(out, "{name}({shape})"),
                None => out.write_str(name),
            }),
            Self::Enum(names) => separated(out, ("enum { ", " }"), names, |out, name| out.write_str(name)),
            Self::Option(inner) => write!(out, "option<{inner}>"),
            Self::Result { ok, err } => result(out, ok.as_deref(), err.as_deref()),
            Self::Flags(names) => separated(out, ("flags { ", " }"), names, |out, name| out.write_str(name)),
        }
    }
}

fn separated<T>(
    out: &mut Formatter<'_>,
    (open, close): (&str, &str),
    items: &[T],
    each: impl Fn(&mut Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    out.write_str(open)?;
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.write_str(", ")?;
        }
        each(out, item)?;
    }
    out.write_str(close)
}

fn result(out: &mut Formatter<'_>, ok: Option<&Shape>, err: Option<&Shape>) -> fmt::Result {
    match (ok, err) {
        (None, None) => out.write_str("result"),
        (Some(ok), None) => write!(out, "result<{ok}>"),
        (None, Some(err)) => write!(out, "result<_, {err}>"),
        (Some(ok), Some(err)) => write!(out, "result<{ok}, {err}>"),
    }
}

impl Shape {
    /// The type for an error message: its beginning, if it is long.
    pub fn brief(&self) -> String {
        let text = self.to_string();
        match text.char_indices().nth(BRIEF) {
            Some((end, _)) => format!("{}…", text.get(..end).unwrap_or(&text)),
            None => text,
        }
    }
}
