//! Rewrites: the path that a service sees instead of the one that the client asked for.

use std::fmt;
use std::str::FromStr;

use super::RouteError;
use super::pattern::{PathPattern, is_name};
use crate::nearest::nearest;
use crate::path;
use crate::text::serde_as_text;

/// A template such as `/users/{rest}`, filled in with what the rule's pattern captured.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rewrite {
    /// Text and names in turn, beginning with text.
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Part {
    Text(String),
    Name(String),
}

impl Rewrite {
    /// Whether every name in the template is one of the pattern's.
    ///
    /// # Errors
    /// [`RouteError::UnknownName`] for the first that is not.
    pub fn check(&self, pattern: &PathPattern) -> Result<(), RouteError> {
        let names: Vec<&str> = pattern.names().collect();
        let Some(unknown) = self.names().find(|name| !names.contains(name)) else {
            return Ok(());
        };
        Err(RouteError::UnknownName {
            rewrite: self.to_string(),
            name: unknown.to_owned(),
            pattern: pattern.to_string(),
            hint: hint(unknown, &names),
        })
    }

    /// The new path. `params` are raw captures: they are put in as they came, so that an escape
    /// of the client reaches the service as the same escape. A name without a value is empty,
    /// which [`check`](Self::check) rules out beforehand.
    ///
    /// When the template ends in a name whose value is empty (the tail of `/users/{*rest}` asked
    /// as `/users`), the slash in front of it goes too: `/users/{rest}` gives `/users`, which is
    /// what a service has a handler for, and `/{rest}` gives `/`.
    pub fn apply(&self, params: &[(&str, &str)]) -> String {
        let value = |name: &str| params.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value);
        let fill = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Name(name) => value(name).to_owned(),
        };
        let mut path: String = self.parts.iter().map(fill).collect();
        if matches!(self.parts.last(), Some(Part::Name(name)) if value(name).is_empty())
            && path.len() > 1
            && path.ends_with('/')
        {
            path.pop();
        }
        path
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Name(name) => Some(name.as_str()),
        })
    }

    /// `/{name}`, for rules that the host makes itself.
    pub(super) fn root(name: &str) -> Self {
        Self { parts: vec![Part::Text("/".to_owned()), Part::Name(name.to_owned())] }
    }
}

fn hint(unknown: &str, names: &[&str]) -> String {
    match (nearest(unknown, names.iter().copied()), names) {
        (Some(name), _) => format!("did you mean `{{{name}}}`?"),
        (None, []) => "the path has no parameters; remove it".to_owned(),
        (None, names) => {
            format!("use one of {}", names.iter().map(|name| format!("`{{{name}}}`")).collect::<Vec<_>>().join(", "))
        }
    }
}

impl FromStr for Rewrite {
    type Err = RouteError;

    fn from_str(text: &str) -> Result<Self, RouteError> {
        let error = |at: usize, reason| RouteError::Rewrite { text: text.to_owned(), at: at + 1, reason };
        if !text.starts_with('/') {
            return Err(error(0, "it does not begin with `/`"));
        }
        if path::has_dots(text) {
            return Err(error(0, "it has a `.` or `..` segment; write the path that is meant"));
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let at = text.chars().count() - rest.chars().count();
            let (part, after) = take_part(rest).map_err(|reason| error(at, reason))?;
            parts.push(part);
            rest = after;
        }
        Ok(Self { parts })
    }
}

/// The text up to the next `{`, or the name in braces that comes first.
fn take_part(text: &str) -> Result<(Part, &str), &'static str> {
    let Some(inner) = text.strip_prefix('{') else {
        let (literal, rest) = text.split_at(text.find('{').unwrap_or(text.len()));
        return check_text(literal).map(|()| (Part::Text(literal.to_owned()), rest));
    };
    let (name, rest) = inner.split_once('}').ok_or("a `{` has no `}`")?;
    match name {
        name if is_name(name) => Ok((Part::Name(name.to_owned()), rest)),
        name if name.starts_with('*') => {
            Err("the star belongs into the path; here write the name alone, as in `{rest}`")
        }
        _ => Err("in braces stands a parameter's name, as in `{id}`"),
    }
}

/// The text goes onto the wire as it is, so it must be what RFC 3986 section 3.3 calls a path.
fn check_text(text: &str) -> Result<(), &'static str> {
    if text.contains(['?', '#']) {
        return Err("a rewrite is a path; the query travels on unchanged");
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@%".contains(&byte);
    match text.bytes().all(allowed) {
        true => Ok(()),
        false => Err("it has a character that stands in no path; write it percent-encoded"),
    }
}

impl fmt::Display for Rewrite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts.iter().try_for_each(|part| match part {
            Part::Text(text) => f.write_str(text),
            Part::Name(name) => write!(f, "{{{name}}}"),
        })
    }
}

serde_as_text!(Rewrite);

#[cfg(test)]
mod tests {
    use super::*;

    fn rewrite(template: &str, params: &[(&str, &str)]) -> String {
        template.parse::<Rewrite>().unwrap().apply(params)
    }

    #[test]
    fn a_rewritten_path_is_wrong() {
        assert_eq!(rewrite("/users/{id}", &[("id", "7")]), "/users/7");
        assert_eq!(rewrite("/u/{id}/o-{order}.json", &[("id", "a%2Fb"), ("order", "9")]), "/u/a%2Fb/o-9.json");
        assert_eq!(rewrite("/fixed", &[("id", "7")]), "/fixed");
        assert_eq!(rewrite("/{rest}", &[("rest", "a/b/")]), "/a/b/");
    }

    #[test]
    fn an_empty_tail_leaves_a_slash_that_no_handler_expects() {
        assert_eq!(rewrite("/users/{rest}", &[("rest", "")]), "/users");
        assert_eq!(rewrite("/{rest}", &[("rest", "")]), "/");
        assert_eq!(rewrite("/users/", &[]), "/users/");
        assert_eq!(rewrite("/{rest}/x", &[("rest", "")]), "//x");
    }

    #[test]
    fn a_bad_template_does_not_say_where() {
        for (text, at, reason) in [
            ("users", 1, "begin with `/`"),
            ("", 1, "begin with `/`"),
            ("/a/{id", 4, "no `}`"),
            ("/a/{*rest}", 4, "star"),
            ("/a/{}", 4, "parameter's name"),
            ("/a/../b", 1, "`..`"),
            ("/a?x={id}", 1, "query"),
            ("/{id}/ö", 6, "percent-encoded"),
            ("/a}", 1, "percent-encoded"),
        ] {
            match text.parse::<Rewrite>() {
                Err(RouteError::Rewrite { at: found, reason: why, .. }) => {
                    assert_eq!(found, at, "{text}");
                    assert!(why.contains(reason), "{text}: {why}");
                }
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_name_that_the_path_does_not_have_is_accepted() {
        let check = |rewrite: &str, path: &str| {
            rewrite.parse::<Rewrite>().unwrap().check(&path.parse().unwrap()).map_err(|error| error.to_string())
        };
        assert_eq!(check("/users/{rest}", "/api/{*rest}"), Ok(()));
        assert_eq!(
            check("/users/{rset}", "/api/{*rest}").unwrap_err(),
            "the rewrite `/users/{rset}` uses `{rset}`, which the path `/api/{*rest}` does not have; did you mean `{rest}`?"
        );
        assert!(check("/{id}", "/users").unwrap_err().ends_with("the path has no parameters; remove it"));
        assert!(check("/{order}", "/a/{x}/{y}").unwrap_err().ends_with("use one of `{x}`, `{y}`"));
    }
}
