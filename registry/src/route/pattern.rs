//! Path patterns: `/users/{id}/orders`, `/files/{*rest}`.

use std::fmt;
use std::str::FromStr;

use super::RouteError;
use crate::path;
use crate::text::serde_as_text;

/// What stands between two slashes of a pattern.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Segment {
    /// This text, written decoded; a request may spell it with escapes.
    Literal(String),
    /// `{id}`: one segment that is not empty.
    Parameter(String),
    /// `{*rest}`, at the end only: all that is left, which may be nothing.
    Tail(String),
}

/// A path pattern, parsed. Names are unique in it, and only the last segment may be a tail.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PathPattern {
    segments: Vec<Segment>,
}

impl PathPattern {
    /// The segments in order; none for `/`.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The names of its parameters and its tail, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(Segment::name)
    }

    /// Matches the raw path of a request (no query) and returns each name with its raw text,
    /// escapes as they came. This is the definition of matching:
    ///
    /// - literals are compared case-sensitively, after the request's escapes are resolved, so
    ///   that `/%61dmin` cannot slip past a rule for `/admin`;
    /// - a trailing slash counts: `/users` does not match `/users/`;
    /// - a tail matches nothing as well: `/users/{*rest}` matches `/users` and `/users/`, both
    ///   with an empty `rest`;
    /// - a path with `.` or `..` segments, in any spelling, matches no pattern, so that a
    ///   rewritten path never climbs out of where its rule put it.
    pub fn captures<'a>(&'a self, path: &'a str) -> Option<Vec<(&'a str, &'a str)>> {
        if path::has_dots(path) {
            return None;
        }
        let path = path.strip_prefix('/')?;
        let mut left = (!path.is_empty()).then_some(path);
        let mut captures = Vec::new();
        for segment in &self.segments {
            if let Segment::Tail(name) = segment {
                captures.push((name.as_str(), left.take().unwrap_or_default()));
                continue;
            }
            let (head, rest) = split_segment(left?);
            match segment {
                Segment::Literal(text) if *path::decode(head) != *text.as_bytes() => return None,
                Segment::Parameter(_) if head.is_empty() => return None,
                Segment::Parameter(name) => captures.push((name.as_str(), head)),
                Segment::Literal(_) | Segment::Tail(_) => {}
            }
            left = rest;
        }
        left.is_none().then_some(captures)
    }

    /// Whether both have the same shape: literals equal, parameters and tails at the same places
    /// under whatever names. Two such patterns match the same paths.
    pub fn same_shape(&self, other: &Self) -> bool {
        let same = |pair: (&Segment, &Segment)| match pair {
            (Segment::Literal(one), Segment::Literal(other)) => one == other,
            (Segment::Parameter(_), Segment::Parameter(_)) | (Segment::Tail(_), Segment::Tail(_)) => true,
            _ => false,
        };
        self.segments.len() == other.segments.len() && self.segments.iter().zip(&other.segments).all(same)
    }

    /// Literal segments and a tail, for patterns that the host makes itself.
    pub(super) fn below(literal: &str, tail: &str) -> Self {
        Self { segments: vec![Segment::Literal(literal.to_owned()), Segment::Tail(tail.to_owned())] }
    }
}

fn split_segment(path: &str) -> (&str, Option<&str>) {
    path.split_once('/').map_or((path, None), |(head, rest)| (head, Some(rest)))
}

impl Segment {
    /// The name of a parameter or tail.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Literal(_) => None,
            Self::Parameter(name) | Self::Tail(name) => Some(name),
        }
    }
}

impl FromStr for PathPattern {
    type Err = RouteError;

    fn from_str(text: &str) -> Result<Self, RouteError> {
        let mut parser = Parser { text, at: 1, segments: Vec::new() };
        let Some(path) = text.strip_prefix('/') else {
            return Err(parser.error("it does not begin with `/`"));
        };
        if !path.is_empty() {
            parser.at = 2;
            path.split('/').try_for_each(|segment| parser.segment(segment))?;
        }
        Ok(Self { segments: parser.segments })
    }
}

struct Parser<'a> {
    text: &'a str,
    /// The character, counted from one, at which the segment begins.
    at: usize,
    segments: Vec<Segment>,
}

