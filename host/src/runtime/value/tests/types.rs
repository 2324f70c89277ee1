//! Shapes against the engine's own types: is what we made of them right, who is refused, how differences read.

use proptest::prelude::*;
use wasm_encoder::PrimitiveValType;

use super::component::{Side, Types, function};
use super::{list, option, random, record, words};
use crate::runtime::value::{MAX_DEPTH, Shape, Signature};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_signature_is_not_what_the_component_has(signature in random::signature()) {
        let read = Signature::of("f", &function(&signature)).unwrap();
        prop_assert_eq!(read.to_string(), signature.to_string());
        prop_assert_eq!(&read, &signature);
        prop_assert!(read.check_same(&signature).is_ok());
    }

    #[test]
    fn two_different_types_pass_for_the_same(there in random::shape(), here in random::shape()) {
        let (there, here) = (takes("item", there), takes("item", here));
        prop_assert_eq!(here.check_same(&there).is_ok(), here == there);
    }
}

fn takes(param: &str, shape: Shape) -> Signature {
    Signature { name: "check-availability".into(), is_async: false, params: vec![(param.into(), shape)], result: None }
}

fn difference(there: &Signature, here: &Signature) -> String {
    here.check_same(there).unwrap_err().to_string()
}

#[test]
fn a_function_cannot_be_read_in_a_message() {
    let line = record(&[("sku", Shape::String), ("quantity", Shape::U32)]);
    let cases = vec![("out-of-stock".into(), None), ("unknown".into(), Some(Shape::String))];
    let signature = Signature {
        name: "reserve".into(),
        is_async: true,
        params: vec![("lines".into(), list(line)), ("note".into(), option(Shape::Char))],
        result: Some(Shape::Result { ok: None, err: Some(Box::new(Shape::Variant(cases))) }),
    };
    assert_eq!(
        signature.to_string(),
        "reserve: async func(lines: list<record { sku: string, quantity: u32 }>, note: option<char>) \
         -> result<_, variant { out-of-stock, unknown(string) }>"
    );
    let long = Shape::Enum((0..100).map(|at| format!("case-{at}")).collect());
    assert!(long.brief().chars().count() < 90 && long.brief().ends_with('…'), "{}", long.brief());
}

#[test]
fn a_difference_does_not_say_where_it_is() {
    let item =
        |quantity| takes("item", Shape::List(Box::new(record(&[("sku", Shape::String), ("quantity", quantity)]))));
    assert_eq!(
        difference(&item(Shape::U32), &item(Shape::U64)),
        "check-availability: parameter item: element: field \"quantity\" is u32 there, u64 here"
    );
    let renamed = takes("it", record(&[]));
    assert_eq!(
        difference(&renamed, &takes("item", record(&[]))),
        "check-availability: has a parameter \"it\" there, none here; has no parameter \"item\" there, one here"
    );
    let (first, second) = (takes("m", Shape::Enum(words(&["a", "b"]))), takes("m", Shape::Enum(words(&["b", "a"]))));
    assert_eq!(
        difference(&first, &second),
        "check-availability: parameter m has its cases in the order (a, b) there, (b, a) here"
    );
    let gives = Signature { result: Some(Shape::Bool), is_async: true, ..first.clone() };
    assert_eq!(
        difference(&gives, &first),
        "check-availability: is an async func there, a func here; result is bool there, nothing here"
    );
}

#[test]
fn a_difference_deep_in_a_type_is_overlooked() {
    let fixed = |length| Shape::FixedList(Box::new(Shape::U8), length);
    let map = |value| Shape::Map(Box::new((Shape::String, value)));
    let result = |err| Shape::Result { ok: Some(Box::new(Shape::Bool)), err };
    let variant = |payload| Shape::Variant(vec![("none".into(), None), ("some-of".into(), payload)]);
    let told = [
        (fixed(2), fixed(3), "parameter x is list<u8, 2> there, list<u8, 3> here"),
        (list(Shape::U8), fixed(3), "parameter x is list<u8> there, list<u8, 3> here"),
        (map(Shape::U8), map(Shape::S8), "parameter x: value is u8 there, s8 here"),
        (option(Shape::F32), option(Shape::F64), "parameter x: some is f32 there, f64 here"),
        (result(None), result(Some(Box::new(Shape::Char))), "parameter x: err is nothing there, char here"),
        (variant(None), variant(Some(Shape::U8)), "parameter x: case \"some-of\" is nothing there, u8 here"),
        (
            Shape::Tuple(vec![Shape::U8, Shape::Bool]),
            Shape::Tuple(vec![Shape::U8, Shape::Char]),
            "parameter x: element 2 is bool there, char here",
        ),
        (
            Shape::Flags(words(&["r", "w"])),
            Shape::Flags(words(&["r"])),
            "parameter x has a flag \"w\" there, none here",
        ),
        (Shape::Tuple(vec![Shape::U8]), Shape::U8, "parameter x is tuple<u8> there, u8 here"),
    ];
    for (there, here, expected) in told {
        let text = difference(&takes("x", there), &takes("x", here));
        assert_eq!(text, format!("check-availability: {expected}"));
    }
}

