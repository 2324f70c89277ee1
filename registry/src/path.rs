//! Request paths, read the way a cautious server reads them.
//!
//! A path is compared segment by segment. Two spellings of one segment must never decide
//! differently (`/%61dmin` is `/admin`), and a path whose meaning depends on who resolves its dots
//! must never pass a check by prefix.

use std::borrow::Cow;

/// A segment with its percent-escapes resolved (RFC 3986 section 2.1), once. What is no escape
/// stays as it is.
pub(crate) fn decode(segment: &str) -> Cow<'_, [u8]> {
    let bytes = segment.as_bytes();
    if !bytes.contains(&b'%') {
        return Cow::Borrowed(bytes);
    }
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&byte, tail)) = rest.split_first() {
        let (byte, tail) = match (byte, tail) {
            (b'%', [high, low, after @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => (high << 4 | low, after),
                _ => (byte, tail),
            },
            _ => (byte, tail),
        };
        decoded.push(byte);
        rest = tail;
    }
    Cow::Owned(decoded)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// Whether a path has a `.` or `..` segment in any spelling that some server resolves: escaped,
/// behind an escaped slash or a backslash, or in front of a `;parameter`. Clients resolve dots
/// before they send (RFC 3986 section 5.2.4), so an honest request has none.
pub fn has_dots(path: &str) -> bool {
    path.split('/').any(|segment| decode(segment).split(|byte| matches!(byte, b'/' | b'\\')).any(is_dots))
}

fn is_dots(part: &[u8]) -> bool {
    let name = part.split(|byte| *byte == b';').next();
    matches!(name, Some(b"." | b".."))
}

/// Why a literal segment of a pattern or a grant cannot be meant, if so. Literals are written
/// decoded: `/über`, not `/%C3%BCber`.
pub(crate) fn literal_problem(segment: &str) -> Option<&'static str> {
    let forbidden =
        |c: char| matches!(c, '{' | '}' | '?' | '#' | '%' | '\\' | '*') || c.is_whitespace() || c.is_control();
    if segment.is_empty() {
        Some("it has an empty segment")
    } else if has_dots(segment) {
        Some("it has a `.` or `..` segment, which clients resolve before they send")
    } else if segment.contains('%') {
        Some("it has a `%`; write the character itself instead of its escape")
    } else if segment.contains(forbidden) {
        Some("it has a character that stands in no path: one of `{}?#*\\`, a space or a control character")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_escape_is_not_resolved() {
        assert_eq!(&*decode("users"), b"users");
        assert_eq!(&*decode("%75sers%2f"), b"users/");
        assert_eq!(&*decode("%C3%bc"), "ü".as_bytes());
        assert_eq!(&*decode("100%"), b"100%");
        assert_eq!(&*decode("%zz%4"), b"%zz%4");
        assert_eq!(&*decode("%252e"), b"%2e");
    }

    #[test]
    fn dots_hide_from_the_check() {
        for path in ["/a/..", "/./a", "/%2e%2E/a", "/.%2e", "/a%2f..", "/a%5c..%5cb", "/a/..;x=1/b", "/a\\..", "/.;"] {
            assert!(has_dots(path), "{path}");
        }
        for path in ["/", "/a//b", "/a.b", "/...", "/a/..b", "/.well-known/x", "/;..", "/a%2fb"] {
            assert!(!has_dots(path), "{path}");
        }
    }

    proptest! {
        #[test]
        fn an_escaped_text_is_not_the_text(text in "\\PC{0,20}") {
            let escaped: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
            prop_assert_eq!(&*decode(&escaped), text.as_bytes());
        }
    }
}
