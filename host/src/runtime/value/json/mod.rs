//! JSON to values and back, by type.
//!
//! | WIT | JSON |
//! | --- | --- |
//! | bool, string, char | the same; a char is a string of one character |
//! | u8–u32, s8–s32, f32, f64 | number; the floats also `"NaN"`, `"Infinity"`, `"-Infinity"` |
//! | u64, s64 | string; a number up to 2^53 is accepted |
//! | list<u8>, list<u8, N> | string: base64 with padding (RFC 4648, section 4) |
//! | list<T>, list<T, N>, tuple | array |
//! | map<K, V> | array of `[key, value]`, since a key need not be a string, and may come twice |
//! | record | object; unknown fields are refused |
//! | option<T> | the value, or null, or absent; an option of an option is null or `{"some": …}` |
//! | result<T, E> | `{"ok": …}` or `{"err": …}`, with null where there is no payload |
//! | enum | `"case"` |
//! | variant | `{"case": payload}`, or `"case"` without payload |
//! | flags | array of names |
//!
//! A value that goes to JSON and back is the same value, except for the bits of a NaN: there is one NaN in JSON.

mod fits;
mod holes;
mod problem;
mod read;
mod scalar;
mod write;

pub use problem::{ArgumentError, Problem};
pub use read::{arguments_from_json, check_template, from_json};
pub use write::{result_to_json, to_json};

/// Up to here every integer is a number of JSON that all its readers understand alike (RFC 8259, section 6).
const EXACT: i128 = 1 << 53;

/// Names of the floats that JSON has no number for.
mod special {
    pub const NAN: &str = "NaN";
    pub const INFINITY: &str = "Infinity";
    pub const MINUS_INFINITY: &str = "-Infinity";
}
