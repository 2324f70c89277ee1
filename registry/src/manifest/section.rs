//! Reads the tables of a manifest key by key.
//!
//! Every problem is noted with its place and reading goes on, so that one run shows all of them.
//! A [`Section`] remembers the keys that it was asked for; [`Section::finish`] then finds the
//! ones that nobody knows. So a key is named once, where it is read.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::Range;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::{Diagnostic, position};
use super::env::{EnvError, expand};
use crate::nearest::nearest;
use crate::units::{ByteSize, parse_duration};

mod either;

type Value<'a> = Spanned<DeValue<'a>>;

/// What all sections of one manifest share.
pub(super) struct Reader<'a> {
    source: &'a str,
    env: &'a dyn Fn(&str) -> Option<String>,
    found: RefCell<Vec<Diagnostic>>,
}

/// One table of the manifest.
pub(super) struct Section<'a> {
    reader: &'a Reader<'a>,
    /// `service.users`; empty for the whole file.
    path: String,
    /// Where to point when something is missing.
    span: Range<usize>,
    table: &'a DeTable<'a>,
    known: Vec<&'static str>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(source: &'a str, env: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { source, env, found: RefCell::default() }
    }

    /// Notes a problem.
    pub(super) fn report(&self, span: Range<usize>, message: String, help: String) {
        self.found.borrow_mut().push(Diagnostic::new(self.source, span, message, help));
    }

    /// The line of a place, for messages that mention another one.
    pub(super) fn line(&self, span: &Range<usize>) -> usize {
        position(self.source, span.start).0
    }

    /// All that was noted.
    pub(super) fn into_found(self) -> Vec<Diagnostic> {
        self.found.into_inner()
    }

    fn text(&self, key: &str, example: &str, value: &Value<'_>) -> Option<Spanned<String>> {
        let DeValue::String(text) = value.get_ref() else {
            self.wrong_type(key, "a string", example, value);
            return None;
        };
        match expand(text, self.env) {
            Ok(text) => Some(Spanned::new(value.span(), text)),
            Err(error) => {
                let help = match error {
                    EnvError::Undefined(_) => "set it before starting, or write `$${` for a literal `${`",
                    EnvError::Unclosed | EnvError::Name(_) => {
                        "write `${NAME}` for a variable, or `$${` for a literal `${`"
                    }
                };
                self.report(value.span(), error.to_string(), help.to_owned());
                None
            }
        }
    }

    fn parse<T, E: Display>(
        &self,
        key: &str,
        example: &str,
        value: &Value<'_>,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<Spanned<T>> {
        let text = self.text(key, example, value)?;
        match parse(text.get_ref()) {
            Ok(parsed) => Some(Spanned::new(value.span(), parsed)),
            Err(error) => {
                self.report(value.span(), error.to_string(), for_example(key, example));
                None
            }
        }
    }

    fn wrong_type(&self, key: &str, expected: &str, example: &str, value: &Value<'_>) {
        let found = describe(value.get_ref());
        self.report(value.span(), format!("`{key}` is {found}, but must be {expected}"), for_example(key, example));
    }
}

/// The type of a value; of a number, the number, since its type may be right.
fn describe(value: &DeValue<'_>) -> String {
    match (value, value.type_str()) {
        (DeValue::Integer(number), _) => number.to_string(),
        (_, "array") => "an array".to_owned(),
        (_, word) => format!("a {word}"),
    }
}

fn for_example(key: &str, example: &str) -> String {
    format!("for example `{key} = {example}`")
}

impl<'a> Section<'a> {
    /// The whole file.
    pub(super) fn root(reader: &'a Reader<'a>, table: &'a DeTable<'a>) -> Self {
        Self { reader, path: String::new(), span: 0..0, table, known: Vec::new() }
    }

    /// Notes a problem.
    pub(super) fn report(&self, span: Range<usize>, message: String, help: String) {
        self.reader.report(span, message, help);
    }

    /// Notes a problem of the section as a whole.
    pub(super) fn report_here(&self, message: String, help: String) {
        self.reader.report(self.span.clone(), message, help);
    }