#[test]
fn a_handle_leaves_its_island() {
    let refusal = |build: fn(&mut Types) -> wasm_encoder::ComponentValType| {
        let mut types = Types::new(Side::Imports);
        let inner = build(&mut types);
        let body = types.named(|ty| ty.record([("body", inner)]));
        let result = types.plain(|ty| ty.result(Some(body), None));
        let func = types.function(false, &[("key", PrimitiveValType::String.into())], Some(result));
        Signature::of("get-blob", &func).unwrap_err().to_string()
    };
    let told = |what: &str| {
        format!(
            "get-blob: result: ok: field \"body\": {what} cannot leave its island; \
             pass values: records, lists, strings, …"
        )
    };
    assert_eq!(refusal(|types| types.plain(|ty| ty.stream(Some(PrimitiveValType::U8.into())))), told("a stream"));
    assert_eq!(refusal(|types| types.plain(|ty| ty.future(None))), told("a future"));
    assert_eq!(refusal(|_| PrimitiveValType::ErrorContext.into()), told("an error-context"));
    assert_eq!(
        refusal(|types| {
            let resource = resource(types);
            types.plain(|ty| ty.own(resource))
        }),
        told("a resource")
    );
}

/// The index of an imported resource.
fn resource(types: &mut Types) -> u32 {
    let any = wasm_encoder::ComponentTypeRef::Type(wasm_encoder::TypeBounds::SubResource);
    types.builder.import("blob", any)
}

#[test]
fn a_borrowed_resource_leaves_its_island() {
    let mut types = Types::new(Side::Imports);
    let resource = resource(&mut types);
    let blob = types.plain(|ty| ty.borrow(resource));
    let func = types.function(false, &[("blob", blob)], None);
    let told = Signature::of("read", &func).unwrap_err().to_string();
    assert!(told.starts_with("read: parameter blob: a borrowed resource cannot leave its island"), "{told}");
}

#[test]
fn a_type_is_nested_deeper_than_its_json_can_be() {
    let nested = |levels: usize| {
        let mut types = Types::new(Side::Imports);
        let mut ty = PrimitiveValType::U8.into();
        for _ in 1..levels {
            ty = types.plain(|encoder| encoder.list(ty));
        }
        Signature::of("f", &types.function(false, &[("x", ty)], None))
    };
    assert!(nested(MAX_DEPTH).is_ok());
    let told = nested(MAX_DEPTH + 1).unwrap_err().to_string();
    assert!(told.contains("nested deeper than 60 levels"), "{told}");
}

#[test]
fn a_small_component_names_a_type_that_fills_the_memory() {
    let mut types = Types::new(Side::Imports);
    let mut ty = PrimitiveValType::U8.into();
    for _ in 0..16 {
        ty = types.plain(|encoder| encoder.tuple([ty, ty]));
    }
    let told = Signature::of("f", &types.function(false, &[("x", ty)], None)).unwrap_err().to_string();
    assert!(told.contains("more than 10000 parts"), "{told}");
}

#[test]
fn a_long_name_stands_in_memory_a_thousand_times() {
    let mut types = Types::new(Side::Imports);
    let named = types.define(&record(&[(&"x".repeat(10_000), Shape::Bool)]));
    let many = types.plain(|encoder| encoder.tuple(vec![named; 1000]));
    let told = Signature::of("f", &types.function(false, &[("x", many)], None)).unwrap_err().to_string();
    assert!(told.contains("more than 10000 parts"), "{told}");
}
