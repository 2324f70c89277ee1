//! Any type, and any value of it.

use proptest::prelude::*;

use crate::runtime::value::{Shape, Signature};

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
