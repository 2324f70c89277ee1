//! Does a message fit a type, field by field?
//!
//! | WIT | proto3 |
//! | --- | --- |
//! | `bool`, `f32`, `f64`, `string` | `bool`, `float`, `double`, `string` |
//! | `s8`, `s16`, `s32` | `int32`, `sint32`, `sfixed32` |
//! | `u8`, `u16`, `u32` | `uint32`, `fixed32` |
//! | `s64`, `u64` | `int64`, `sint64`, `sfixed64`; `uint64`, `fixed64` |
//! | `char` | `string` of one character |
//! | `list<u8>` | `bytes` |
//! | `list<T>` | `repeated T` |
//! | `map<K, V>`, `list<tuple<K, V>>` | `map<K, V>` |
//! | `option<T>` | `optional T`, or a message that may be absent |
//! | record, tuple | message; a tuple's elements in the order of the fields' numbers |
//! | variant | a `oneof` of the same name, or a message that is one `oneof` |
//! | result | a message that is one `oneof` of `ok` and `err` |
//! | enum | enum; the enum's name may stand in front of its values |
//! | flags | message with a `bool` for each |
//! | anything else | a message with it as the only field |
//!
//! A case without payload is a field whose message has no fields, as `google.protobuf.Empty`. Every
//! field of a message must be known in WIT; what WIT has besides is not sent, and must be an option
//! or a list to be left away by a client.

use std::sync::Arc;

use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind as Proto, MessageDescriptor, OneofDescriptor};

use crate::grpc::form::{Case, Field, Form, Kind, Presence, Scalar, Slot};
use crate::grpc::names::{same, same_case};
use crate::runtime::value::Shape;

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// From a client: WIT needs a value for each of its fields.
    In,
    /// To a client: it gets the fields that its message has.
    Out,
}

/// Pairs messages that go one way.
pub(super) struct Pairer {
    direction: Direction,
}

type Paired<T> = Result<T, Vec<String>>;

impl Pairer {
    pub(super) fn new(direction: Direction) -> Self {
        Self { direction }
    }

    /// A message that stands for a whole value.
    pub(super) fn message(&self, shape: &Shape, message: &MessageDescriptor) -> Paired<Form> {
        match shape {
            Shape::Record(fields) => self.record(fields, message).map(Form::Record),
            Shape::Tuple(shapes) => self.tuple(shapes, message).map(Form::Tuple),
            Shape::Variant(cases) => self.cases(cases, &whole(message)?).map(Form::Variant),
            Shape::Result { ok, err } => {
                let half = |name: &str, shape: &Option<Box<Shape>>| (name.to_owned(), shape.as_deref().cloned());
                self.cases(&[half("ok", ok), half("err", err)], &whole(message)?).map(Form::Result)
            }
            Shape::Flags(names) => flags(names, message).map(Form::Flags),
            other => self.wrapped(other, message),
        }
    }

    /// The fields of a record, or the parameters of a function.
    pub(super) fn record(&self, shapes: &[(String, Shape)], message: &MessageDescriptor) -> Paired<Vec<Field>> {
        let mut problems: Vec<String> = unknown(shapes, message);
        let mut fields = Vec::with_capacity(shapes.len());
        for (name, shape) in shapes {
            let field = message.fields().find(|field| real_oneof(field).is_none() && same(field.name(), name));
            let oneof = message.oneofs().find(|oneof| !oneof.is_synthetic() && same(oneof.name(), name));
            let slot = match (field, oneof) {
                (Some(field), _) => self.slot(shape, &field).map(|slot| (field.name().to_owned(), slot)),
                (None, Some(oneof)) => self.one_of(shape, &oneof).map(|slot| (oneof.name().to_owned(), slot)),
                (None, None) => self.absent(name, shape, message).map(|slot| (name.clone(), slot)),
            };
            match slot {
                Ok((label, slot)) => fields.push(Field { name: name.clone(), label, slot }),
                Err(wrong) => problems.extend(wrong),
            }
        }
        if problems.is_empty() { Ok(fields) } else { Err(problems) }
    }

