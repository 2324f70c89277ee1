//! One message or enum of a file, with those that stand inside of it.

use std::collections::BTreeSet;

use holm_registry::catalog::FieldNumbers;
use holm_registry::settings::grpc::pascal;

use crate::runtime::value::Shape;

/// Of a case without payload, and of a half of a result that holds nothing.
const NOTHING: &str = ".google.protobuf.Empty";
/// The field of a message that is there for a value that is no message.
const VALUE: &str = "value";

/// A message under way.
pub(super) struct Block<'n> {
    /// Where it stands: `ReserveRequest.Items`.
    path: String,
    numbers: &'n mut FieldNumbers,
    used: BTreeSet<u32>,
    lines: Vec<String>,
}

impl<'n> Block<'n> {
    pub(super) fn new(path: String, numbers: &'n mut FieldNumbers) -> Self {
        Self { path, numbers, used: BTreeSet::new(), lines: Vec::new() }
    }

    /// All fields of a record, or all parameters.
    pub(super) fn fields(mut self, fields: &[(String, Shape)]) -> Self {
        for (name, shape) in fields {
            self.field(&snake(name), shape, "");
        }
        self
    }

    /// A message that stands for a value of any type.
    pub(super) fn content(self, shape: &Shape) -> Self {
        match shape {
            Shape::Record(fields) => self.fields(fields),
            Shape::Tuple(shapes) => self.tuple(shapes),
            Shape::Variant(cases) => self.one_of(cases.iter().map(|(name, payload)| (name.as_str(), payload.as_ref()))),
            Shape::Result { ok, err } => self.one_of([("ok", ok.as_deref()), ("err", err.as_deref())].into_iter()),
            Shape::Flags(names) => names.iter().fold(self, |mut block, name| {
                block.field(&snake(name), &Shape::Bool, "");
                block
            }),
            other => self.wrapped(other),
        }
    }

    /// Its lines, from `message` to `}`.
    pub(super) fn declared(self) -> Vec<String> {
        let Self { path, numbers, used, mut lines } = self;
        let reserved: Vec<String> = numbers.reserved(&path, &used).iter().map(u32::to_string).collect();
        if !reserved.is_empty() {
            lines.push(format!("reserved {};", reserved.join(", ")));
        }
        block(&format!("message {}", path.rsplit('.').next().unwrap_or_default()), lines)
    }

    fn wrapped(mut self, shape: &Shape) -> Self {
        self.field(VALUE, shape, "");
        self
    }

    /// The order of a tuple's elements is that of their numbers. So when one of them gets another number,
    /// all do: what they are together belongs to the type of each.
    fn tuple(mut self, shapes: &[Shape]) -> Self {
        let all: Vec<String> = shapes.iter().map(Shape::brief).collect();
        let all = format!(" of ({})", all.join(", "));
        for (at, shape) in shapes.iter().enumerate() {
            self.field(&format!("f{at}"), shape, &all);
        }
        self
    }

    fn one_of<'s>(mut self, cases: impl Iterator<Item = (&'s str, Option<&'s Shape>)>) -> Self {
        let (mut fields, mut title) = (Vec::new(), "case".to_owned());
        for (name, payload) in cases {
            let name = snake(name);
            // a field must not have the name of what holds it: two underscores are in no name of WIT
            if name == "case" {
                title = "case__".to_owned();
            }
            let kind = payload.map_or_else(|| NOTHING.to_owned(), |shape| self.kind(&name, shape));
            let number = self.number(&name, &kind);
            fields.push(format!("{kind} {name} = {number};"));
        }
        self.lines.extend(block(&format!("oneof {title}"), fields));
        self
    }

    /// `within` tells types apart that are written alike.
    fn field(&mut self, name: &str, shape: &Shape, within: &str) {
        let kind = self.typed(name, shape);
        let number = self.number(name, &format!("{kind}{within}"));
        self.lines.push(format!("{kind} {name} = {number};"));
    }

    fn number(&mut self, name: &str, kind: &str) -> u32 {
        let number = self.numbers.number(&self.path, name, kind);
        self.used.insert(number);
        number
    }

    /// How a field is declared, up to its name.
    fn typed(&mut self, name: &str, shape: &Shape) -> String {
        match shape {
            Shape::Option(inner) if is_scalar(inner) => format!("optional {}", self.kind(name, inner)),
            // a message may be absent without saying so
            Shape::Option(inner) => self.kind(name, inner),
            Shape::List(item) | Shape::FixedList(item, _) if !is_scalar(shape) => {
                format!("repeated {}", self.kind(name, item))
            }
            Shape::Map(entry) => {
                let (key, value) = entry.as_ref();
                format!("map<{}, {}>", self.kind(name, key), self.kind(name, value))
            }
            other => self.kind(name, other),
        }
    }

    /// The type of one value. What proto has no type for becomes a message of its own.
    fn kind(&mut self, name: &str, shape: &Shape) -> String {
        let word = match shape {
            Shape::Bool => "bool",
            Shape::S8 | Shape::S16 | Shape::S32 => "int32",
            Shape::U8 | Shape::U16 | Shape::U32 => "uint32",
            Shape::S64 => "int64",
            Shape::U64 => "uint64",
            Shape::F32 => "float",
            Shape::F64 => "double",
            Shape::Char | Shape::String => "string",
            Shape::List(item) if **item == Shape::U8 => "bytes",
            Shape::Enum(names) => return self.enumeration(name, names),
            other => return self.inner(name, other),
        };
        word.to_owned()
    }

    fn inner(&mut self, name: &str, shape: &Shape) -> String {
        let own = pascal(&name.replace('_', "-"));
        let inner = Block::new(format!("{}.{own}", self.path), self.numbers).content(shape);
        let lines = inner.declared();
        self.lines.extend(lines);
        own
    }

    /// Zero is what a field has that was not sent, so it must mean that.
    fn enumeration(&mut self, name: &str, cases: &[String]) -> String {
        let own = pascal(&name.replace('_', "-"));
        let (path, prefix) = (format!("{}.{own}", self.path), name.to_uppercase());
        let (mut used, mut values) = (BTreeSet::new(), vec![format!("{prefix}_UNSPECIFIED = 0;")]);
        for case in cases {
            let case = snake(case).to_uppercase();
            let number = self.numbers.number(&path, &case, "");
            used.insert(number);
            values.push(format!("{prefix}_{case} = {number};"));
        }
        values.extend(self.numbers.reserved(&path, &used).into_iter().map(|number| format!("reserved {number};")));
        self.lines.extend(block(&format!("enum {own}"), values));
        own
    }
}

/// Whether proto has a type for it that is no message: `optional` stands in front of such alone.
fn is_scalar(shape: &Shape) -> bool {
    match shape {
        Shape::List(item) => **item == Shape::U8,
        Shape::FixedList(..)
        | Shape::Map(_)
        | Shape::Record(_)
        | Shape::Tuple(_)
        | Shape::Variant(_)
        | Shape::Option(_)
        | Shape::Result { .. }
        | Shape::Flags(_) => false,
        _ => true,
    }
}

fn snake(name: &str) -> String {
    name.replace('-', "_")
}

fn block(head: &str, lines: Vec<String>) -> Vec<String> {
    let body = lines.into_iter().map(|line| format!("  {line}"));
    std::iter::once(format!("{head} {{")).chain(body).chain(["}".to_owned()]).collect()
}
