//! How JSON describes values, what of it is refused, and in which words.

use serde_json::{Value, json};

use super::{list, option, record, words};
use crate::runtime::value::{
    ArgumentError, Problem, Shape, Signature, TooLarge, Val, arguments_from_json, from_json, result_to_json, to_json,
};

fn told(json: Value, shape: &Shape) -> String {
    from_json(&json, shape).unwrap_err().to_string()
}

fn there_and_back(json: Value, shape: &Shape) -> Value {
    to_json(&from_json(&json, shape).unwrap(), shape).unwrap()
}

fn result(ok: Option<Shape>, err: Option<Shape>) -> Shape {
    Shape::Result { ok: ok.map(Box::new), err: err.map(Box::new) }
}

fn reserve() -> Signature {
    let line = record(&[("sku", Shape::String), ("quantity", Shape::U32), ("note", option(Shape::String))]);
    let params =
        vec![("order".to_owned(), Shape::U64), ("item".to_owned(), line), ("hint".to_owned(), option(Shape::Bool))];
    Signature { name: "reserve".into(), is_async: false, params, result: Some(result(None, Some(Shape::String))) }
}

#[test]
fn a_value_is_described_otherwise_than_documented() {
    let variant = Shape::Variant(vec![("none".into(), None), ("some-of".into(), Some(Shape::U8))]);
    let same = [
        (json!(true), Shape::Bool),
        (json!(-7), Shape::S8),
        (json!("18446744073709551615"), Shape::U64),
        (json!("-9223372036854775808"), Shape::S64),
        (json!(0.1), Shape::F32),
        (json!(-0.5), Shape::F64),
        (json!("NaN"), Shape::F32),
        (json!("-Infinity"), Shape::F64),
        (json!("ß"), Shape::Char),
        (json!("aGVsbG8="), list(Shape::U8)),
        (json!("AQI="), Shape::FixedList(Box::new(Shape::U8), 2)),
        (json!([1, 2]), list(Shape::U16)),
        (json!([1, "a"]), Shape::Tuple(vec![Shape::U8, Shape::String])),
        (json!([["a", 1], ["a", 2]]), Shape::Map(Box::new((Shape::String, Shape::U8)))),
        (json!({"unit-price": 5, "tag": null}), record(&[("unit-price", Shape::U32), ("tag", option(Shape::Char))])),
        (json!({"ok": 1}), result(Some(Shape::U8), None)),
        (json!({"err": null}), result(Some(Shape::U8), None)),
        (json!("none"), variant.clone()),
        (json!({"some-of": 3}), variant),
        (json!("paid"), Shape::Enum(words(&["new", "paid"]))),
        (json!(["r", "x"]), Shape::Flags(words(&["r", "w", "x"]))),
        (json!(null), option(option(Shape::U8))),
        (json!({"some": null}), option(option(Shape::U8))),
        (json!({"some": 1}), option(option(Shape::U8))),
        (json!({"some": {"some": 1}}), option(option(option(Shape::U8)))),
    ];
    for (json, shape) in same {
        assert_eq!(there_and_back(json.clone(), &shape), json, "{shape}");
    }
}

#[test]
fn what_clients_in_other_languages_write_is_refused() {
    assert_eq!(there_and_back(json!(9_007_199_254_740_992_u64), &Shape::U64), json!("9007199254740992"));
    assert_eq!(there_and_back(json!(5.0), &Shape::U8), json!(5));
    assert_eq!(there_and_back(json!(5), &Shape::F64), json!(5.0));
    assert_eq!(there_and_back(json!({}), &record(&[("note", option(Shape::Bool))])), json!({"note": null}));
    assert_eq!(there_and_back(json!(["x", "r", "r"]), &Shape::Flags(words(&["r", "x"]))), json!(["r", "x"]));
}