    /// What the message does not have.
    fn absent(&self, name: &str, shape: &Shape, message: &MessageDescriptor) -> Paired<Slot> {
        match (self.direction, shape) {
            (Direction::Out, _) | (Direction::In, Shape::Option(_)) => Ok(Slot::Absent { is_list: false }),
            (Direction::In, Shape::List(_)) => Ok(Slot::Absent { is_list: true }),
            (Direction::In, _) => {
                let wanted = shape.brief();
                Err(vec![format!(
                    "{} has no field for `{name}`, which is {wanted} and cannot be left away",
                    message.name()
                )])
            }
        }
    }

    fn tuple(&self, shapes: &[Shape], message: &MessageDescriptor) -> Paired<Vec<Field>> {
        let mut fields: Vec<FieldDescriptor> = message.fields().collect();
        fields.sort_by_key(FieldDescriptor::number);
        if fields.len() != shapes.len() {
            let (found, wanted) = (fields.len(), shapes.len());
            return Err(vec![format!("{} has {found} fields, and the tuple {wanted} elements", message.name())]);
        }
        let element = |(shape, field): (&Shape, &FieldDescriptor)| {
            let slot = self.slot(shape, field)?;
            Ok::<_, Vec<String>>(Field { name: field.name().to_owned(), label: field.name().to_owned(), slot })
        };
        shapes.iter().zip(&fields).map(element).collect()
    }

    fn wrapped(&self, shape: &Shape, message: &MessageDescriptor) -> Paired<Form> {
        let fields: Vec<FieldDescriptor> = message.fields().collect();
        match fields.as_slice() {
            [only] => Ok(Form::Wrapped(Box::new(self.slot(shape, only)?))),
            several => {
                let (count, wanted) = (several.len(), shape.brief());
                Err(vec![format!("{} has {count} fields, and {wanted} fits into a message with one", message.name())])
            }
        }
    }

    fn slot(&self, shape: &Shape, field: &FieldDescriptor) -> Paired<Slot> {
        let number = field.number();
        if field.is_map() {
            return self.map(shape, field);
        }
        match (shape, field.is_list()) {
            (Shape::List(item), true) => Ok(Slot::Many { number, kind: self.kind(item, field)? }),
            (_, true) => Err(vec![misfit(field, shape, "it is repeated, which is a list in WIT")]),
            (Shape::Option(inner), false) if field.supports_presence() && !is_wrapper(inner, field) => {
                Ok(Slot::One { number, kind: self.kind(inner, field)?, presence: Presence::Optional })
            }
            (Shape::Option(_), false) if !field.supports_presence() => Err(vec![misfit(
                field,
                shape,
                "proto3 cannot tell whether it is there; write `optional` in front of it",
            )]),
            (shape, false) => {
                let kind = self.kind(shape, field)?;
                let presence = if matches!(kind, Kind::Message(_)) { Presence::Required } else { Presence::Default };
                Ok(Slot::One { number, kind, presence })
            }
        }
    }

    fn map(&self, shape: &Shape, field: &FieldDescriptor) -> Paired<Slot> {
        let no_map = || vec![misfit(field, shape, "it is a map, which is a map or a list of pairs in WIT")];
        let (key, value, is_list) = match shape {
            Shape::Map(entry) => (&entry.0, &entry.1, false),
            Shape::List(item) => match item.as_ref() {
                Shape::Tuple(both) => match both.as_slice() {
                    [key, value] => (key, value, true),
                    _ => return Err(no_map()),
                },
                _ => return Err(no_map()),
            },
            _ => return Err(no_map()),
        };
        let Proto::Message(entry) = field.kind() else { return Err(no_map()) };
        let key = self.kind(key, &entry.map_entry_key_field())?;
        let value = self.kind(value, &entry.map_entry_value_field())?;
        Ok(Slot::Map { number: field.number(), entry: Box::new((key, value)), is_list })
    }

    fn one_of(&self, shape: &Shape, oneof: &OneofDescriptor) -> Paired<Slot> {
        let (inner, presence) = match shape {
            Shape::Option(inner) => (inner.as_ref(), Presence::Optional),
            other => (other, Presence::Required),
        };
        let Shape::Variant(cases) = inner else {
            return Err(vec![format!(
                "{}: it is a oneof, which is a variant in WIT, not {}",
                oneof.full_name(),
                shape.brief()
            )]);
        };
        let fields: Vec<FieldDescriptor> = oneof.fields().collect();
        Ok(Slot::OneOf { cases: self.cases(cases, &fields)?, presence })
    }

