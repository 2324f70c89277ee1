//! Whether the engine lets as much through as a call may carry, and not much more.

use proptest::prelude::*;

use super::echo::{Echo, PADDING};
use super::{list, option, random, record, words};
use crate::runtime::value::fuel::fuel;
use crate::runtime::value::{MAX_MEMORY, MAX_SIZE, Shape, Val, wire_size};

/// What the guest is charged besides, for the parameters that only fill the registers.
const BESIDES: usize = (PADDING + 1) * size_of::<Val>();

/// As many copies as a call may carry.
fn most(item: &Val) -> Val {
    Val::List(vec![item.clone(); (MAX_SIZE - 4) / wire_size(item)])
}

#[test]
fn a_megabyte_of_values_ends_the_guest() {
    let text = |text: &str| Val::String(text.into());
    let pair = Val::Record(vec![("id".into(), Val::U8(7)), ("well".into(), Val::Bool(true))]);
    let state = Shape::Enum(words(&["new", "paid-in-full"]));
    for (shape, item) in [
        (Shape::U8, Val::U8(7)),
        (Shape::U64, Val::U64(7)),
        (Shape::String, text("")),
        (Shape::String, text("a text of some length")),
        (list(Shape::U8), Val::List(vec![])),
        (option(Shape::U8), Val::Option(None)),
        (option(Shape::U8), Val::Option(Some(Box::new(Val::U8(7))))),
        (Shape::Tuple(vec![Shape::U8, Shape::U8]), Val::Tuple(vec![Val::U8(7), Val::U8(7)])),
        (record(&[("id", Shape::U8), ("well", Shape::Bool)]), pair),
        (state, Val::Enum("paid-in-full".into())),
    ] {
        let whole = list(shape.clone());
        let enough = fuel([&whole].into_iter(), MAX_SIZE);
        assert!(enough < MAX_MEMORY, "{whole}: {enough}");
        let value = most(&item);
        let mut echo = Echo::instance(&Echo::component(&whole));
        assert_eq!(echo.try_call(value.clone(), enough + BESIDES).as_ref(), Ok(&value), "{whole}: {enough}");
    }
}

#[test]
fn few_bytes_that_stand_for_much_fill_the_memory() {
    let whole = list(record(&[("is-available", Shape::Bool)]));
    assert_eq!(fuel([&whole].into_iter(), MAX_SIZE), MAX_MEMORY);
    assert_eq!(fuel([&Shape::U8, &Shape::Bool].into_iter(), MAX_SIZE), 0);
    let bytes = list(Shape::U8);
    let enough = fuel([&bytes].into_iter(), MAX_SIZE);
    assert_eq!(enough, MAX_SIZE * size_of::<Val>());
    let twice = Val::List(vec![Val::U8(7); 2 * MAX_SIZE]);
    let refused = Echo::instance(&Echo::component(&bytes)).try_call(twice, enough + BESIDES).unwrap_err();
    assert!(refused.contains("fuel allocated for hostcalls has been exhausted"), "{refused}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_value_needs_more_than_its_type_says((shape, value) in random::typed_value()) {
        let (whole, copies) = (list(shape.clone()), Val::List(vec![value; 50]));
        let enough = fuel([&whole].into_iter(), wire_size(&copies));
        let echoed = Echo::instance(&Echo::component(&whole)).try_call(copies.clone(), enough + BESIDES);
        prop_assert_eq!(echoed.as_ref(), Ok(&copies), "{}: {}", whole, enough);
    }
}
