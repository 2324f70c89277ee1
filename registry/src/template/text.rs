//! One string of a template: plain text, one reference, or both mixed.

use std::fmt;

use serde_json::{Map, Value};
use thiserror::Error;

use super::{RenderError, Scope};

/// `order.items.0`: a name, then keys and positions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    name: String,
    /// Keys and positions behind the name.
    steps: Vec<String>,
}

/// Why a string is no template.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TemplateError {
    /// `{a`
    #[error("`{0}` has a `{{` without its `}}`; write `{{{{` for the brace itself")]
    Unclosed(String),
    /// `a}`
    #[error("`{0}` has a `}}` without its `{{`; write `}}}}` for the brace itself")]
    Unopened(String),
    /// `{}`
    #[error("`{{}}` refers to nothing; write a name, as in `{{user-id}}` or `{{order.items.0}}`")]
    Empty,
    /// `{a b}`
    #[error("`{{{0}}}` is no reference; names have letters, digits, `-` and `_`, with a `.` between two")]
    Reference(String),
}

/// A string, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Text {
    /// Nothing to fill in; braces are unescaped.
    Plain(String),
    /// `{reference}` and nothing else.
    Whole(Reference),
    /// Anything else, with at least one reference.
    Parts(Vec<Part>),
}

/// A piece of a string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// As it stands there; braces are unescaped.
    Literal(String),
    /// What is put in as text.
    Reference(Reference),
}

/// Reads one string.
///
/// # Errors
/// When it is no template.
pub fn parse_text(text: &str) -> Result<Text, TemplateError> {
    let (mut parts, mut literal, mut rest) = (Vec::new(), String::new(), text);
    while let Some(at) = rest.find(['{', '}']) {
        let (before, brace) = rest.split_at(at);
        literal.push_str(before);
        if let Some(after) = brace.strip_prefix("{{") {
            literal.push('{');
            rest = after;
        } else if let Some(after) = brace.strip_prefix("}}") {
            literal.push('}');
            rest = after;
        } else {
            let inner = brace.strip_prefix('{').ok_or_else(|| TemplateError::Unopened(text.to_owned()))?;
            let (path, after) = inner.split_once('}').ok_or_else(|| TemplateError::Unclosed(text.to_owned()))?;
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(&mut literal)));
            }
            parts.push(Part::Reference(Reference::parse(path)?));
            rest = after;
        }
    }
    literal.push_str(rest);
    Ok(assemble(parts, literal))
}

fn assemble(mut parts: Vec<Part>, literal: String) -> Text {
    if parts.is_empty() {
        return Text::Plain(literal);
    }
    if !literal.is_empty() {
        parts.push(Part::Literal(literal));
    }
    match <[Part; 1]>::try_from(parts) {
        Ok([Part::Reference(reference)]) => Text::Whole(reference),
        Ok(one) => Text::Parts(one.into()),
        Err(parts) => Text::Parts(parts),
    }
}

impl Text {
    /// What it refers to.
    pub fn references(&self) -> impl Iterator<Item = &Reference> {
        let (whole, parts) = match self {
            Self::Plain(_) => (None, &[][..]),
            Self::Whole(reference) => (Some(reference), &[][..]),
            Self::Parts(parts) => (None, parts.as_slice()),
        };
        let inside = parts.iter().filter_map(|part| match part {
            Part::Reference(reference) => Some(reference),
            Part::Literal(_) => None,
        });
        whole.into_iter().chain(inside)
    }

    pub(super) fn render(&self, scope: &Scope<'_>) -> Result<String, RenderError> {
        match self {
            Self::Plain(text) => Ok(text.clone()),
            Self::Whole(reference) => reference.text(scope),
            Self::Parts(parts) => parts.iter().map(|part| part.render(scope)).collect(),
        }
    }
}

impl Part {
    fn render(&self, scope: &Scope<'_>) -> Result<String, RenderError> {
        match self {
            Self::Literal(text) => Ok(text.clone()),
            Self::Reference(reference) => reference.text(scope),
        }
    }
}

impl Reference {
    fn parse(path: &str) -> Result<Self, TemplateError> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if path.is_empty() {
            return Err(TemplateError::Empty);
        }
        if path.split('.').any(|step| step.is_empty() || !step.chars().all(allowed)) {
            return Err(TemplateError::Reference(path.to_owned()));
        }
        let mut steps = path.split('.').map(str::to_owned);
        Ok(Self { name: steps.next().unwrap_or_default(), steps: steps.collect() })
    }

    /// Which of the named values it begins at.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Keys and positions behind the name.
    pub fn steps(&self) -> &[String] {
        &self.steps
    }

    pub(super) fn find<'a>(&self, values: &'a Map<String, Value>) -> Result<&'a Value, RenderError> {
        let mut found = values.get(&self.name).ok_or_else(|| RenderError::Missing {
            reference: self.clone(),
            parent: "what is given".to_owned(),
            missing: self.name.clone(),
        })?;
        for (at, step) in self.steps.iter().enumerate() {
            found = step_into(found, step).ok_or_else(|| self.missing_step(at, step))?;
        }
        Ok(found)
    }

    fn missing_step(&self, at: usize, step: &str) -> RenderError {
        let parent = Self { name: self.name.clone(), steps: self.steps.iter().take(at).cloned().collect() };
        RenderError::Missing { reference: self.clone(), parent: format!("`{parent}`"), missing: step.to_owned() }
    }

    /// The value as text: a list of plain values has commas between them, null is nothing.
    fn text(&self, scope: &Scope<'_>) -> Result<String, RenderError> {
        self.texts_of(scope.find(self)?).map(|texts| texts.join(","))
    }

    /// The value as a text, or a list of plain values as one text each.
    ///
    /// # Errors
    /// When it leads nowhere, or to something that is no text.
    pub fn texts(&self, values: &Map<String, Value>) -> Result<Vec<String>, RenderError> {
        self.texts_of(self.find(values)?)
    }

    fn texts_of(&self, value: &Value) -> Result<Vec<String>, RenderError> {
        let no_text = |found| RenderError::NoText { reference: self.clone(), found };
        match value {
            Value::Array(items) => {
                let items: Option<Vec<String>> = items.iter().map(plain_text).collect();
                items.ok_or_else(|| no_text("a list of lists or objects"))
            }
            value => plain_text(value).map(|text| vec![text]).ok_or_else(|| no_text("an object")),
        }
    }
}

fn step_into<'a>(value: &'a Value, step: &str) -> Option<&'a Value> {
    match value {
        Value::Object(fields) => fields.get(step),
        Value::Array(items) => items.get(step.parse::<usize>().ok()?),
        _ => None,
    }
}

fn plain_text(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some(String::new()),
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.steps.iter().try_for_each(|step| write!(f, ".{step}"))
    }
}
