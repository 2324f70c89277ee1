//! Values, written by one library and read by the other.

use proptest::prelude::*;
use prost_reflect::prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage};
use serde_json::{Value, json};

use super::*;
use crate::grpc::Method;
use crate::runtime::value::{Val, from_json, to_json};

/// Every kind of field at once.
const KINDS: &str = "
    message In { Kinds kinds = 1; }
    message Out { Kinds kinds = 1; }
    message Kinds {
        bool truth = 1; int32 small = 2; sint32 zigzag = 3; uint64 big = 4; sfixed64 fixed = 5; float f = 6; double d = 7;
        string text = 8; bytes raw = 9; string letter = 10; optional uint32 maybe = 11; Color color = 12;
        repeated uint32 numbers = 13; repeated string words = 14; map<string, Item> items = 15; Item item = 16;
        repeated Item list = 17; oneof choice { string name = 18; Item thing = 19; google.protobuf.Empty nothing = 20; }
        optional Color shade = 21; Flags flags = 22; Pair pair = 23; Rows rows = 24; Either either = 25; repeated Color colors = 26;
        Item maybe_item = 27;
    }
    message Item { string sku = 1; uint32 quantity = 2; }
    message Flags { bool can_read = 1; bool can_write = 2; }
    message Pair { string first = 1; int64 second = 2; }
    message Rows { repeated Row rows = 1; }
    message Row { repeated int32 cells = 1; }
    message Either { oneof either { string ok = 1; google.protobuf.Empty err = 2; } }
    enum Color { COLOR_UNSPECIFIED = 0; COLOR_RED = 1; COLOR_DARK_BLUE = 2; }
";

fn kinds() -> Shape {
    let item = record(&[("sku", Shape::String), ("quantity", Shape::U16)]);
    let color = Shape::Enum(vec!["red".into(), "dark-blue".into()]);
    let choice = Shape::Variant(vec![
        ("name".into(), Some(Shape::String)),
        ("thing".into(), Some(item.clone())),
        ("nothing".into(), None),
    ]);
    record(&[
        ("truth", Shape::Bool),
        ("small", Shape::S8),
        ("zigzag", Shape::S32),
        ("big", Shape::U64),
        ("fixed", Shape::S64),
        ("f", Shape::F32),
        ("d", Shape::F64),
        ("text", Shape::String),
        ("raw", list(Shape::U8)),
        ("letter", Shape::Char),
        ("maybe", option(Shape::U32)),
        ("color", color.clone()),
        ("numbers", list(Shape::U32)),
        ("words", list(Shape::String)),
        ("items", list(Shape::Tuple(vec![Shape::String, item.clone()]))),
        ("item", item.clone()),
        ("list", list(item.clone())),
        ("choice", choice),
        ("shade", option(color.clone())),
        ("flags", Shape::Flags(vec!["can-read".into(), "can-write".into()])),
        ("pair", Shape::Tuple(vec![Shape::String, Shape::S64])),
        ("rows", list(list(Shape::S32))),
        ("either", Shape::Result { ok: Some(Box::new(Shape::String)), err: None }),
        ("colors", list(color)),
        ("maybe-item", option(item)),
    ])
}

/// In the JSON of WIT, and in that of proto.
fn examples() -> Vec<(Value, Value)> {
    let wit = json!({
        "truth": true, "small": -128, "zigzag": -7, "big": "18446744073709551615", "fixed": "-9223372036854775808",
        "f": 1.5, "d": -0.0, "text": "ü", "raw": "AAH/", "letter": "ß", "maybe": 0, "color": "dark-blue",
        "numbers": [0, 1, 4294967295_u32], "words": ["", "a"], "items": [["tea", {"sku": "t", "quantity": 2}]],
        "item": {"sku": "", "quantity": 0}, "list": [{"sku": "a", "quantity": 65535}, {"sku": "", "quantity": 0}],
        "choice": {"thing": {"sku": "x", "quantity": 1}}, "shade": "red", "flags": ["can-write"], "pair": ["p", "-1"],
        "rows": [[1, -2], []], "either": {"err": null}, "colors": ["red", "dark-blue"], "maybe-item": {"sku": "", "quantity": 0},
    });
    let proto = json!({
        "truth": true, "small": -128, "zigzag": -7, "big": "18446744073709551615", "fixed": "-9223372036854775808",
        "f": 1.5, "d": -0.0, "text": "ü", "raw": "AAH/", "letter": "ß", "maybe": 0, "color": "COLOR_DARK_BLUE",
        "numbers": [0, 1, 4294967295_u32], "words": ["", "a"], "items": {"tea": {"sku": "t", "quantity": 2}},
        "item": {}, "list": [{"sku": "a", "quantity": 65535}, {}], "thing": {"sku": "x", "quantity": 1},
        "shade": "COLOR_RED", "flags": {"canWrite": true}, "pair": {"first": "p", "second": "-1"},
        "rows": {"rows": [{"cells": [1, -2]}, {}]}, "either": {"err": {}}, "colors": ["COLOR_RED", "COLOR_DARK_BLUE"],
        "maybeItem": {},
    });
    let least_wit = json!({
        "truth": false, "small": 0, "zigzag": 0, "big": "0", "fixed": "0", "f": 0.0, "d": 0.0, "text": "", "raw": "",
        "letter": "a", "maybe": null, "color": "red", "numbers": [], "words": [], "items": [],
        "item": {"sku": "", "quantity": 0}, "list": [], "choice": "nothing", "shade": null, "flags": [], "pair": ["", "0"],
        "rows": [], "either": {"ok": ""}, "colors": [], "maybe-item": null,
    });
    let least_proto = json!({
        "letter": "a", "color": "COLOR_RED", "item": {}, "nothing": {}, "flags": {}, "pair": {}, "rows": {}, "either": {"ok": ""},
    });
    vec![(wit, proto), (least_wit, least_proto)]
}

