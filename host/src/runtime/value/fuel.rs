//! How much a guest may make the engine allocate for the values of one call, so that [`MAX_SIZE`] bytes of them, as they
//! are counted here, always fit, as long as they take no more than [`MAX_MEMORY`].
//!
//! The engine makes a [`Val`] of everything, and charges its own size for each element, field and payload, and the bytes
//! of names and texts. How many bytes that are for one that is counted depends on the type: one for a text, 40 for a list
//! of bytes, some hundred for a list of records of one flag.

use wasmtime::component::Val;

use super::budget::MAX_MEMORY;
use super::shape::Shape;
use super::signature::Signature;
use super::size::MAX_SIZE;

/// A guest whose strings are UTF-16 is charged two bytes for one that is counted.
const TEXT: f64 = 2.0;

/// What the engine charges for each value that another one holds.
const SLOT: f64 = size_of::<Val>() as f64;

/// A type, weighed.
#[derive(Clone, Copy)]
struct Weight {
    /// Bytes that every value counts, at least.
    least: f64,
    /// What is charged for one counted byte, at most.
    charged: f64,
}

impl Signature {
    /// Fuel for its arguments, which the calling guest hands over.
    pub fn arguments_fuel(&self) -> usize {
        fuel(self.param_shapes(), MAX_SIZE)
    }

    /// Fuel for what it gives, which the called guest hands over.
    pub fn result_fuel(&self) -> usize {
        fuel(self.result.iter(), MAX_SIZE)
    }
}

/// Fuel for values of these types that count so many bytes together.
pub(super) fn fuel<'a>(shapes: impl Iterator<Item = &'a Shape>, bytes: usize) -> usize {
    let charged = shapes.map(|shape| weigh(shape).charged).fold(0.0, f64::max);
    // a float that is too large becomes the largest integer
    ((charged * bytes as f64).ceil() as usize).min(MAX_MEMORY)
}

fn weigh(shape: &Shape) -> Weight {
    let plain = |least| Weight { least, charged: 0.0 };
    match shape {
        Shape::Bool | Shape::S8 | Shape::U8 => plain(1.0),
        Shape::S16 | Shape::U16 => plain(2.0),
        Shape::S32 | Shape::U32 | Shape::F32 | Shape::Char => plain(4.0),
        Shape::S64 | Shape::U64 | Shape::F64 => plain(8.0),
        Shape::String => Weight { least: 4.0, charged: TEXT },
        Shape::List(item) => Weight { least: 4.0, ..held(weigh(item), SLOT) },
        Shape::FixedList(item, length) => {
            let item = weigh(item);
            Weight { least: item.least * f64::from(*length), ..held(item, SLOT) }
        }
        Shape::Map(entry) => Weight { least: 4.0, ..together([(&entry.0, SLOT), (&entry.1, SLOT)].into_iter()) },
        Shape::Record(fields) => together(fields.iter().map(|(name, shape)| (shape, SLOT + name.len() as f64))),
        Shape::Tuple(shapes) => together(shapes.iter().map(|shape| (shape, SLOT))),
        Shape::Enum(names) => tagged(longest(names.iter()), std::iter::empty()),
        Shape::Flags(names) => tagged(names.iter().map(String::len).sum(), std::iter::empty()),
        Shape::Variant(cases) => tagged(
            longest(cases.iter().map(|(name, _)| name)),
            cases.iter().filter_map(|(_, payload)| payload.as_ref()),
        ),
        Shape::Option(inner) => payloads(1.0, std::iter::once(&**inner)),
        Shape::Result { ok, err } => payloads(1.0, ok.iter().chain(err).map(|payload| &**payload)),
    }
}

/// A value with what is charged for holding it.
fn held(value: Weight, slot: f64) -> Weight {
    Weight { charged: slot / value.least.max(1.0) + value.charged, ..value }
}

/// Values that always come together, each with what is charged for holding it.
fn together<'a>(parts: impl Iterator<Item = (&'a Shape, f64)>) -> Weight {
    let (mut least, mut slots, mut charged) = (0.0, 0.0, 0.0_f64);
    for (shape, slot) in parts {
        let part = weigh(shape);
        (least, slots, charged) = (least + part.least, slots + slot, charged.max(part.charged));
    }
    held(Weight { least, charged }, slots)
}

/// A tag of four bytes, with names of so many bytes, and what may follow it.
fn tagged<'a>(names: usize, shapes: impl Iterator<Item = &'a Shape>) -> Weight {
    let Weight { least, charged } = payloads(4.0, shapes);
    Weight { least, charged: charged + names as f64 / 4.0 }
}

fn payloads<'a>(tag: f64, shapes: impl Iterator<Item = &'a Shape>) -> Weight {
    let charged = |shape| {
        let value = weigh(shape);
        SLOT / (tag + value.least) + value.charged
    };
    Weight { least: tag, charged: shapes.map(charged).fold(0.0, f64::max) }
}

fn longest<'a>(names: impl Iterator<Item = &'a String>) -> usize {
    names.map(String::len).max().unwrap_or(0)
}
