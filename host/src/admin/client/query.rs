//! Queries in URLs.

use std::fmt::Write;

/// `name=value` for each that has a value, joined by `&`, with everything escaped that RFC 3986 does not leave
/// unreserved.
pub(super) fn query(pairs: &[(&str, Option<&str>)]) -> String {
    let mut text = String::new();
    for (name, value) in pairs.iter().filter_map(|(name, value)| Some((name, (*value)?))) {
        let and = if text.is_empty() { "" } else { "&" };
        // writing into a string cannot fail
        let _infallible = write!(text, "{and}{name}=");
        value.bytes().for_each(|byte| push(&mut text, byte));
    }
    text
}

fn push(text: &mut String, byte: u8) {
    if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
        text.push(char::from(byte));
    } else {
        let _infallible = write!(text, "%{byte:02X}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_with_odd_characters_asks_for_another_one() {
        let asked = query(&[("bucket", None), ("key", Some("a b&c=ü%")), ("prefix", Some(""))]);
        assert_eq!(asked, "key=a%20b%26c%3D%C3%BC%25&prefix=");
    }
}
