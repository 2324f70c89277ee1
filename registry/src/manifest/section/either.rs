//! Keys whose value may have one of several types.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::Range;

use serde_json::{Map, Number, Value as Json};
use toml::Spanned;
use toml::de::{DeArray, DeFloat, DeInteger, DeTable, DeValue};

use super::{Reader, Section, Value};

impl<'a> Section<'a> {
    /// A share of a whole: a number, with or without a fraction.
    pub(in super::super) fn share(&mut self, key: &'static str) -> Option<f64> {
        let value = self.value(key)?;
        let number = match value.get_ref() {
            DeValue::Integer(number) => number.as_str().parse().ok(),
            DeValue::Float(number) => number.as_str().parse().ok(),
            _ => None,
        };
        if number.is_none() {
            self.reader.wrong_type(key, "a number from 0 to 1", "0.2", value);
        }
        number
    }

    /// An array of strings that `parse` understands, or one such string alone. `None` when absent,
    /// or if one of them is bad.
    pub(in super::super) fn list_or_one<T, E: Display>(
        &mut self,
        key: &'static str,
        example: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<Vec<Spanned<T>>> {
        let value = self.value(key)?;
        let items = match value.get_ref() {
            DeValue::Array(items) => items.iter().collect(),
            _ => vec![value],
        };
        let read: Vec<_> = items.iter().map(|item| self.reader.parse(key, example, item, &parse)).collect();
        read.into_iter().collect()
    }

    /// Whether the user wrote a text there.
    pub(in super::super) fn is_text(&self, key: &str) -> bool {
        self.table.get(key).is_some_and(|value| value.get_ref().is_str())
    }

    /// Whether the user wrote `true` or `false` there.
    pub(in super::super) fn is_switch(&self, key: &str) -> bool {
        self.table.get(key).is_some_and(|value| value.get_ref().as_bool().is_some())
    }

    /// `true` or `false`.
    pub(in super::super) fn switch(&mut self, key: &'static str) -> Option<bool> {
        let value = self.value(key)?;
        let switch = value.get_ref().as_bool();
        if switch.is_none() {
            self.reader.wrong_type(key, "`true` or `false`", "true", value);
        }
        switch
    }

    /// A status of HTTP, as far as it is a number for one.
    pub(in super::super) fn status(&mut self, key: &'static str) -> Option<u16> {
        let number = self.count(key)?;
        let status = u16::try_from(number).ok().filter(|status| (100..1000).contains(status));
        if status.is_none() {
            let message = format!("`{key}` is {number}, and a status of HTTP has three digits");
            self.report(self.key_span(key), message, format!("for example `{key} = 200`"));
        }
        status
    }

    /// Statuses of HTTP under names that are the user's own.
    pub(in super::super) fn statuses(self) -> BTreeMap<String, u16> {
        let status = |(name, value): (&Spanned<std::borrow::Cow<'_, str>>, &Value<'_>)| {
            let number = value.get_ref().as_integer();
            let status = number.and_then(|number| u16::from_str_radix(number.as_str(), number.radix()).ok());
            if status.is_none() {
                self.reader.wrong_type(name.get_ref(), "a status of HTTP", "404", value);
            }
            status.map(|status| (name.get_ref().to_string(), status))
        };
        self.table.iter().filter_map(status).collect()
    }

    /// Where the values of a table stand, by their names.
    pub(in super::super) fn places_in(&self, key: &str) -> BTreeMap<String, Range<usize>> {
        let table = self.table.get(key).and_then(|value| value.get_ref().as_table());
        let place = |(name, value): (&Spanned<std::borrow::Cow<'_, str>>, &Value<'_>)| {
            (name.get_ref().to_string(), value.span())
        };
        table.into_iter().flat_map(|table| table.iter()).map(place).collect()
    }

    /// One section, or an array of them.
    pub(in super::super) fn section_or_sections(&mut self, key: &'static str, example: &str) -> Vec<Self> {
        match self.table.get(key).map(Spanned::get_ref) {
            Some(DeValue::Array(_)) => self.sections(key, example),
            _ => self.section(key, example).into_iter().collect(),
        }
    }

    /// Any value, as JSON. Strings have their variables filled in.
    pub(in super::super) fn json(&mut self, key: &'static str) -> Option<Spanned<Json>> {
        let value = self.value(key)?;
        Some(Spanned::new(value.span(), self.reader.json(key, value)?))
    }
}

impl Reader<'_> {
    fn json(&self, key: &str, value: &Value<'_>) -> Option<Json> {
        Some(match value.get_ref() {
            DeValue::String(_) => Json::String(self.text(key, "\"text\"", value)?.into_inner()),
            DeValue::Integer(number) => match integer(number) {
                Some(number) => Json::Number(number),
                None => {
                    self.wrong_type(key, "a number of at most 64 bits", "7", value);
                    return None;
                }
            },
            DeValue::Float(number) => float(number),
            DeValue::Boolean(truth) => Json::Bool(*truth),
            DeValue::Datetime(time) => Json::String(time.to_string()),
            DeValue::Array(items) => Json::Array(self.json_items(key, items)?),
            DeValue::Table(table) => Json::Object(self.json_fields(table)?),
        })
    }

    /// Every problem in it is reported, not only the first.
    fn json_items(&self, key: &str, items: &DeArray<'_>) -> Option<Vec<Json>> {
        let read: Vec<Option<Json>> = items.iter().map(|item| self.json(key, item)).collect();
        read.into_iter().collect()
    }

    fn json_fields(&self, table: &DeTable<'_>) -> Option<Map<String, Json>> {
        let field = |(key, value): (&Spanned<std::borrow::Cow<'_, str>>, &Value<'_>)| {
            Some((key.get_ref().to_string(), self.json(key.get_ref(), value)?))
        };
        let read: Vec<Option<(String, Json)>> = table.iter().map(field).collect();
        read.into_iter().collect()
    }
}

fn integer(number: &DeInteger<'_>) -> Option<Number> {
    let (text, radix) = (number.as_str(), number.radix());
    i64::from_str_radix(text, radix)
        .map(Number::from)
        .ok()
        .or_else(|| u64::from_str_radix(text, radix).map(Number::from).ok())
}

/// JSON has no infinities and no NaN: they are strings, as everywhere between JSON and WIT.
fn float(number: &DeFloat<'_>) -> Json {
    let number: f64 = number.as_str().parse().unwrap_or(f64::NAN);
    let text = || match number {
        f64::INFINITY => "Infinity",
        f64::NEG_INFINITY => "-Infinity",
        _ => "NaN",
    };
    Number::from_f64(number).map_or_else(|| Json::String(text().to_owned()), Json::Number)
}
