//! Bytes that are no value, and bytes that promise more than they hold.

use super::{list, option, record, words};
use crate::runtime::value::{Damage, Shape, TooLarge, Val, decode, encode};

fn damage(shape: Shape, bytes: &[u8]) -> Damage {
    decode(bytes, [&shape].into_iter()).unwrap_err().damage
}

#[test]
fn the_format_changes_unnoticed_between_two_versions() {
    let shape = record(&[
        ("id", Shape::String),
        ("amounts", list(Shape::S16)),
        ("state", Shape::Enum(words(&["new", "paid"]))),
        ("rights", Shape::Flags(words(&["r", "w", "x"]))),
        ("note", option(Shape::Char)),
        ("rate", Shape::F32),
    ]);
    let fields = [
        ("id", Val::String("ä".into())),
        ("amounts", Val::List(vec![Val::S16(1), Val::S16(-2)])),
        ("state", Val::Enum("paid".into())),
        ("rights", Val::Flags(words(&["r", "x"]))),
        ("note", Val::Option(Some(Box::new(Val::Char('x'))))),
        ("rate", Val::Float32(1.0)),
    ];
    let value = Val::Record(fields.map(|(name, value)| (name.to_owned(), value)).into());
    let bytes = encode(&[value], [&shape].into_iter()).unwrap();
    let expected = [
        &[1_u8][..],
        &[2, 0xc3, 0xa4],
        &[2, 1, 0, 0xfe, 0xff],
        &[1],
        &[0b101],
        &[1, 0x78, 0, 0, 0],
        &[0, 0, 0x80, 0x3f],
    ];
    assert_eq!(bytes[..], expected.concat());
}

#[test]
fn damaged_bytes_are_taken_for_a_value() {
    assert_eq!(damage(Shape::Bool, &[]), Damage::Truncated);
    assert_eq!(damage(Shape::Bool, &[2, 1]), Damage::Format(2));
    assert_eq!(damage(Shape::Bool, &[1, 2]), Damage::NoSuchValue);
    assert_eq!(damage(Shape::U16, &[1, 2]), Damage::Truncated);
    assert_eq!(damage(Shape::U8, &[1, 2, 3, 4]), Damage::LeftOver(2));
    assert_eq!(damage(Shape::Char, &[1, 0, 0xd8, 0, 0]), Damage::NoSuchValue);
    assert_eq!(damage(Shape::String, &[1, 1, 0xff]), Damage::Utf8);
    assert_eq!(damage(Shape::Enum(words(&["a", "b"])), &[1, 2]), Damage::NoSuchValue);
    assert_eq!(damage(Shape::Flags(words(&["a", "b"])), &[1, 0b100]), Damage::NoSuchValue);
    assert_eq!(damage(Shape::String, &[1, 0x80, 0]), Damage::Number);
    assert_eq!(damage(Shape::String, &[1, 0xff, 0xff, 0xff, 0xff, 0x1f]), Damage::Number);
    let error = decode(&[1, 1, 7], [&Shape::Bool, &Shape::Bool].into_iter()).unwrap_err();
    assert_eq!(error.to_string(), "byte 3 of the message: the type has no such value");
}

#[test]
fn a_count_that_lies_takes_memory() {
    let lie = [0xff, 0xff, 0xff, 0xff, 0x0f];
    let message = [&[1], &lie[..]].concat();
    assert_eq!(damage(list(Shape::U64), &message), Damage::Truncated);
    assert_eq!(damage(Shape::String, &message), Damage::Truncated);
    assert_eq!(damage(Shape::FixedList(Box::new(Shape::U8), 1 << 30), &[1, 0]), Damage::Truncated);
}

#[test]
fn a_megabyte_becomes_gigabytes() {
    let long = "x".repeat(50_000);
    let shape = list(record(&[(&long, Shape::Bool)]));
    let bytes = [&[1, 0x80, 0x80, 0x04][..], &[1; 1 << 16]].concat();
    assert_eq!(damage(shape, &bytes), Damage::TooLarge(TooLarge::Memory));
}

#[test]
fn a_value_of_another_type_is_encoded() {
    let told = encode(&[Val::U8(1)], [&list(Shape::U8)].into_iter()).unwrap_err().to_string();
    assert!(told.contains("list<u8>"), "{told}");
    assert!(encode(&[], [&Shape::U8].into_iter()).is_err());
    assert!(encode(&[Val::Enum("c".into())], [&Shape::Enum(words(&["a", "b"]))].into_iter()).is_err());
}
