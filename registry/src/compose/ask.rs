//! What a part asks: `http://catalog/products?ids={order.item_ids}`.
//!
//! References stand in the path and the query, never in the host: which service is asked is what the
//! manifest says, whatever a client or another service answers. What is put in is data: it is
//! escaped, and a value that could change the shape of a path is refused.

use std::fmt;
use std::str::FromStr;

use http::uri::PathAndQuery;
use serde_json::{Map, Value};
use thiserror::Error;

use crate::name::{NameError, ServiceName};
use crate::path::{decode, has_dots};
use crate::template::{Part, Reference, RenderError, TemplateError, Text, parse_text};
use crate::text::serde_as_text;

/// A service, and a path and query with references.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskUrl {
    source: String,
    service: ServiceName,
    /// Path and query, beginning with a literal slash.
    pieces: Vec<Part>,
}

/// Why a text is no such URL.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AskUrlError {
    /// Something else than `http://NAME/…`.
    #[error("`{0}` asks no service; write it as in `http://orders/orders/{{order_id}}`")]
    Form(String),
    /// A host that is no service's name.
    #[error(transparent)]
    Service(#[from] NameError),
    /// Braces that do not fit.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// What stands between the references is no path.
    #[error("`{0}` is no path and query: {1}")]
    Path(String, &'static str),
}

/// Why a path cannot be made of the values at hand.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AskError {
    /// A reference that leads nowhere, or to no text.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// A value that would be read as more than one segment, or as none.
    #[error("`{{{reference}}}` cannot stand in a path: it is {what}")]
    Shape {
        /// Where the value comes from.
        reference: Reference,
        /// What it is.
        what: &'static str,
    },
    /// Longer than any path may be.
    #[error("the path is longer than what can be sent")]
    Path,
}

impl AskUrl {
    /// Who is asked.
    pub fn service(&self) -> &ServiceName {
        &self.service
    }

    /// What it refers to.
    pub fn references(&self) -> impl Iterator<Item = &Reference> {
        self.pieces.iter().filter_map(|piece| match piece {
            Part::Reference(reference) => Some(reference),
            Part::Literal(_) => None,
        })
    }

    /// Path and query, filled in. A list stands there with commas between its items.
    ///
    /// # Errors
    /// When a reference leads nowhere, or to what cannot stand where it is put.
    pub fn fill(&self, values: &Map<String, Value>) -> Result<PathAndQuery, AskError> {
        let (mut filled, mut place) = (String::new(), Place::Path);
        for piece in &self.pieces {
            match piece {
                Part::Literal(text) => {
                    filled.push_str(text);
                    place = if text.contains('?') { Place::Query } else { place };
                }
                Part::Reference(reference) => {
                    let items = reference.texts(values)?;
                    if place == Place::Path {
                        check_segment(reference, &items)?;
                    }
                    filled.push_str(&items.iter().map(|item| escape(item)).collect::<Vec<_>>().join(","));
                }
            }
        }
        filled.parse().map_err(|_| AskError::Path)
    }
}

/// Where a reference stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Path,
    Query,
}

/// A value is part of one segment: it neither ends it nor makes dots of it.
fn check_segment(reference: &Reference, items: &[String]) -> Result<(), AskError> {
    let text = items.join(",");
    let what = match () {
        () if text.is_empty() => "empty",
        () if has_dots(&text) => "a `.` or `..`",
        () if text.contains(['/', '\\']) => "a text with a slash",
        () => return Ok(()),
    };
    Err(AskError::Shape { reference: reference.clone(), what })
}

