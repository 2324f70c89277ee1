//! JSON with holes: `{"id": "{user-id}", "name": "Unknown User"}`.
//!
//! A string that is one reference becomes the value itself, with its type; a reference inside a
//! longer string becomes text. `{order.items.0.id}` steps into objects by key and into lists by
//! position. `{{` and `}}` stand for the braces themselves. Keys of objects are never templates.
//!
//! A template is parsed once, so that what is wrong with it is said before it is needed, and
//! rendered against named values. It is data on both sides: nothing here knows where the values
//! come from.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};
use thiserror::Error;

mod text;

pub use text::{Part, Reference, TemplateError, Text, parse_text};

/// A parsed template. In JSON it is what it was parsed from.
#[derive(Clone, PartialEq, Eq)]
pub struct Template {
    source: Value,
    root: Node,
}

/// Why a template cannot be filled in with the values at hand.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RenderError {
    /// A name, a key or a position that is not there.
    #[error("`{{{reference}}}` leads nowhere: {parent} has no `{missing}`")]
    Missing {
        /// The whole reference.
        reference: Reference,
        /// What was looked into, in words.
        parent: String,
        /// The step that failed.
        missing: String,
    },
    /// An object, or a list of more than plain values, in the middle of a text.
    #[error("`{{{reference}}}` is {found}, which cannot stand inside a text; let it be the whole string")]
    NoText {
        /// The whole reference.
        reference: Reference,
        /// `an object` or `a list of lists or objects`.
        found: &'static str,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    /// Without any reference: copied as it is.
    Plain(Value),
    /// One reference and nothing else.
    Whole(Reference),
    Text(Text),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

impl Template {
    /// Reads every string in `source`.
    ///
    /// # Errors
    /// The first string that is no template.
    pub fn parse(source: Value) -> Result<Self, TemplateError> {
        Ok(Self { root: parse(&source)?, source })
    }

    /// What it was parsed from.
    pub fn source(&self) -> &Value {
        &self.source
    }

    /// The names that it refers to, each once: `order` for `{order.items.0}`.
    pub fn names(&self) -> BTreeSet<&str> {
        let mut found = BTreeSet::new();
        self.root.each_reference(&mut |reference| {
            found.insert(reference.name());
        });
        found
    }

    /// Fills it in.
    ///
    /// # Errors
    /// When a reference leads nowhere, or to something that cannot be text where text is needed.
    pub fn render(&self, values: &Map<String, Value>) -> Result<Value, RenderError> {
        self.render_without(values, &|_| false)
    }

    /// Fills it in although some of the values are missing: whatever refers to one of those becomes
    /// null, or no text inside a text.
    ///
    /// # Errors
    /// As [`render`](Self::render), for what refers to the others.
    pub fn render_without(
        &self,
        values: &Map<String, Value>,
        is_missing: &dyn Fn(&str) -> bool,
    ) -> Result<Value, RenderError> {
        self.root.render(&Scope { values, is_missing })
    }
}

/// What references may lead to.
struct Scope<'a> {
    values: &'a Map<String, Value>,
    is_missing: &'a dyn Fn(&str) -> bool,
}

impl Scope<'_> {
    fn find(&self, reference: &Reference) -> Result<&Value, RenderError> {
        if (self.is_missing)(reference.name()) { Ok(&Value::Null) } else { reference.find(self.values) }
    }
}

fn parse(source: &Value) -> Result<Node, TemplateError> {
    Ok(match source {
        Value::String(text) => match parse_text(text)? {
            Text::Plain(text) => Node::Plain(Value::String(text)),
            Text::Whole(reference) => Node::Whole(reference),
            text @ Text::Parts(_) => Node::Text(text),
        },
        Value::Array(items) => Node::List(items.iter().map(parse).collect::<Result<_, _>>()?),
        Value::Object(fields) => {
            let field = |(key, value): (&String, &Value)| Ok((key.clone(), parse(value)?));
            Node::Object(fields.iter().map(field).collect::<Result<_, _>>()?)
        }
        plain => Node::Plain(plain.clone()),
    })
}

impl Node {
    fn render(&self, scope: &Scope<'_>) -> Result<Value, RenderError> {
        Ok(match self {
            Self::Plain(value) => value.clone(),
            Self::Whole(reference) => scope.find(reference)?.clone(),
            Self::Text(text) => Value::String(text.render(scope)?),
            Self::List(items) => items.iter().map(|item| item.render(scope)).collect::<Result<_, _>>()?,
            Self::Object(fields) => {
                let field = |(key, node): &(String, Self)| Ok((key.clone(), node.render(scope)?));
                Value::Object(fields.iter().map(field).collect::<Result<_, _>>()?)
            }
        })
    }