impl Parser<'_> {
    fn segment(&mut self, text: &str) -> Result<(), RouteError> {
        if matches!(self.segments.last(), Some(Segment::Tail(_))) {
            return Err(self.error("a tail such as `{*rest}` takes all that is left, so nothing may follow it"));
        }
        let segment = self.parse(text)?;
        if segment.name().is_some_and(|name| self.segments.iter().any(|known| known.name() == Some(name))) {
            return Err(self.error("this name stands in the pattern already"));
        }
        self.segments.push(segment);
        self.at += text.chars().count() + 1;
        Ok(())
    }

    fn parse(&self, text: &str) -> Result<Segment, RouteError> {
        let Some(name) = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
            return self.literal(text);
        };
        let (name, make): (_, fn(String) -> Segment) = match name.strip_prefix('*') {
            Some(name) => (name, Segment::Tail),
            None => (name, Segment::Parameter),
        };
        match is_name(name) {
            true => Ok(make(name.to_owned())),
            false => Err(self.error("a parameter's name has letters, digits and `_`, and does not begin with a digit")),
        }
    }

    fn literal(&self, text: &str) -> Result<Segment, RouteError> {
        if text.is_empty() {
            return Err(self.error("a segment is empty; a rule for all below a path ends in `/{*rest}`"));
        }
        if text.contains(['{', '}']) {
            return Err(self.error("a parameter fills its whole segment, as in `/users/{id}`"));
        }
        match path::literal_problem(text) {
            Some(reason) => Err(self.error(reason)),
            None => Ok(Segment::Literal(text.to_owned())),
        }
    }

    fn error(&self, reason: &'static str) -> RouteError {
        RouteError::Pattern { text: self.text.to_owned(), at: self.at, reason }
    }
}

/// Letters, digits and `_`, as names are in most languages.
pub(super) fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.segments.is_empty() {
            return f.write_str("/");
        }
        self.segments.iter().try_for_each(|segment| write!(f, "/{segment}"))
    }
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(text) => f.write_str(text),
            Self::Parameter(name) => write!(f, "{{{name}}}"),
            Self::Tail(name) => write!(f, "{{*{name}}}"),
        }
    }
}

serde_as_text!(PathPattern);

#[cfg(test)]
mod tests {
    use super::*;

    fn captures(pattern: &str, path: &str) -> Option<String> {
        let pattern: PathPattern = pattern.parse().unwrap();
        let captures = pattern.captures(path)?;
        Some(captures.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn a_path_misses_its_pattern() {
        for (pattern, path, found) in [
            ("/", "/", ""),
            ("/users", "/users", ""),
            ("/users", "/%75sers", ""),
            ("/users/{id}", "/users/7", "id=7"),
            ("/users/{id}", "/users/a%2Fb", "id=a%2Fb"),
            ("/users/{id}/orders/{order}", "/users/7/orders/9", "id=7 order=9"),
            ("/users/{*rest}", "/users", "rest="),
            ("/users/{*rest}", "/users/", "rest="),
            ("/users/{*rest}", "/users/7/orders/", "rest=7/orders/"),
            ("/users/{id}/{*rest}", "/users/7//x", "id=7 rest=/x"),
            ("/{*all}", "/", "all="),
            ("/größe", "/gr%C3%B6%C3%9Fe", ""),
        ] {
            assert_eq!(captures(pattern, path).as_deref(), Some(found), "{pattern} {path}");
        }
    }

    #[test]
    fn a_path_matches_a_pattern_of_others() {
        for (pattern, path) in [
            ("/", "/users"),
            ("/users", "/"),
            ("/users", "/users/"),
            ("/users", "/Users"),
            ("/users", "/usersx"),
            ("/users", "*"),
            ("/users", ""),
            ("/users/{id}", "/users"),
            ("/users/{id}", "/users/"),
            ("/users/{id}", "/users/7/"),
            ("/users/{*rest}", "/usersx/7"),
            ("/users/{*rest}", "/users/../admin"),
            ("/users/{*rest}", "/users/%2e%2e/admin"),
            ("/users/{*rest}", "/users/..%2fadmin"),
        ] {
            assert_eq!(captures(pattern, path), None, "{pattern} {path}");
        }
    }

    #[test]
    fn a_bad_pattern_does_not_say_where() {
        for (text, at, reason) in [
            ("", 1, "begin with `/`"),
            ("users", 1, "begin with `/`"),
            ("/users/", 8, "empty"),
            ("//users", 2, "empty"),
            ("/ü/{id", 4, "whole segment"),
            ("/users/x{id}", 8, "whole segment"),
            ("/users/{}", 8, "letters"),
            ("/users/{1d}", 8, "letters"),
            ("/users/{*}", 8, "letters"),
            ("/{*rest}/x", 10, "nothing may follow"),
            ("/{id}/{id}", 7, "already"),
            ("/a/../b", 4, "`..`"),
            ("/a%20b", 2, "itself"),
            ("/a?x", 2, "no path"),
            ("/a/*", 4, "no path"),
        ] {
            match text.parse::<PathPattern>() {
                Err(RouteError::Pattern { at: found, reason: why, .. }) => {
                    assert_eq!(found, at, "{text}");
                    assert!(why.contains(reason), "{text}: {why}");
                }
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn the_shape_depends_on_names() {
        let same = |one: &str, other: &str| one.parse::<PathPattern>().unwrap().same_shape(&other.parse().unwrap());
        assert!(same("/users/{id}", "/users/{user}"));
        assert!(same("/{*a}", "/{*b}"));
        assert!(!same("/users/{id}", "/users/{*id}"));
        assert!(!same("/users", "/orders"));
        assert!(!same("/users", "/users/{id}"));
    }
}