    /// A string that `parse` understands.
    pub(super) fn parsed<T, E: Display>(
        &mut self,
        key: &'static str,
        example: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<Spanned<T>> {
        let value = self.value(key)?;
        self.reader.parse(key, example, value, parse)
    }

    /// A size as text, or a number of bytes.
    pub(super) fn size(&mut self, key: &'static str) -> Option<ByteSize> {
        let value = self.value(key)?;
        if let DeValue::Integer(number) = value.get_ref()
            && let Ok(bytes) = u64::from_str_radix(number.as_str(), number.radix())
        {
            return Some(ByteSize::bytes(bytes));
        }
        self.reader.parse(key, "\"64MiB\"", value, str::parse).map(Spanned::into_inner)
    }

    /// A duration.
    pub(super) fn duration(&mut self, key: &'static str) -> Option<Duration> {
        self.parsed(key, "\"3s\"", parse_duration).map(Spanned::into_inner)
    }

    /// A whole number of things.
    pub(super) fn count(&mut self, key: &'static str) -> Option<u32> {
        let value = self.value(key)?;
        let number = value.get_ref().as_integer().map(|number| u32::from_str_radix(number.as_str(), number.radix()));
        let Some(Ok(count)) = number else {
            self.reader.wrong_type(key, "a whole number from 0 to 4294967295", "64", value);
            return None;
        };
        Some(count)
    }

    /// An array of strings that `parse` understands; empty when absent. `None` if one of them
    /// is bad: what is left would mean something else (an empty list of methods means all).
    pub(super) fn list<T, E: Display>(
        &mut self,
        key: &'static str,
        example: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<Vec<T>> {
        let items: Vec<_> = self.array(key, example)?.collect();
        let parsed: Vec<T> = items.iter().filter_map(|item| self.item(key, example, item, &parse)).collect();
        (parsed.len() == items.len()).then_some(parsed)
    }

    fn item<T, E: Display>(
        &self,
        key: &str,
        example: &str,
        item: &Value<'_>,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        if item.get_ref().is_str() {
            return self.reader.parse(key, example, item, parse).map(Spanned::into_inner);
        }
        let message = format!("`{key}` contains {}, but must contain only strings", describe(item.get_ref()));
        self.reader.report(item.span(), message, for_example(key, example));
        None
    }

    /// A table of strings under names that are the user's own.
    pub(super) fn texts(&mut self, key: &'static str, example: &str) -> BTreeMap<String, String> {
        let Some(table) = self.value(key).and_then(|value| self.table_in(key, example, value)) else {
            return BTreeMap::new();
        };
        let text = |(name, value): (&'a Spanned<_>, &'a Value<'a>)| {
            let name: &std::borrow::Cow<'_, str> = name.get_ref();
            let text = self.reader.text(name, "\"text\"", value)?;
            Some((name.to_string(), text.into_inner()))
        };
        table.iter().filter_map(text).collect()
    }

    /// A section in this section.
    pub(super) fn section(&mut self, key: &'static str, example: &str) -> Option<Self> {
        let span = self.key_span(key);
        let value = self.value(key)?;
        let table = self.table_in(key, example, value)?;
        Some(self.child(self.path_of(key), span, table))
    }

    /// Sections under names that are the user's own: `[service.users]`.
    pub(super) fn named_sections(&mut self, key: &'static str, example: &str) -> Vec<(Spanned<&'a str>, Self)> {
        let Some(table) = self.value(key).and_then(|value| self.table_in(key, example, value)) else {
            return Vec::new();
        };
        let section = |(name, value): (&'a Spanned<_>, &'a Value<'a>)| {
            let span = name.span();
            let name: &std::borrow::Cow<'_, str> = name.get_ref();
            let path = format!("{}.{name}", self.path_of(key));
            let table = self.table_in(&path, example, value)?;
            Some((Spanned::new(span.clone(), name.as_ref()), self.child(path, span, table)))
        };
        table.iter().filter_map(section).collect()
    }

    /// `[[sections]]` in order.
    pub(super) fn sections(&mut self, key: &'static str, example: &str) -> Vec<Self> {
        let items = self.array(key, example).into_iter().flatten();
        let section = |item: &'a Value<'a>| {
            let table = self.table_in(key, example, item)?;
            Some(self.child(self.path_of(key), item.span(), table))
        };
        items.filter_map(section).collect()
    }

    /// Accepts an array only if it is empty: what `reason` says cannot be granted.
    pub(super) fn empty_list(&mut self, key: &'static str, reason: &str) {
        let filled = |value: &&Value<'_>| !value.get_ref().as_array().is_some_and(|items| items.is_empty());
        if let Some(value) = self.value(key).filter(filled) {
            self.reader.report(
                value.span(),
                format!("`{}` must be empty: {reason}", self.path_of(key)),
                for_example(key, "[]"),
            );
        }
    }

    /// Whether the user wrote one of these keys.
    pub(super) fn has_any(&self, keys: &[&str]) -> bool {
        keys.iter().any(|key| self.table.contains_key(*key))
    }

    /// Reports a key that has no default and is not there.
    pub(super) fn require(&self, key: &str, example: &str) {
        if !self.table.contains_key(key) {
            let message = format!("`{}` has no `{key}`", self.path);
            self.reader.report(self.span.clone(), message, format!("add it, {}", for_example(key, example)));
        }
    }

    /// Reports the keys that were not asked for.
    pub(super) fn finish(self) {
        for key in self.table.keys() {
            let name: &str = key.get_ref();
            if !self.known.contains(&name) {
                let message = format!("unknown key `{name}` {}", self.place());
                self.reader.report(key.span(), message, self.suggestion(name));
            }
        }
    }

    fn suggestion(&self, name: &str) -> String {
        match nearest(name, self.known.iter().copied()) {
            Some(key) => format!("did you mean `{key}`?"),
            None => {
                let keys: Vec<String> = self.known.iter().map(|key| format!("`{key}`")).collect();
                format!("the keys {} are {}", self.place(), keys.join(", "))
            }
        }
    }

    fn place(&self) -> String {
        if self.path.is_empty() { "at the top of the manifest".to_owned() } else { format!("in `{}`", self.path) }
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn value(&mut self, key: &'static str) -> Option<&'a Value<'a>> {
        self.known.push(key);
        self.table.get(key)
    }

    /// Nothing when absent; `None` when it is no array.
    fn array(&mut self, key: &'static str, example: &str) -> Option<impl Iterator<Item = &'a Value<'a>> + use<'a>> {
        let value = self.value(key);
        let items = value.and_then(|value| value.get_ref().as_array());
        if let (Some(value), None) = (value, items) {
            self.reader.wrong_type(key, "an array", example, value);
            return None;
        }
        Some(items.into_iter().flat_map(|items| items.iter()))
    }

    fn table_in(&self, key: &str, example: &str, value: &'a Value<'a>) -> Option<&'a DeTable<'a>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.reader.wrong_type(key, "a table", example, value);
        }
        table
    }

    fn child(&self, path: String, span: Range<usize>, table: &'a DeTable<'a>) -> Self {
        Self { reader: self.reader, path, span, table, known: Vec::new() }
    }

    /// Where a key was written.
    pub(super) fn key_span(&self, key: &str) -> Range<usize> {
        self.table.get_key_value(key).map_or(0..0, |(key, _)| key.span())
    }
}