    fn each_reference<'a>(&'a self, visit: &mut impl FnMut(&'a Reference)) {
        match self {
            Self::Plain(_) => {}
            Self::Whole(reference) => visit(reference),
            Self::Text(text) => text.references().for_each(visit),
            Self::List(items) => items.iter().for_each(|item| item.each_reference(visit)),
            Self::Object(fields) => fields.iter().for_each(|(_, node)| node.each_reference(visit)),
        }
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Template({})", self.source)
    }
}

impl Serialize for Template {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.source.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(Value::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn template(source: Value) -> Template {
        Template::parse(source).unwrap()
    }

    fn values() -> Map<String, Value> {
        let values = json!({
            "user-id": 7,
            "tags": ["a", 1, true],
            "order": {"items": [{"id": "x"}], "note": null},
        });
        values.as_object().unwrap().clone()
    }

    fn rendered(source: Value) -> Result<Value, RenderError> {
        template(source).render(&values())
    }

    #[test]
    fn a_whole_reference_loses_its_type() {
        let source = json!({"id": "{user-id}", "name": "Unknown User", "all": ["{tags}", "{order.note}"], "n": 1.5});
        let expected = json!({"id": 7, "name": "Unknown User", "all": [["a", 1, true], null], "n": 1.5});
        assert_eq!(rendered(source), Ok(expected));
        assert_eq!(rendered(json!("{order.items.0.id}")), Ok(json!("x")));
    }

    #[test]
    fn a_reference_inside_a_text_is_left_as_it_is() {
        for (source, expected) in [
            ("user {user-id}!", "user 7!"),
            ("?ids={tags}", "?ids=a,1,true"),
            ("{user-id}{order.items.0.id}", "7x"),
            ("[{order.note}]", "[]"),
            ("{{user-id}} {{{user-id}}}", "{user-id} {7}"),
            ("{{", "{"),
        ] {
            assert_eq!(rendered(json!(source)), Ok(json!(expected)), "{source}");
        }
    }

    #[test]
    fn the_names_in_a_template_are_not_known_before_it_is_needed() {
        let template = template(json!({"a": "{order.items}", "b": ["x {tags} {order.note}", "{{no}}"], "{key}": 1}));
        assert_eq!(template.names().into_iter().collect::<Vec<_>>(), ["order", "tags"]);
    }

    #[test]
    fn a_reference_that_leads_nowhere_becomes_null() {
        for (source, expected) in [
            ("{nobody}", "`{nobody}` leads nowhere: what is given has no `nobody`"),
            ("{order.itmes}", "`{order.itmes}` leads nowhere: `order` has no `itmes`"),
            ("{order.items.1}", "`{order.items.1}` leads nowhere: `order.items` has no `1`"),
            ("{order.items.first}", "`{order.items.first}` leads nowhere: `order.items` has no `first`"),
            ("{order.note.text}", "`{order.note.text}` leads nowhere: `order.note` has no `text`"),
            ("a {order}", "`{order}` is an object, which cannot stand inside a text; let it be the whole string"),
            (
                "a {order.items}",
                "`{order.items}` is a list of lists or objects, which cannot stand inside a text; let it be the whole string",
            ),
        ] {
            assert_eq!(rendered(json!([source])).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn a_bad_template_is_found_when_it_is_needed() {
        for (source, expected) in [
            ("{a", "`{a` has a `{` without its `}`; write `{{` for the brace itself"),
            ("a}", "`a}` has a `}` without its `{`; write `}}` for the brace itself"),
            ("{}", "`{}` refers to nothing; write a name, as in `{user-id}` or `{order.items.0}`"),
            ("{a b}", "`{a b}` is no reference; names have letters, digits, `-` and `_`, with a `.` between two"),
            ("x{a..b}", "`{a..b}` is no reference; names have letters, digits, `-` and `_`, with a `.` between two"),
        ] {
            assert_eq!(Template::parse(json!({"k": [source]})).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn a_template_changes_on_its_way_through_json() {
        let source = json!({"ok": {"available": false, "id": "{id}"}, "list": [null, {}]});
        let parsed: Template = serde_json::from_value(source.clone()).unwrap();
        assert_eq!(serde_json::to_value(&parsed).unwrap(), source);
        assert!(serde_json::from_value::<Template>(json!(["{"])).unwrap_err().to_string().contains("without its `}`"));
    }

    proptest! {
        #[test]
        fn some_text_ends_the_host_or_comes_out_changed(text in "[{}a.\\-_0 ]{0,12}", any in ".{0,20}") {
            for text in [text, any] {
                if let Ok(template) = Template::parse(json!(text)) {
                    let _ = template.render(&values());
                }
                let escaped = text.replace('{', "{{").replace('}', "}}");
                prop_assert_eq!(rendered(json!(escaped)), Ok(json!(text)));
            }
        }
    }
}