#[test]
fn json_of_another_type_is_taken_or_refused_without_a_reason() {
    assert_eq!(told(json!("x"), &Shape::U32), "expected u32, got the string \"x\"");
    assert_eq!(told(json!(300), &Shape::U8), "expected u8 (0 to 255), got the number 300");
    assert_eq!(told(json!(1.5), &Shape::S16), "expected s16 (-32768 to 32767), got the number 1.5");
    assert_eq!(
        told(json!(9_007_199_254_740_993_u64), &Shape::U64),
        "expected u64, as a string or as a number up to 2^53, got the number 9007199254740993"
    );
    assert!(from_json(&json!("-1"), &Shape::U64).is_err());
    assert!(from_json(&json!("1e3"), &Shape::U64).is_err());
    assert!(from_json(&json!(1e39), &Shape::F32).is_err());
    assert!(from_json(&json!("nan"), &Shape::F64).is_err());
    assert_eq!(told(json!("ab"), &Shape::Char), "expected char: a string of one character, got the string \"ab\"");
    assert_eq!(told(json!([1, 2]), &list(Shape::U8)), "expected list<u8>, as base64, got an array of 2");
    assert!(told(json!("a"), &list(Shape::U8)).starts_with("expected base64 of bytes: "));
    assert!(from_json(&json!("aGVsbG8"), &list(Shape::U8)).is_err(), "without padding");
    assert!(from_json(&json!("_-=="), &list(Shape::U8)).is_err(), "another alphabet");
    let pair = Shape::Tuple(vec![Shape::U8, Shape::U8]);
    assert_eq!(told(json!([1]), &pair), "expected 2 elements, got 1");
    assert_eq!(told(json!({"a": 1}), &pair), "expected an array for tuple<u8, u8>, got an object with the field \"a\"");
    let states = Shape::Enum(words(&["new", "paid"]));
    assert_eq!(told(json!("piad"), &states), "unknown case \"piad\"; did you mean \"paid\"?");
    assert_eq!(told(json!(null), &states), "expected the name of a case of enum { new, paid }, got null");
    assert_eq!(
        told(json!({"ok": 1}), &result(None, None)),
        "ok: expected null, since it has no payload, got the number 1"
    );
    assert_eq!(told(json!({"some": 1}), &option(option(Shape::Bool))), "some: expected bool, got the number 1");
    assert_eq!(
        told(json!({"sum": 1}), &option(option(Shape::Bool))),
        "expected null or {\"some\": …} for option<option<bool>>, got an object with the field \"sum\""
    );
    assert_eq!(
        told(json!([["a", 1], ["b"]]), &Shape::Map(Box::new((Shape::String, Shape::U8)))),
        "element 2: expected a pair [key, value], got an array of 1"
    );
}

#[test]
fn an_error_does_not_point_at_its_argument() {
    let told = |json: Value| arguments_from_json(&json, &reserve()).unwrap_err().to_string();
    let field = "argument 2 (item): ";
    assert_eq!(
        told(json!(["1", {"sku": "a", "quantity": "x"}, null])),
        format!("{field}field \"quantity\": expected u32, got the string \"x\"")
    );
    assert_eq!(
        told(json!(["1", {"sku": "a", "quantty": 1}, null])),
        format!("{field}unknown field \"quantty\"; did you mean \"quantity\"?")
    );
    assert_eq!(
        told(json!(["1", {"sku": "a", "quantity": 1, "colour": 1}, null])),
        format!("{field}unknown field \"colour\"")
    );
    assert_eq!(told(json!(["1", {"sku": "a"}, null])), format!("{field}field \"quantity\" is missing; it is u32"));
    assert_eq!(told(json!(["1"])), "expected 3 arguments, got 1");
    assert_eq!(told(json!({"order": "1", "iten": {}})), "unknown argument \"iten\"; did you mean \"item\"?");
    assert_eq!(told(json!({"item": {}})), "argument \"order\" is missing; it is u64");
    assert!(told(json!("1")).starts_with("expected an array of the arguments of reserve: func("));
}

#[test]
fn arguments_cannot_be_given_by_name() {
    let line = json!({"sku": "a", "quantity": 1});
    let by_name = arguments_from_json(&json!({"item": line, "order": 1}), &reserve()).unwrap();
    assert_eq!(by_name, arguments_from_json(&json!([1, line, null]), &reserve()).unwrap());
    let failed = Val::Result(Err(Some(Box::new(Val::String("sold out".into())))));
    assert_eq!(result_to_json(Some(&failed), &reserve()).unwrap(), json!({"err": "sold out"}));
    assert!(result_to_json(None, &reserve()).is_err());
}

#[test]
fn a_little_json_fills_the_memory() {
    let name = "x".repeat(1000);
    let fields: Vec<_> = (0..100).map(|at| (format!("{name}{at}"), option(Shape::U8))).collect();
    let many = Value::Array(vec![json!({}); 10_000]);
    let error = from_json(&many, &list(Shape::Record(fields))).unwrap_err();
    assert_eq!(error, ArgumentError { path: error.path.clone(), problem: Problem::TooLarge(TooLarge::Memory) });
    let long = json!("x".repeat((1 << 20) + 1));
    assert!(matches!(from_json(&long, &Shape::String).unwrap_err().problem, Problem::TooLarge(TooLarge::Bytes(_))));
}
