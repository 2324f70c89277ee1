//! JSON objects as Consul reads them: keys in any case and with or without underscores, `null`
//! for absent, durations as text or as nanoseconds. Keys that nobody asks for are passed over, as
//! Consul does: clients send many.

use std::collections::BTreeMap;
use std::time::Duration;

use holm_registry::discovery::go_duration;
use serde_json::Value;

use super::refusal::Refusal;

/// One object.
pub(super) struct Fields(BTreeMap<String, Value>);

impl Fields {
    /// The body of a request.
    pub(super) fn parse(body: &[u8]) -> Result<Self, Refusal> {
        let value = serde_json::from_slice(body);
        Self::of("the body", value.map_err(|error| Refusal::bad_request(format!("Request decode failed: {error}")))?)
    }

    /// A value that is to be an object.
    pub(super) fn of(what: &str, value: Value) -> Result<Self, Refusal> {
        let Value::Object(object) = value else { return Err(wrong(what, "an object")) };
        let plain = |key: &str| key.chars().filter(|c| *c != '_').collect::<String>().to_ascii_lowercase();
        let there = object.into_iter().filter(|(_, value)| !value.is_null());
        Ok(Self(there.map(|(key, value)| (plain(&key), value)).collect()))
    }

    /// Whether the client wrote this, other than as nothing: `""`, `false`, `[]`, `{}`.
    pub(super) fn has(&self, key: &str) -> bool {
        self.0.get(&key.to_ascii_lowercase()).is_some_and(|value| match value {
            Value::String(text) => !text.is_empty(),
            Value::Bool(is) => *is,
            Value::Array(items) => !items.is_empty(),
            Value::Object(fields) => !fields.is_empty(),
            Value::Null => false,
            Value::Number(_) => true,
        })
    }

    /// A text; empty when absent.
    pub(super) fn text(&mut self, key: &str) -> Result<String, Refusal> {
        match self.take(key) {
            None => Ok(String::new()),
            Some(Value::String(text)) => Ok(text),
            Some(_) => Err(wrong(key, "a string")),
        }
    }

    /// A whole number.
    pub(super) fn number(&mut self, key: &str, most: u32) -> Result<Option<u32>, Refusal> {
        let Some(value) = self.take(key) else { return Ok(None) };
        let number = value.as_u64().and_then(|number| u32::try_from(number).ok()).filter(|number| *number <= most);
        number.map(Some).ok_or_else(|| wrong(key, &format!("a number from 0 to {most}")))
    }

    /// A duration as Go writes it, or nanoseconds.
    pub(super) fn duration(&mut self, key: &str) -> Result<Option<Duration>, Refusal> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => match go_duration::parse(&text) {
                Ok(duration) => Ok(Some(duration)),
                Err(error) => Err(Refusal::bad_request(format!("Invalid {key}: {error}"))),
            },
            Some(value) => {
                let nanos = value.as_u64().ok_or_else(|| wrong(key, "a duration such as \"10s\""))?;
                Ok(Some(Duration::from_nanos(nanos)))
            }
        }
    }

    /// A list of texts; empty when absent.
    pub(super) fn texts(&mut self, key: &str) -> Result<Vec<String>, Refusal> {
        let text = |value| match value {
            Value::String(text) => Ok(text),
            _ => Err(wrong(key, "a list of strings")),
        };
        self.list(key)?.into_iter().map(text).collect()
    }

    /// A list; empty when absent.
    pub(super) fn list(&mut self, key: &str) -> Result<Vec<Value>, Refusal> {
        match self.take(key) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => Ok(items),
            Some(_) => Err(wrong(key, "a list")),
        }
    }

    /// An object whose keys are the client's own; empty when absent.
    pub(super) fn pairs(&mut self, key: &str) -> Result<Vec<(String, Value)>, Refusal> {
        match self.take(key) {
            None => Ok(Vec::new()),
            Some(Value::Object(object)) => Ok(object.into_iter().collect()),
            Some(_) => Err(wrong(key, "an object")),
        }
    }

    /// Any value.
    pub(super) fn take(&mut self, key: &str) -> Option<Value> {
        self.0.remove(&key.to_ascii_lowercase())
    }
}

/// Short: Node's client shows no longer texts.
pub(super) fn wrong(key: &str, expected: &str) -> Refusal {
    Refusal::bad_request(format!("Request decode failed: {key} must be {expected}"))
}
