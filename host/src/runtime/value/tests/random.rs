//! Any type, and any value of it.

use proptest::prelude::*;

use crate::runtime::value::{Shape, Signature, Val};

/// Distinct names as WIT has them.
fn names(range: std::ops::RangeInclusive<usize>) -> impl Strategy<Value = Vec<String>> {
    // the number keeps them apart, and from the words that WIT keeps for itself
    let word = "[a-z]{1,4}(-[a-z]{1,3}){0,2}";
    let numbered = |words: Vec<String>| words.iter().enumerate().map(|(at, word)| format!("{word}-n{at}")).collect();
    prop::collection::vec(word, range).prop_map(numbered)
}

/// Each name with something of its own.
fn members<T: std::fmt::Debug>(
    each: impl Strategy<Value = T> + Clone + 'static,
) -> impl Strategy<Value = Vec<(String, T)>> {
    names(1..=4).prop_flat_map(move |names| {
        let count = names.len();
        (Just(names), prop::collection::vec(each.clone(), count))
            .prop_map(|(names, items)| names.into_iter().zip(items).collect())
    })
}

fn scalar() -> impl Strategy<Value = Shape> + Clone {
    prop::sample::select(vec![
        Shape::Bool,
        Shape::S8,
        Shape::U8,
        Shape::S16,
        Shape::U16,
        Shape::S32,
        Shape::U32,
        Shape::S64,
        Shape::U64,
        Shape::F32,
        Shape::F64,
        Shape::Char,
        Shape::String,
    ])
}

/// What WIT lets a map have as keys.
fn key() -> impl Strategy<Value = Shape> + Clone {
    prop::sample::select(vec![Shape::Bool, Shape::S8, Shape::U16, Shape::U32, Shape::U64, Shape::Char, Shape::String])
}

/// A type of up to four levels.
pub fn shape() -> impl Strategy<Value = Shape> + Clone {
    let names_of = |range| names(range).boxed();
    let leaf = prop_oneof![
        6 => scalar(),
        1 => names_of(1..=5).prop_map(Shape::Enum),
        1 => names_of(1..=32).prop_map(Shape::Flags),
        1 => Just(Shape::List(Box::new(Shape::U8))),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let boxed = inner.clone().prop_map(Box::new);
        prop_oneof![
            boxed.clone().prop_map(Shape::List),
            (boxed.clone(), 1..4_u32).prop_map(|(item, length)| Shape::FixedList(item, length)),
            (key(), inner.clone()).prop_map(|entry| Shape::Map(Box::new(entry))),
            members(inner.clone()).prop_map(Shape::Record),
            prop::collection::vec(inner.clone(), 1..4).prop_map(Shape::Tuple),
            members(prop::option::of(inner)).prop_map(Shape::Variant),
            boxed.clone().prop_map(Shape::Option),
            (prop::option::of(boxed.clone()), prop::option::of(boxed)).prop_map(|(ok, err)| Shape::Result { ok, err }),
        ]
    })
}

/// A function of up to three parameters.
pub fn signature() -> impl Strategy<Value = Signature> {
    let params = prop_oneof![Just(Vec::new()), members(shape())];
    (any::<bool>(), params, prop::option::of(shape())).prop_map(|(is_async, params, result)| Signature {
        name: "f".into(),
        is_async,
        params,
        result,
    })
}

/// A type and a value of it.
pub fn typed_value() -> impl Strategy<Value = (Shape, Val)> {
    shape().prop_flat_map(|shape| {
        let value = value(&shape);
        (Just(shape), value)
    })
}

/// Any value of a type.
pub fn value(shape: &Shape) -> BoxedStrategy<Val> {
    match shape {
        Shape::Bool => any::<bool>().prop_map(Val::Bool).boxed(),
        Shape::S8 => any::<i8>().prop_map(Val::S8).boxed(),
        Shape::U8 => any::<u8>().prop_map(Val::U8).boxed(),
        Shape::S16 => any::<i16>().prop_map(Val::S16).boxed(),
        Shape::U16 => any::<u16>().prop_map(Val::U16).boxed(),
        Shape::S32 => any::<i32>().prop_map(Val::S32).boxed(),
        Shape::U32 => any::<u32>().prop_map(Val::U32).boxed(),
        Shape::S64 => any::<i64>().prop_map(Val::S64).boxed(),
        Shape::U64 => any::<u64>().prop_map(Val::U64).boxed(),
        Shape::F32 => prop::num::f32::ANY.prop_map(Val::Float32).boxed(),
        Shape::F64 => prop::num::f64::ANY.prop_map(Val::Float64).boxed(),
        Shape::Char => any::<char>().prop_map(Val::Char).boxed(),
        Shape::String => any::<String>().prop_map(Val::String).boxed(),
        Shape::List(item) => prop::collection::vec(value(item), 0..5).prop_map(Val::List).boxed(),
        Shape::FixedList(item, length) => {
            prop::collection::vec(value(item), *length as usize).prop_map(Val::FixedLengthList).boxed()
        }
        Shape::Map(entry) => prop::collection::vec((value(&entry.0), value(&entry.1)), 0..4).prop_map(Val::Map).boxed(),
        compound => compound_value(compound),
    }
}

