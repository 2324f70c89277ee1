//! The one form of a request's path that routing looks at.
//!
//! Two programs that read one path differently are how requests get around a rule, so a path
//! that can be read in two ways is refused, never repaired: `.` and `..` segments, empty
//! segments (`//`), an encoded slash, a backslash, NUL and other control characters (each
//! also in percent-encoded form), broken escapes, bytes that are not UTF-8. A slash at the
//! end is kept: `/a` and `/a/` are two paths. `;` is a character like any other.
//!
//! Matching sees the path decoded once, so `/%75sers` is `/users`. The service sees the bytes
//! that the client sent: rewriting takes its parts from the raw path. Both have the same
//! slashes, since an encoded one is refused.

use std::borrow::Cow;

/// A path that can be read in only one way.
#[derive(Debug, PartialEq, Eq)]
pub struct CanonicalPath<'a> {
    decoded: Cow<'a, str>,
}

/// Why a path was refused.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{}", self.reason())]
pub enum PathError {
    /// `*`, or the empty path of a CONNECT.
    NotAbsolute,
    /// `/a/../b`, `/a/%2e/b`, `/a/..;x/b`.
    DotSegment,
    /// `/a//b`.
    EmptySegment,
    /// `%2f`, `%5c`, `\`, control characters.
    Separator,
    /// `%4`, `%zz`.
    BrokenEscape,
    /// Overlong forms and stray bytes included.
    NotUtf8,
}

impl PathError {
    /// For the client.
    pub fn reason(self) -> &'static str {
        match self {
            Self::NotAbsolute => "the path does not begin with a slash",
            Self::DotSegment => "the path has a segment `.` or `..`",
            Self::EmptySegment => "the path has an empty segment",
            Self::Separator => "the path has a backslash, a control character or an encoded slash",
            Self::BrokenEscape => "the path has a percent sign that is not followed by two hex digits",
            Self::NotUtf8 => "the path is not UTF-8 when decoded",
        }
    }
}

impl<'a> CanonicalPath<'a> {
    /// Checks and decodes.
    ///
    /// # Errors
    /// Says what is ambiguous about the path.
    pub fn parse(raw: &'a str) -> Result<Self, PathError> {
        let decoded = if raw.as_bytes().contains(&b'%') { Cow::Owned(decode(raw)?) } else { Cow::Borrowed(raw) };
        if decoded.bytes().any(|byte| byte == b'\\' || byte.is_ascii_control()) {
            return Err(PathError::Separator);
        }
        check_segments(&decoded)?;
        Ok(Self { decoded })
    }

    /// What is left to match: the decoded path without its first slash; `None` for `/`.
    pub fn decoded(&self) -> Option<&str> {
        self.decoded.strip_prefix('/').filter(|rest| !rest.is_empty())
    }
}

fn check_segments(decoded: &str) -> Result<(), PathError> {
    let inner = decoded.strip_prefix('/').ok_or(PathError::NotAbsolute)?;
    let mut segments = inner.split('/').peekable();
    while let Some(segment) = segments.next() {
        match segment.split(';').next().unwrap_or_default() {
            "." | ".." => return Err(PathError::DotSegment),
            _ if segment.is_empty() && segments.peek().is_some() => return Err(PathError::EmptySegment),
            _ => {}
        }
    }
    Ok(())
}

fn decode(raw: &str) -> Result<String, PathError> {
    let mut decoded = Vec::with_capacity(raw.len());
    let mut rest = raw.bytes();
    while let Some(byte) = rest.next() {
        decoded.push(if byte == b'%' { decode_escape(rest.next(), rest.next())? } else { byte });
    }
    String::from_utf8(decoded).map_err(|_| PathError::NotUtf8)
}

fn decode_escape(high: Option<u8>, low: Option<u8>) -> Result<u8, PathError> {
    let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
    let value = digit(high).zip(digit(low)).map(|(high, low)| high * 16 + low);
    match value.and_then(|value| u8::try_from(value).ok()) {
        None => Err(PathError::BrokenEscape),
        // decoded, it would become a separator that the service does not see there
        Some(b'/') => Err(PathError::Separator),
        Some(byte) => Ok(byte),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(raw: &str) -> PathError {
        CanonicalPath::parse(raw).unwrap_err()
    }

    #[test]
    fn a_path_that_can_be_read_in_two_ways_is_refused() {
        for dots in ["/..", "/a/../b", "/a/.", "/%2e%2e/a", "/a/.%2E", "/a/%2e/b", "/a/./", "/..;x=1/a", "/.%3b/a"] {
            assert_eq!(refused(dots), PathError::DotSegment, "{dots}");
        }
        for empty in ["//", "//a", "/a//b", "/a//"] {
            assert_eq!(refused(empty), PathError::EmptySegment, "{empty}");
        }
        for separator in ["/a%2fb", "/a%2Fb", "/a%5cb", "/a\\b", "/a%00", "/a\0", "/a%0d%0ab", "/a%7f"] {
            assert_eq!(refused(separator), PathError::Separator, "{separator}");
        }
        for broken in ["/%", "/%4", "/a%zz", "/%-1", "/%+f", "/%%41"] {
            assert_eq!(refused(broken), PathError::BrokenEscape, "{broken}");
        }
        for bytes in ["/%c0%af", "/%c0%80", "/%e0%80%af", "/%ff", "/%ed%a0%80"] {
            assert_eq!(refused(bytes), PathError::NotUtf8, "{bytes}");
        }
        for relative in ["", "*", "a", "%2fa"] {
            assert!(matches!(refused(relative), PathError::NotAbsolute | PathError::Separator), "{relative}");
        }
    }

    #[test]
    fn an_ordinary_path_passes_unchanged() {
        for path in ["/", "/a", "/a/", "/a/b.c/..d", "/a;v=1/b", "/a:b@c", "/...", "/über"] {
            let parsed = CanonicalPath::parse(path).unwrap();
            assert_eq!(parsed.decoded().unwrap_or_default(), &path[1..]);
        }
    }

    #[test]
    fn an_escaped_letter_does_not_get_around_a_rule() {
        let path = CanonicalPath::parse("/%75sers/a%20b/%C3%BC").unwrap();
        assert_eq!(path.decoded(), Some("users/a b/ü"));
        // decoded once, not twice
        assert_eq!(CanonicalPath::parse("/%2561").unwrap().decoded(), Some("%61"));
    }

    proptest! {
        #[test]
        fn what_passes_has_one_reading(raw in "/[a-c%2./\\\\0ef;]{0,12}") {
            if let Ok(path) = CanonicalPath::parse(&raw) {
                let segments: Vec<&str> = path.decoded().unwrap_or_default().split('/').collect();
                prop_assert!(segments.iter().all(|s| *s != "." && *s != ".." && !s.contains(['\\', '\0'])));
                prop_assert!(segments[..segments.len() - 1].iter().all(|s| !s.is_empty()));
                prop_assert_eq!(segments.len(), raw[1..].split('/').count());
            }
        }

        #[test]
        fn no_path_makes_it_panic(raw in "\\PC{0,40}") {
            let _ = CanonicalPath::parse(&raw);
        }
    }
}
