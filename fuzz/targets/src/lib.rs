//! What must hold for any input that reaches Holm from outside.
//!
//! A target takes bytes and panics when something does not hold that always should. It runs in two
//! ways: over the corpus in `fuzz/corpus/NAME` and what [`mutate`] makes of it, seeded and bounded,
//! with every `cargo test`; and under libFuzzer by `scripts/fuzz NAME`, for as long as one likes.
//!
//! | module | input |
//! | --- | --- |
//! | [`inputs`] | what the admin API reads: names, versions, digests, settings and rules |
//! | [`manifest`] | a `holm.toml` |
//! | [`routes`] | rules of the gateway, and a request for them |
//! | [`subject`] | a pattern of subjects, and subjects |
//! | [`grant`] | grants of URLs, and a request for them |

// A target says by a panic what does not hold.
#![expect(clippy::panic, reason = "a panic is what a fuzzer looks for")]

pub mod grant;
pub mod inputs;
pub mod manifest;
pub mod mutate;
pub mod routes;
pub mod subject;

/// Takes any bytes; panics when something does not hold.
pub type Target = fn(&[u8]);

/// Every target by its name.
pub const TARGETS: [(&str, Target); 5] = [
    ("grant", grant::run),
    ("inputs", inputs::run),
    ("manifest", manifest::run),
    ("routes", routes::run),
    ("subject", subject::run),
];

/// The text of an input, if it is one.
fn text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok()
}

/// A value that was read from a text can be read again from what it prints, and is the same then.
fn reads_itself<T>(value: &T)
where
    T: std::str::FromStr + ToString + PartialEq + std::fmt::Debug,
    T::Err: std::fmt::Debug,
{
    let printed = value.to_string();
    let again: T = printed.parse().unwrap_or_else(|error| panic!("{printed:?} cannot be read again: {error:?}"));
    assert!(*value == again, "{value:?} prints {printed:?}, which is {again:?}");
}

/// The same through JSON, which is how values travel and are kept.
fn survives_json<T>(value: &T)
where
    T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let json = serde_json::to_string(value).unwrap_or_else(|error| panic!("{value:?} is no JSON: {error}"));
    let again: T = serde_json::from_str(&json).unwrap_or_else(|error| panic!("{json} cannot be read again: {error}"));
    assert!(*value == again, "{json} is another value when it is read again: {again:?}");
}