fn compound_value(shape: &Shape) -> BoxedStrategy<Val> {
    match shape {
        Shape::Record(fields) => {
            let field = |(name, shape): &(String, Shape)| (Just(name.clone()), value(shape));
            fields.iter().map(field).collect::<Vec<_>>().prop_map(Val::Record).boxed()
        }
        Shape::Tuple(shapes) => shapes.iter().map(value).collect::<Vec<_>>().prop_map(Val::Tuple).boxed(),
        Shape::Variant(cases) => {
            let case = |(name, shape): &(String, Option<Shape>)| {
                let name = name.clone();
                payload(shape.as_ref()).prop_map(move |payload| Val::Variant(name.clone(), payload)).boxed()
            };
            prop::strategy::Union::new(cases.iter().map(case)).boxed()
        }
        Shape::Enum(names) => prop::sample::select(names.clone()).prop_map(Val::Enum).boxed(),
        Shape::Flags(names) => {
            let count = names.len();
            prop::sample::subsequence(names.clone(), 0..=count).prop_map(Val::Flags).boxed()
        }
        Shape::Option(inner) => prop_oneof![Just(None).boxed(), payload(Some(inner))].prop_map(Val::Option).boxed(),
        Shape::Result { ok, err } => {
            let (ok, err) = (payload(ok.as_deref()), payload(err.as_deref()));
            prop_oneof![ok.prop_map(Ok), err.prop_map(Err)].prop_map(Val::Result).boxed()
        }
        scalar => unreachable!("{scalar} is a scalar"),
    }
}

fn payload(shape: Option<&Shape>) -> BoxedStrategy<Option<Box<Val>>> {
    match shape {
        Some(shape) => value(shape).prop_map(|value| Some(Box::new(value))).boxed(),
        None => Just(None).boxed(),
    }
}

/// A type that is like another one here and there: what stands in for it may be read as it, or not.
pub fn relative(shape: &Shape) -> BoxedStrategy<Shape> {
    let near = match shape {
        Shape::List(item) => relative(item).prop_map(|item| Shape::List(Box::new(item))).boxed(),
        Shape::FixedList(item, length) => {
            let length = *length;
            relative(item).prop_map(move |item| Shape::FixedList(Box::new(item), length)).boxed()
        }
        Shape::Option(inner) => relative(inner).prop_map(|inner| Shape::Option(Box::new(inner))).boxed(),
        Shape::Tuple(shapes) => shapes.iter().map(relative).collect::<Vec<_>>().prop_map(Shape::Tuple).boxed(),
        Shape::Record(fields) => {
            let field = |(name, shape): &(String, Shape)| (Just(name.clone()), relative(shape));
            fields.iter().map(field).collect::<Vec<_>>().prop_map(Shape::Record).boxed()
        }
        Shape::Variant(cases) => {
            let mut cases = cases.clone();
            cases.insert(0, ("another".into(), None));
            Just(Shape::Variant(cases)).boxed()
        }
        Shape::Enum(names) => {
            let cases = names.iter().map(|name| (name.clone(), None)).collect();
            prop_oneof![Just(Shape::Variant(cases)), Just(Shape::String)].boxed()
        }
        Shape::Result { ok, .. } => Just(Shape::Result { ok: ok.clone(), err: None }).boxed(),
        Shape::Map(_) | Shape::Flags(_) => Just(shape.clone()).boxed(),
        _ => scalar().boxed(),
    };
    let same = Just(shape.clone());
    let optional = near.clone().prop_map(|near| Shape::Option(Box::new(near)));
    prop_oneof![2 => same, 3 => near, 1 => optional].boxed()
}
