//! Files made from functions: they are files, they pair with what they are made from, and their numbers last.

use holm_registry::catalog::FieldNumbers;
use proptest::prelude::*;

use super::*;
use crate::grpc::generate;

fn made(function: &Arc<Signature>, numbers: &mut FieldNumbers) -> String {
    generate("t.u.S", "t:u/s@1.0.0", std::slice::from_ref(function), numbers)
}

fn paired(text: &str, function: &Arc<Signature>) -> Result<Pairing, Vec<String>> {
    let schema = of_text("t/u/S.proto", text).map_err(|error| vec![error.to_string()])?;
    Pairing::new(schema, "t.u.S", "t:u/s", std::slice::from_ref(function))
}

#[test]
fn a_file_looks_like_nothing_that_a_person_would_write() {
    let item = record(&[("sku", Shape::String), ("note-of", option(Shape::String))]);
    let kind = Shape::Enum(vec!["in-stock".into(), "gone".into()]);
    let failure = Shape::Variant(vec![("too-few".into(), None)]);
    let price = Shape::Variant(vec![("cents".into(), Some(Shape::U64)), ("free".into(), None)]);
    let told = record(&[("kind", kind), ("price", price), ("both", Shape::Tuple(vec![Shape::U8, Shape::Bool]))]);
    let result = Shape::Result { ok: Some(Box::new(told)), err: Some(Box::new(failure)) };
    let function = function(&[("user-id", Shape::String), ("items", list(item))], Some(result));
    let text = made(&function, &mut FieldNumbers::default());
    assert_eq!(
        text,
        r#"// Made by Holm from t:u/s@1.0.0. Fields keep their numbers when the interface changes.
syntax = "proto3";

package t.u;

import "google/protobuf/empty.proto";

service S {
  rpc Do (DoRequest) returns (DoResponse);
}

message DoRequest {
  string user_id = 1;
  message Items {
    string sku = 1;
    optional string note_of = 2;
  }
  repeated Items items = 2;
}
message DoResponse {
  enum Kind {
    KIND_UNSPECIFIED = 0;
    KIND_IN_STOCK = 1;
    KIND_GONE = 2;
  }
  Kind kind = 1;
  message Price {
    oneof case {
      uint64 cents = 1;
      .google.protobuf.Empty free = 2;
    }
  }
  Price price = 2;
  message Both {
    uint32 f0 = 1;
    bool f1 = 2;
  }
  Both both = 3;
}
"#
    );
    paired(&text, &function).unwrap();
}

#[test]
fn a_client_of_an_earlier_revision_is_misunderstood() {
    let mut numbers = FieldNumbers::default();
    let first = function(&[("a", Shape::U8), ("b", Shape::String)], None);
    let before = made(&first, &mut numbers);
    let second = function(&[("b", Shape::String), ("c", option(Shape::Bool)), ("a", Shape::U64)], None);
    let after = made(&second, &mut numbers);
    for line in ["string b = 2;", "optional bool c = 3;", "uint64 a = 4;", "reserved 1;"] {
        assert!(after.contains(line), "{after}");
    }
    // field b as the first client sends it
    let sent = [0x12, 1, b'x'];
    let read = paired(&after, &second).unwrap().methods["Do"].arguments(&sent).unwrap();
    assert_eq!(read.first(), Some(&crate::runtime::value::Val::String("x".into())));
    assert_eq!(made(&first, &mut numbers).replace("  reserved 3, 4;\n", ""), before);
}

#[test]
fn the_elements_of_a_tuple_change_places() {
    let mut numbers = FieldNumbers::default();
    let of = |first: Shape| function(&[("a", Shape::Tuple(vec![first, Shape::U8]))], None);
    made(&of(Shape::U8), &mut numbers);
    let text = made(&of(Shape::Bool), &mut numbers);
    assert!(text.contains("bool f0 = 3;") && text.contains("uint32 f1 = 4;"), "{text}");
    paired(&text, &of(Shape::Bool)).unwrap();
}

/// Any type that may leave its island, but for lists of a fixed length.
fn shape() -> impl Strategy<Value = Shape> {
    let name = || prop::sample::subsequence(vec!["a", "b-c", "value", "case", "message", "f0"], 1..4);
    let leaf = prop::sample::select(vec![
        Shape::Bool,
        Shape::S8,
        Shape::U16,
        Shape::U32,
        Shape::S64,
        Shape::F32,
        Shape::F64,
        Shape::Char,
        Shape::String,
        list(Shape::U8),
        Shape::Enum(vec!["x".into(), "y-z".into()]),
        Shape::Flags(vec!["x".into(), "y-z".into()]),
    ]);
    leaf.prop_recursive(4, 24, 3, move |inner| {
        let some = inner.clone().prop_map(Some).boxed();
        prop_oneof![
            inner.clone().prop_map(list),
            inner.clone().prop_map(option),
            inner.clone().prop_map(|value| Shape::Map(Box::new((Shape::String, value)))),
            prop::collection::vec(inner.clone(), 1..3).prop_map(Shape::Tuple),
            (name(), prop::collection::vec(inner.clone(), 3)).prop_map(|(names, shapes)| {
                Shape::Record(names.into_iter().map(str::to_owned).zip(shapes).collect())
            }),
            (name(), prop::collection::vec(prop::option::of(inner.clone()), 3)).prop_map(|(names, shapes)| {
                Shape::Variant(names.into_iter().map(str::to_owned).zip(shapes).collect())
            }),
            (some.clone(), some).prop_map(|(ok, err)| Shape::Result { ok: ok.map(Box::new), err: err.map(Box::new) }),
        ]
    })
}

proptest! {
    #[test]
    fn a_file_does_not_pair_with_what_it_was_made_from(given in shape(), told in shape(), later in shape()) {
        let mut numbers = FieldNumbers::default();
        for (given, told) in [(&given, &told), (&later, &given), (&told, &later)] {
            let function = function(&[("given", given.clone())], Some(told.clone()));
            let text = made(&function, &mut numbers);
            let pairing = paired(&text, &function);
            prop_assert!(pairing.is_ok(), "{}\n{text}", pairing.unwrap_err().join("\n"));
        }
    }
}
