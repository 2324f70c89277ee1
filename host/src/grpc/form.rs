//! A message as WIT sees it.

use std::sync::Arc;

use crate::runtime::value::Shape;

/// What a message stands for.
#[derive(Clone, Debug)]
pub(super) enum Form {
    /// A record, or the parameters of a function: its fields in WIT's order.
    Record(Vec<Field>),
    /// A tuple: its elements in the order of the fields' numbers.
    Tuple(Vec<Field>),
    /// A variant: the message is one `oneof`.
    Variant(Vec<Case>),
    /// A result: a `oneof` of `ok` and `err`.
    Result(Vec<Case>),
    /// Flags: a `bool` each.
    Flags(Vec<(String, u32)>),
    /// A value that is none of these, as the only field.
    Wrapped(Box<Slot>),
    /// Nothing: a message without fields.
    Empty,
}

/// A field of a record.
#[derive(Clone, Debug)]
pub(super) struct Field {
    /// In WIT.
    pub(super) name: String,
    /// As messages to people name it.
    pub(super) label: String,
    pub(super) slot: Slot,
}

/// Where a value is in its message.
#[derive(Clone, Debug)]
pub(super) enum Slot {
    /// In one field.
    One { number: u32, kind: Kind, presence: Presence },
    /// In a repeated field.
    Many { number: u32, kind: Kind },
    /// In a map field: keys and values, as a map or as a list of pairs.
    Map { number: u32, entry: Box<(Kind, Kind)>, is_list: bool },
    /// In a `oneof`.
    OneOf { cases: Vec<Case>, presence: Presence },
    /// Nowhere: the message does not have it. An option that is none, or an empty list.
    Absent { is_list: bool },
}

/// What it means that a field is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    /// It has its default value, as proto3 has it: zero, empty.
    Default,
    /// The message is not valid: WIT has no value for it.
    Required,
    /// None of an option.
    Optional,
}

/// One case of a variant.
#[derive(Clone, Debug)]
pub(super) struct Case {
    /// In WIT.
    pub(super) name: String,
    pub(super) number: u32,
    /// `None`: it has no payload, and its message no fields.
    pub(super) kind: Option<Kind>,
}

/// What one field holds.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// A scalar of proto, as a scalar of WIT.
    Scalar(Scalar, Shape),
    /// Numbers and the cases that they stand for.
    Enum(Vec<(i32, String)>),
    /// A message.
    Message(Arc<Form>),
}

/// The scalar types of proto3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scalar {
    Bool,
    Int32,
    Sint32,
    Sfixed32,
    Uint32,
    Fixed32,
    Int64,
    Sint64,
    Sfixed64,
    Uint64,
    Fixed64,
    Float,
    Double,
    String,
    Bytes,
}

impl Slot {
    /// Whether a field of the message belongs to it.
    pub(super) fn has(&self, wanted: u32) -> bool {
        match self {
            Self::One { number, .. } | Self::Many { number, .. } | Self::Map { number, .. } => *number == wanted,
            Self::OneOf { cases, .. } => cases.iter().any(|case| case.number == wanted),
            Self::Absent { .. } => false,
        }
    }
}
