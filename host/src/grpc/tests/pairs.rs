//! What fits, and what is said of what does not.

use super::*;
use crate::grpc::Streaming;

fn refusal(messages: &str, params: &[(&str, Shape)], result: Option<Shape>) -> String {
    pair(messages, params, result).map(drop).unwrap_err().join("\n")
}

#[test]
fn a_service_of_the_document_does_not_fit_its_function() {
    let user = record(&[("user-id", Shape::String), ("email", Shape::String), ("name", Shape::String)]);
    let failure = Shape::Variant(vec![("not-found".into(), None)]);
    let result = |ok: Shape| Some(Shape::Result { ok: Some(Box::new(ok)), err: Some(Box::new(failure.clone())) });
    let get = Signature { result: result(user.clone()), ..(*function(&[("user-id", Shape::String)], None)).clone() };
    let all = Signature { name: "list-users".into(), result: result(list(user)), ..(*function(&[], None)).clone() };
    let functions = [Arc::new(Signature { name: "get-user".into(), ..get }), Arc::new(all)];
    let text = include_str!("../../../../examples/shop/user.proto");
    let schema = of_text("user.proto", text).unwrap();
    let pairing = Pairing::new(schema, "user.UserService", "shop:users/directory@1.0.0", &functions).unwrap();
    let names: Vec<_> = pairing.methods.iter().map(|(name, method)| (name.as_str(), method.streaming)).collect();
    assert_eq!(names, [("GetUser", Streaming::One), ("ListUsers", Streaming::Many)]);
    assert_eq!(pairing.schema.file_of("user.UserService.GetUser").unwrap().len(), 1);
    assert!(pairing.schema.file_of("user.Nothing").is_none() && pairing.schema.file("user.proto").is_some());
}

#[test]
fn a_wrong_pair_is_found_out_by_the_first_client() {
    const OUT: &str = "message Out {}";
    let text = |fields: &str| format!("message In {{ {fields} }} {OUT}");
    for (fields, params, expected) in [
        (
            "string a = 1;",
            vec![("a", Shape::U32)],
            "S.Do: request In: t.In.a: it is string here and u32 in WIT; write `uint32`",
        ),
        ("int64 a = 1;", vec![("a", Shape::S32)], "it is int64 here and s32 in WIT; write `int32`"),
        (
            "string a = 1; string b = 2;",
            vec![("a", Shape::String)],
            "S.Do: request In: t.In.b: WIT has no such field; there are a",
        ),
        (
            "",
            vec![("a", Shape::String)],
            "S.Do: request In: In has no field for `a`, which is string and cannot be left away",
        ),
        (
            "string a = 1;",
            vec![("a", option(Shape::String))],
            "proto3 cannot tell whether it is there; write `optional` in front of it",
        ),
        ("repeated string a = 1;", vec![("a", Shape::String)], "it is repeated, which is a list in WIT"),
        ("string a = 1;", vec![("a", list(Shape::String))], "write `repeated`"),
        (
            "map<string, string> a = 1;",
            vec![("a", list(Shape::String))],
            "it is a map, which is a map or a list of pairs in WIT",
        ),
        (
            "E a = 1; enum E { NONE = 0; RED = 1; BLUE = 2; }",
            vec![("a", Shape::Enum(vec!["red".into()]))],
            "a: BLUE: the enum in WIT has no such case",
        ),
        (
            "E a = 1; enum E { NONE = 0; }",
            vec![("a", Shape::Enum(vec!["red".into()]))],
            "a: E has no value for the case `red`",
        ),
        (
            "oneof a { string x = 1; }",
            vec![("a", Shape::Variant(vec![("y".into(), Some(Shape::String))]))],
            "t.In.x: the variant has no such case",
        ),
        ("oneof a { string x = 1; }", vec![("a", Shape::String)], "it is a oneof, which is a variant in WIT"),
        (
            "oneof a { string x = 1; }",
            vec![("a", Shape::Variant(vec![("x".into(), None)]))],
            "the case has no payload, which is a message without fields",
        ),
        (
            "M a = 1; message M { uint32 b = 1; }",
            vec![("a", record(&[("b", Shape::String)]))],
            "a: t.In.M.b: it is uint32 here and string in WIT",
        ),
        (
            "M a = 1; message M { string b = 1; bool c = 2; }",
            vec![("a", Shape::String)],
            "a: M has 2 fields, and string fits into a message with one",
        ),
    ] {
        let found = refusal(&text(fields), &params, None);
        assert!(found.contains(expected), "{fields}: {found}");
    }
    let found = refusal("message In {} message Out { string a = 1; }", &[], None);
    assert!(found.contains("response Out: do gives nothing, so its message has no fields"), "{found}");
    let other = Pairing::new(schema("message In {} message Out {}"), "t.T", "t:t/s", &[]).unwrap_err();
    assert_eq!(other, ["the proto file has no service t.T; it has t.S"]);
    let none = Pairing::new(schema("message In {} message Out {}"), "t.S", "t:t/s", &[]).unwrap_err();
    assert!(none[0].starts_with("S.Do: t:t/s has no such function"), "{none:?}");
}

#[test]
fn a_stream_that_no_function_gives_is_accepted() {
    let stream = |rpc: &str, result: Shape| {
        let text = format!(
            "syntax = \"proto3\"; package t; service S {{ rpc Do {rpc}; }} message In {{}} message Out {{ string a = 1; }}"
        );
        let schema = of_text("t.proto", &text).unwrap();
        Pairing::new(schema, "t.S", "t:t/s", &[function(&[], Some(result))])
            .map(drop)
            .map_err(|problems| problems.join("\n"))
    };
    assert_eq!(stream("(In) returns (stream Out)", list(Shape::String)), Ok(()));
    let single = stream("(In) returns (stream Out)", Shape::String).unwrap_err();
    assert!(single.contains("a stream is a list in WIT, and do gives string"), "{single}");
    let client = stream("(stream In) returns (Out)", Shape::String).unwrap_err();
    assert!(client.contains("a function takes one message"), "{client}");
}

#[test]
fn a_file_that_is_none_ends_the_host() {
    assert!(of_text("t.proto", "syntax = \"proto3\"; message {").is_err());
    assert!(of_text("t.proto", "syntax = \"proto3\"; import \"other.proto\";").is_err());
    assert!(Schema::decode("AAAA").is_err() && Schema::decode("not base64!").is_err());
}