/// All but the unreserved characters of RFC 3986 section 2.3, escaped.
fn escape(text: &str) -> String {
    use std::fmt::Write;
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            escaped.push(char::from(byte));
        } else {
            // writing into a `String` cannot fail
            let _infallible = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

/// A parameter of a path as it is given to a plan: its escapes resolved.
pub fn given(raw: &str) -> Value {
    String::from_utf8_lossy(&decode(raw)).into_owned().into()
}

impl FromStr for AskUrl {
    type Err = AskUrlError;

    fn from_str(text: &str) -> Result<Self, AskUrlError> {
        let form = || AskUrlError::Form(text.to_owned());
        let rest = text.strip_prefix("http://").ok_or_else(form)?;
        let at = rest.find('/').ok_or_else(form)?;
        let (host, path) = rest.split_at_checked(at).ok_or_else(form)?;
        if host.contains(['{', '}', ':', '@']) {
            return Err(form());
        }
        let pieces = match parse_text(path)? {
            Text::Plain(path) => vec![Part::Literal(path)],
            Text::Whole(reference) => vec![Part::Reference(reference)],
            Text::Parts(pieces) => pieces,
        };
        check_literals(path, &pieces)?;
        Ok(Self { source: text.to_owned(), service: host.parse()?, pieces })
    }
}

/// With any harmless word in place of the references, it must be a path.
fn check_literals(path: &str, pieces: &[Part]) -> Result<(), AskUrlError> {
    let word = |piece: &Part| match piece {
        Part::Literal(text) => text.clone(),
        Part::Reference(_) => "x".to_owned(),
    };
    let sample: String = pieces.iter().map(word).collect();
    let wrong = |why| Err(AskUrlError::Path(path.to_owned(), why));
    if sample.contains('#') {
        return wrong("a fragment is never sent");
    }
    match sample.parse::<PathAndQuery>() {
        Err(_) => wrong("it has a character that must be written as its escape"),
        Ok(parsed) if has_dots(parsed.path()) => wrong("it has a `.` or `..` segment; write the path that is meant"),
        Ok(_) => Ok(()),
    }
}

impl fmt::Display for AskUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

serde_as_text!(AskUrl);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn fill(url: &str, values: &Value) -> Result<String, String> {
        let url: AskUrl = url.parse().unwrap();
        url.fill(values.as_object().unwrap()).map(|path| path.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_put_into_a_path_changes_which_path_it_is() {
        let values = json!({
            "id": "a b/ü", "up": "..", "none": "", "hidden": "..;x", "order": {"item_ids": ["a&b", "c,d"], "n": 7},
        });
        for (url, expected) in [
            ("http://orders/orders/{order.n}", Ok("/orders/7")),
            ("http://catalog/products?ids={order.item_ids}&x=1", Ok("/products?ids=a%26b,c%2Cd&x=1")),
            ("http://catalog/p?q={id}", Ok("/p?q=a%20b%2F%C3%BC")),
            ("http://catalog/p?q={up}{none}", Ok("/p?q=..")),
            ("http://a/{id}", Err("`{id}` cannot stand in a path: it is a text with a slash")),
            ("http://a/{up}/x", Err("`{up}` cannot stand in a path: it is a `.` or `..`")),
            ("http://a/{hidden}", Err("`{hidden}` cannot stand in a path: it is a `.` or `..`")),
            ("http://a/{none}", Err("`{none}` cannot stand in a path: it is empty")),
            ("http://a/{order.x}", Err("`{order.x}` leads nowhere: `order` has no `x`")),
        ] {
            assert_eq!(fill(url, &values).as_deref().map_err(String::as_str), expected, "{url}");
        }
    }

    #[test]
    fn a_client_decides_which_service_is_asked() {
        for (text, expected) in [
            ("http://{order_id}/x", "asks no service"),
            ("https://orders/x", "asks no service"),
            ("orders/x", "asks no service"),
            ("http://orders", "asks no service"),
            ("http://orders:80/x", "asks no service"),
            ("http://me@orders/x", "asks no service"),
            ("http://Orders/x", "is not a service name"),
            ("http://10/x", "would be read as an IP address"),
            ("http://orders/{id", "without its `}`"),
            ("http://orders/../{id}", "`.` or `..` segment"),
            ("http://orders/a b", "must be written as its escape"),
            ("http://orders/a#b", "a fragment is never sent"),
        ] {
            let error = text.parse::<AskUrl>().unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
        assert_eq!("http://orders/a/{b}".parse::<AskUrl>().unwrap().service().as_str(), "orders");
    }

    #[test]
    fn an_escape_of_the_client_is_escaped_again() {
        assert_eq!(fill("http://a/{id}", &json!({"id": given("a%20b")})), Ok("/a%20b".to_owned()));
    }

    proptest! {
        #[test]
        fn a_value_leaves_its_segment(value in "\\PC{0,12}") {
            if let Ok(path) = fill("http://a/x/{v}/y", &json!({"v": value})) {
                prop_assert_eq!(path.split('/').count(), 4);
                prop_assert!(!has_dots(&path) && !path.contains('?'), "{}", path);
            }
        }
    }
}
