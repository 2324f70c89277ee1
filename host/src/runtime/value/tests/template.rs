//! Templates in the place of what a function gives: which of them always fit, and how the others are refused.

use holm_registry::template::Template;
use serde_json::{Value, json};

use super::{list, option, record, words};
use crate::runtime::value::{Shape, Signature, check_template};

/// A function with one parameter of many a type.
fn function(result: Option<Shape>) -> Signature {
    let user = record(&[("id", Shape::U32), ("name", Shape::String), ("nick", option(Shape::String))]);
    let params = [
        ("id", Shape::String),
        ("count", Shape::U32),
        ("total", Shape::U64),
        ("note", option(Shape::String)),
        ("user", user),
        ("tags", list(Shape::String)),
        ("users", list(record(&[("id", Shape::U32)]))),
        ("pair", Shape::Tuple(vec![Shape::U8, Shape::String])),
        ("state", Shape::Enum(words(&["new", "paid"]))),
        ("data", list(Shape::U8)),
    ];
    let params = params.into_iter().map(|(name, shape)| (name.to_owned(), shape)).collect();
    Signature { name: "get".into(), is_async: false, params, result }
}

fn check(template: Value, result: &Shape) -> Result<(), String> {
    let template = Template::parse(template).unwrap();
    check_template(&template, &function(Some(result.clone()))).map_err(|error| error.to_string())
}

fn answer(ok: Shape, err: Shape) -> Shape {
    Shape::Result { ok: Some(Box::new(ok)), err: Some(Box::new(err)) }
}

#[test]
fn a_template_that_always_fits_is_refused() {
    let user = record(&[("id", Shape::String), ("name", Shape::String), ("nick", option(Shape::String))]);
    let state = Shape::Variant(vec![("new".into(), None), ("paid".into(), None), ("lost".into(), Some(Shape::String))]);
    for (template, result) in [
        (json!({"id": "{id}", "name": "Unknown User"}), &user),
        (json!({"id": "{id}", "name": "{user.name}", "nick": "{note}"}), &user),
        (
            json!({"ok": {"id": "{total}", "name": "{count} of {tags} {note} {pair}{data}"}}),
            &answer(user.clone(), Shape::U8),
        ),
        (json!({"err": "{state}"}), &answer(Shape::U8, state.clone())),
        (json!({"lost": "a {{brace}} and {id}"}), &state),
        (json!("{state}"), &Shape::String),
        (json!("{{state}}"), &option(Shape::String)),
        (json!("{user}"), &record(&[("id", Shape::U64), ("name", Shape::String), ("nick", option(Shape::String))])),
        (json!("{pair.0}"), &Shape::U16),
        (json!(["{count}", 7, "{user.id}"]), &list(Shape::F64)),
        (json!("{data}"), &list(Shape::U8)),
        (json!("aGVsbG8="), &list(Shape::U8)),
        (json!("{note}"), &option(Shape::String)),
        (json!(null), &option(Shape::U8)),
        (json!({"some": "{note}"}), &option(option(Shape::String))),
    ] {
        assert_eq!(check(template.clone(), result), Ok(()), "{template} for {result}");
    }
    let nothing = |json: Value| {
        check_template(&Template::parse(json).unwrap(), &function(None)).map_err(|error| error.to_string())
    };
    assert_eq!((nothing(json!({})), nothing(json!(null))), (Ok(()), Ok(())));
    assert_eq!(nothing(json!(1)), Err("result: expected {}, since it gives nothing, got the number 1".into()));
}

#[test]
fn a_template_that_does_not_always_fit_is_found_out_by_a_caller() {
    let user = record(&[("id", Shape::U32), ("name", Shape::String)]);
    let nowhere = "leads nowhere: no";
    for (template, result, expected) in [
        (json!({"id": "{id}", "name": ""}), &user, "field \"id\": expected u32, got `{id}`, which is string"),
        (json!({"id": "{total}", "name": ""}), &user, "field \"id\": expected u32, got `{total}`, which is u64"),
        (
            json!({"id": 1, "name": "{idd}"}),
            &user,
            "field \"name\": `{idd}` is no parameter of the function; did you mean `{id}`?",
        ),
        (
            json!({"id": 1, "name": "{note}"}),
            &user,
            "field \"name\": expected string, got `{note}`, which is option<string>",
        ),
        (
            json!({"id": 1, "name": "Mr {user}"}),
            &user,
            "field \"name\": expected string, got `{user}`, which is record",
        ),
        (
            json!({"id": 1, "name": "{users}, all"}),
            &user,
            "field \"name\": expected string, got `{users}`, which is list<record",
        ),
        (
            json!({"id": 1, "name": "{user.nam}"}),
            &user,
            &format!("field \"name\": `{{user.nam}}` {nowhere} `nam` is always in record"),
        ),
        (
            json!({"id": 1, "name": "{tags.0}"}),
            &user,
            &format!("field \"name\": `{{tags.0}}` {nowhere} `0` is always in list<string>"),
        ),
        (
            json!({"id": 1, "name": "{pair.2}"}),
            &user,
            &format!("field \"name\": `{{pair.2}}` {nowhere} `2` is always in tuple"),
        ),
        (json!({"id": "n{count}", "name": ""}), &user, "field \"id\": expected u32, got the string \"n{count}\""),
        (json!({"id": 1}), &user, "field \"name\" is missing; it is string"),
        (json!({"id": 1, "name": "", "nick": ""}), &user, "unknown field \"nick\""),
        (
            json!({"ok": {"id": -1, "name": ""}}),
            &answer(user.clone(), Shape::U8),
            "ok: field \"id\": expected u32 (0 to 4294967295), got the number -1",
        ),
        (
            json!("{state}"),
            &Shape::Enum(words(&["new"])),
            "expected enum { new }, got `{state}`, which is enum { new, paid }",
        ),
    ] {
        let told = check(template, result).unwrap_err();
        assert!(told.starts_with(&format!("result: {expected}")), "{told}\n{expected}");
    }
}