fn method() -> (Arc<Method>, DescriptorPool) {
    let result = record(&[("kinds", kinds())]);
    let pairing = pair(KINDS, &[("kinds", kinds())], Some(result)).unwrap_or_else(|problems| panic!("{problems:#?}"));
    let files = pairing.schema.file("t.proto").unwrap();
    let mut pool = DescriptorPool::new();
    for file in files.iter().rev() {
        pool.decode_file_descriptor_proto(file.as_slice()).unwrap();
    }
    (pairing.methods["Do"].clone(), pool)
}

fn dynamic(pool: &DescriptorPool, name: &str, json: Value) -> DynamicMessage {
    DynamicMessage::deserialize(pool.get_message_by_name(name).unwrap(), json).unwrap()
}

#[test]
fn another_library_reads_something_else() {
    let (method, pool) = method();
    for (wit, proto) in examples() {
        let message = dynamic(&pool, "t.In", json!({"kinds": proto}));
        let arguments = method.arguments(&message.encode_to_vec()).unwrap_or_else(|wrong| panic!("{wrong}"));
        assert_eq!(to_json(&arguments[0], &kinds()).unwrap(), wit);
        let value = Val::Record(vec![("kinds".into(), from_json(&wit, &kinds()).unwrap())]);
        let messages = method.messages(Some(&value)).unwrap();
        let read = DynamicMessage::decode(pool.get_message_by_name("t.Out").unwrap(), messages[0].as_slice()).unwrap();
        assert_eq!(read, dynamic(&pool, "t.Out", json!({"kinds": proto})));
    }
}

#[test]
fn a_value_that_wit_does_not_have_gets_through_or_does_not_say_where() {
    let (method, pool) = method();
    let base = examples().remove(1).1;
    for (field, value, expected) in [
        ("small", json!(128), "kinds.small: 128 is out of the range of s8"),
        ("letter", json!("ab"), "kinds.letter: it must be one character"),
        ("letter", Value::Null, "kinds.letter: it must be one character"),
        ("color", json!(0), "kinds.color: it is missing"),
        ("color", json!(7), "kinds.color: 7 is none of its values"),
        ("item", Value::Null, "kinds.item: it is missing"),
        ("nothing", Value::Null, "kinds.choice: none of its cases is set, or none that is known here"),
        ("list", json!([{}, {"quantity": 65536}]), "kinds.list[1].quantity: 65536 is out of the range of u16"),
        ("either", json!({}), "kinds.either: none of its cases is set, or none that is known here"),
    ] {
        let mut proto = base.clone();
        match value {
            Value::Null => drop(proto.as_object_mut().unwrap().remove(field)),
            value => proto[field] = value,
        }
        let message = dynamic(&pool, "t.In", json!({"kinds": proto}));
        assert_eq!(method.arguments(&message.encode_to_vec()).unwrap_err().to_string(), expected, "{field}");
    }
}

#[test]
fn parts_of_a_message_are_lost_or_an_unknown_field_ends_the_call() {
    let result = Some(record(&[("a", Shape::String)]));
    let params = [("item", record(&[("sku", Shape::String), ("quantity", Shape::U32)])), ("n", list(Shape::U32))];
    let text = "message In { Item item = 1; repeated uint32 n = 2; } message Item { string sku = 1; uint32 quantity = 2; } message Out { string a = 1; }";
    let pairing = pair(text, &params, result).unwrap();
    let method = &pairing.methods["Do"];
    let bytes = [
        &[0x0a, 3, 0x0a, 1, b'x'][..], // item { sku: "x" }
        &[0x10, 1],                    // n, one by one
        &[0x0a, 2, 0x10, 7],           // item { quantity: 7 }
        &[0x12, 2, 2, 3],              // n, packed
        &[0x3a, 1, 0],                 // field 7, which nobody knows
    ]
    .concat();
    let arguments = method.arguments(&bytes).unwrap();
    let json: Vec<Value> =
        params.iter().zip(&arguments).map(|((_, shape), value)| to_json(value, shape).unwrap()).collect();
    assert_eq!(json, [json!({"sku": "x", "quantity": 7}), json!([1, 2, 3])]);
    for broken in [&[0x0a][..], &[0x0a, 5, 1], &[0x00, 1], &[0x0b], &[0x12, 1, 0x80], &[0xff; 11]] {
        assert!(method.arguments(broken).is_err(), "{broken:?}");
    }
}

#[test]
fn a_small_message_takes_all_memory() {
    let text = "message In { repeated uint32 n = 1; } message Out {}";
    let pairing = pair(text, &[("n", list(Shape::U32))], None).unwrap();
    let mut bytes = Vec::new();
    crate::grpc::put_bytes(1, &vec![0; 4 << 20], &mut bytes);
    let wrong = pairing.methods["Do"].arguments(&bytes).unwrap_err();
    assert!(wrong.why.contains("bytes of memory"), "{wrong}");
}

proptest! {
    #[test]
    fn some_bytes_end_the_host(bytes in prop::collection::vec(any::<u8>(), 0..64), from in 0_usize..400, to in any::<u8>()) {
        let (method, pool) = method();
        let _ = method.arguments(&bytes);
        let mut message = dynamic(&pool, "t.In", json!({"kinds": examples().remove(0).1})).encode_to_vec();
        let at = from % message.len();
        message[at] = to;
        let _ = method.arguments(&message);
    }
}
