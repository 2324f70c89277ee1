//! What a rule asks of a request beside its host, path and method.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use http::HeaderMap;
use serde::{Deserialize, Serialize};

use crate::gateway::FieldName;
use crate::path::decode;
use crate::text::serde_as_text;

/// Header fields and query parameters that must be there, all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Conditions {
    /// By field.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<FieldName, Wanted>,
    /// By parameter, decoded.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub query: BTreeMap<String, Wanted>,
}

/// A value that must be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Any: `*`.
    Any,
    /// This one, to the letter.
    Text(String),
}

impl Conditions {
    /// Whether every request is taken.
    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// How many there are. More of them describe fewer requests.
    pub fn count(&self) -> usize {
        self.headers.len() + self.query.len()
    }

    /// Whether a request has all of it. Of a field or a parameter that comes several times, one
    /// value suffices.
    pub fn hold(&self, headers: &HeaderMap, query: Option<&str>) -> bool {
        let header = |(name, wanted): (&FieldName, &Wanted)| {
            headers.get_all(name.as_header()).iter().any(|value| wanted.is(value.as_bytes()))
        };
        let parameter = |(name, wanted): (&String, &Wanted)| {
            parameters(query).any(|(key, value)| is_text(key, name) && wanted.is_escaped(value))
        };
        self.headers.iter().all(header) && self.query.iter().all(parameter)
    }

    /// Whether no request has all of both, because they want two values of what has one. A field
    /// that may come twice is still one here: nobody means both.
    pub fn exclude(&self, other: &Self) -> bool {
        let of_headers = self.headers.iter().any(|(name, wanted)| wanted.excludes(other.headers.get(name)));
        of_headers || self.query.iter().any(|(name, wanted)| wanted.excludes(other.query.get(name)))
    }
}

impl Wanted {
    fn is(&self, value: &[u8]) -> bool {
        match self {
            Self::Any => true,
            Self::Text(text) => text.as_bytes() == value,
        }
    }

    fn is_escaped(&self, value: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Text(text) => is_text(value, text),
        }
    }

    fn excludes(&self, other: Option<&Self>) -> bool {
        matches!((self, other), (Self::Text(one), Some(Self::Text(other))) if one != other)
    }
}

fn parameters(query: Option<&str>) -> impl Iterator<Item = (&str, &str)> {
    let pairs = query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// Whether a part of a query means this text: `+` is a space there, as forms write it.
fn is_text(escaped: &str, text: &str) -> bool {
    if escaped.contains('+') {
        return *decode(&escaped.replace('+', " ")) == *text.as_bytes();
    }
    *decode(escaped) == *text.as_bytes()
}

impl FromStr for Wanted {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(if text == "*" { Self::Any } else { Self::Text(text.to_owned()) })
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

serde_as_text!(Wanted);

impl fmt::Display for Conditions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers = self.headers.iter().map(|(name, wanted)| format!("{name}: {wanted}"));
        let query = self.query.iter().map(|(name, wanted)| format!("?{name}={wanted}"));
        f.write_str(&headers.chain(query).collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn conditions(headers: &[(&str, &str)], query: &[(&str, &str)]) -> Conditions {
        let wanted = |text: &str| text.parse::<Wanted>().unwrap();
        Conditions {
            headers: headers.iter().map(|(name, value)| (name.parse().unwrap(), wanted(value))).collect(),
            query: query.iter().map(|(name, value)| ((*name).to_owned(), wanted(value))).collect(),
        }
    }

    #[test]
    fn a_request_without_what_a_rule_asks_for_is_taken() {
        let rule = conditions(&[("x-beta", "*"), ("x-tenant", "acme")], &[("v", "2"), ("größe", "a b")]);
        let headers = |fields: &[(&'static str, &'static str)]| -> HeaderMap {
            fields.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value))).collect()
        };
        let good = headers(&[("x-beta", "anything"), ("x-tenant", "acme")]);
        for query in ["v=2&gr%C3%B6%C3%9Fe=a+b", "x&v=1&v=%32&gr%C3%B6%C3%9Fe=a%20b"] {
            assert!(rule.hold(&good, Some(query)), "{query}");
        }
        for query in [None, Some(""), Some("v=2"), Some("v=22&größe=a b"), Some("V=2&größe=a b")] {
            assert!(!rule.hold(&good, query), "{query:?}");
        }
        let query = Some("v=2&gr%C3%B6%C3%9Fe=a+b");
        assert!(!rule.hold(&headers(&[("x-tenant", "acme")]), query));
        assert!(!rule.hold(&headers(&[("x-beta", "1"), ("x-tenant", "ACME")]), query));
        assert!(Conditions::default().hold(&HeaderMap::new(), None));
    }

    #[test]
    fn two_rules_for_one_request_are_taken_for_two() {
        let one = conditions(&[("x-v", "1")], &[]);
        assert!(one.exclude(&conditions(&[("x-v", "2")], &[("a", "b")])));
        for other in
            [conditions(&[("x-v", "1")], &[]), conditions(&[("x-v", "*")], &[]), conditions(&[], &[("v", "2")])]
        {
            assert!(!one.exclude(&other), "{other}");
        }
    }

    #[test]
    fn conditions_change_on_their_way_through_json() {
        let json = r#"{"headers":{"x-beta":"*"},"query":{"v":"2"}}"#;
        let parsed: Conditions = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&parsed).unwrap(), json);
        assert_eq!(parsed.to_string(), "x-beta: *, ?v=2");
    }
}