    fn cases(&self, cases: &[(String, Option<Shape>)], fields: &[FieldDescriptor]) -> Paired<Vec<Case>> {
        let mut problems: Vec<String> = Vec::new();
        for field in fields.iter().filter(|field| !cases.iter().any(|(name, _)| same(field.name(), name))) {
            problems.push(format!("{}: the variant has no such case", field.full_name()));
        }
        let mut found = Vec::with_capacity(cases.len());
        for (name, payload) in cases {
            let Some(field) = fields.iter().find(|field| same(field.name(), name)) else {
                problems.push(format!("the oneof has no field for the case `{name}`"));
                continue;
            };
            match self.payload(payload.as_ref(), field) {
                Ok(kind) => found.push(Case { name: name.clone(), number: field.number(), kind }),
                Err(wrong) => problems.extend(wrong),
            }
        }
        if problems.is_empty() { Ok(found) } else { Err(problems) }
    }

    fn payload(&self, payload: Option<&Shape>, field: &FieldDescriptor) -> Paired<Option<Kind>> {
        match (payload, field.kind()) {
            (Some(shape), _) => self.kind(shape, field).map(Some),
            (None, Proto::Message(message)) if message.fields().len() == 0 => Ok(None),
            (None, _) => {
                let why = "the case has no payload, which is a message without fields, as google.protobuf.Empty";
                Err(vec![format!("{}: {why}", field.full_name())])
            }
        }
    }

    fn kind(&self, shape: &Shape, field: &FieldDescriptor) -> Paired<Kind> {
        let in_field = |problems: Vec<String>| {
            problems.into_iter().map(|problem| format!("{}: {problem}", field.name())).collect::<Vec<_>>()
        };
        match (shape, field.kind()) {
            (Shape::Enum(names), Proto::Enum(values)) => enumeration(names, &values).map(Kind::Enum).map_err(in_field),
            (_, Proto::Message(message)) => {
                self.message(shape, &message).map(|form| Kind::Message(Arc::new(form))).map_err(in_field)
            }
            (shape, proto) => match scalar(&proto).filter(|scalar| fits(shape, *scalar)) {
                Some(scalar) => Ok(Kind::Scalar(scalar, shape.clone())),
                None => Err(vec![misfit(field, shape, &format!("write {}", written(shape)))]),
            },
        }
    }
}

/// An option around a value that needs a message of its own: the option is inside of that.
fn is_wrapper(inner: &Shape, field: &FieldDescriptor) -> bool {
    matches!(inner, Shape::Option(_)) && !matches!(field.kind(), Proto::Message(_))
}

/// All fields of a message that is one `oneof`.
fn whole(message: &MessageDescriptor) -> Paired<Vec<FieldDescriptor>> {
    let fields: Vec<FieldDescriptor> = message.fields().collect();
    let oneofs: Vec<OneofDescriptor> = message.oneofs().filter(|oneof| !oneof.is_synthetic()).collect();
    match oneofs.as_slice() {
        [only] if only.fields().len() == fields.len() => Ok(fields),
        _ => Err(vec![format!(
            "{} must be one oneof and nothing else: it stands for a variant or a result",
            message.name()
        )]),
    }
}

fn flags(names: &[String], message: &MessageDescriptor) -> Paired<Vec<(String, u32)>> {
    let fields: Vec<FieldDescriptor> = message.fields().collect();
    let of = |name: &String| {
        fields.iter().find(|field| same(field.name(), name) && field.kind() == Proto::Bool && !field.is_list())
    };
    let missing = names.iter().filter(|name| of(name).is_none());
    let mut problems: Vec<String> = missing
        .map(|name| format!("{} has no field `bool {}` for the flag", message.name(), name.replace('-', "_")))
        .collect();
    let strange = fields.iter().filter(|field| !names.iter().any(|name| same(field.name(), name)));
    problems.extend(strange.map(|field| format!("{}: there is no such flag", field.full_name())));
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(names.iter().filter_map(|name| of(name).map(|field| (name.clone(), field.number()))).collect())
}

/// Every case has a value; a value without a case may only be the zero that means "unspecified".
fn enumeration(names: &[String], values: &EnumDescriptor) -> Paired<Vec<(i32, String)>> {
    let (mut found, mut problems) = (Vec::new(), Vec::new());
    for value in values.values() {
        match names.iter().find(|name| same_case(values.name(), value.name(), name)) {
            Some(name) => found.push((value.number(), name.clone())),
            None if value.number() == 0 => {}
            None => problems.push(format!("{}: the enum in WIT has no such case", value.name())),
        }
    }
    let missing = names.iter().filter(|name| !found.iter().any(|(_, known)| known == *name));
    problems.extend(missing.map(|name| format!("{} has no value for the case `{name}`", values.name())));
    if problems.is_empty() { Ok(found) } else { Err(problems) }
}

fn real_oneof(field: &FieldDescriptor) -> Option<OneofDescriptor> {
    field.containing_oneof().filter(|oneof| !oneof.is_synthetic())
}

/// Fields that mean nothing in WIT.
fn unknown(shapes: &[(String, Shape)], message: &MessageDescriptor) -> Vec<String> {
    let is_known = |field: &FieldDescriptor| {
        let name = real_oneof(field).map_or_else(|| field.name().to_owned(), |oneof| oneof.name().to_owned());
        shapes.iter().any(|(known, _)| same(&name, known))
    };
    let known: Vec<&str> = shapes.iter().map(|(name, _)| name.as_str()).collect();
    let known =
        if known.is_empty() { "there is nothing".to_owned() } else { format!("there are {}", known.join(", ")) };
    let strange = message.fields().filter(|field| !is_known(field));
    strange.map(|field| format!("{}: WIT has no such field; {known}", field.full_name())).collect()
}

fn misfit(field: &FieldDescriptor, shape: &Shape, why: &str) -> String {
    format!("{}: it is {:?} here and {} in WIT; {why}", field.full_name(), field.kind(), shape.brief())
}

fn scalar(kind: &Proto) -> Option<Scalar> {
    Some(match kind {
        Proto::Bool => Scalar::Bool,
        Proto::Int32 => Scalar::Int32,
        Proto::Sint32 => Scalar::Sint32,
        Proto::Sfixed32 => Scalar::Sfixed32,
        Proto::Uint32 => Scalar::Uint32,
        Proto::Fixed32 => Scalar::Fixed32,
        Proto::Int64 => Scalar::Int64,
        Proto::Sint64 => Scalar::Sint64,
        Proto::Sfixed64 => Scalar::Sfixed64,
        Proto::Uint64 => Scalar::Uint64,
        Proto::Fixed64 => Scalar::Fixed64,
        Proto::Float => Scalar::Float,
        Proto::Double => Scalar::Double,
        Proto::String => Scalar::String,
        Proto::Bytes => Scalar::Bytes,
        Proto::Message(_) | Proto::Enum(_) => return None,
    })
}

/// Neither side has values that the other one cannot hold, but for the small integers, which proto
/// does not have.
fn fits(shape: &Shape, scalar: Scalar) -> bool {
    match shape {
        Shape::Bool => scalar == Scalar::Bool,
        Shape::S8 | Shape::S16 | Shape::S32 => matches!(scalar, Scalar::Int32 | Scalar::Sint32 | Scalar::Sfixed32),
        Shape::U8 | Shape::U16 | Shape::U32 => matches!(scalar, Scalar::Uint32 | Scalar::Fixed32),
        Shape::S64 => matches!(scalar, Scalar::Int64 | Scalar::Sint64 | Scalar::Sfixed64),
        Shape::U64 => matches!(scalar, Scalar::Uint64 | Scalar::Fixed64),
        Shape::F32 => scalar == Scalar::Float,
        Shape::F64 => scalar == Scalar::Double,
        Shape::Char | Shape::String => scalar == Scalar::String,
        Shape::List(item) => **item == Shape::U8 && scalar == Scalar::Bytes,
        _ => false,
    }
}

/// How a type is written in proto.
fn written(shape: &Shape) -> String {
    let word = match shape {
        Shape::Bool => "`bool`",
        Shape::S8 | Shape::S16 | Shape::S32 => "`int32`",
        Shape::U8 | Shape::U16 | Shape::U32 => "`uint32`",
        Shape::S64 => "`int64`",
        Shape::U64 => "`uint64`",
        Shape::F32 => "`float`",
        Shape::F64 => "`double`",
        Shape::Char | Shape::String => "`string`",
        Shape::List(item) if **item == Shape::U8 => "`bytes`",
        Shape::List(_) => "`repeated`",
        Shape::Enum(_) => "an enum with the same cases",
        _ => "a message",
    };
    word.to_owned()
}
