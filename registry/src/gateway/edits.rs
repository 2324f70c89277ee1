//! `request = { … }` and `response = { … }`: header fields that a rule takes away, sets and adds.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderValue};
use serde::{Deserialize, Serialize};

use super::Misfit;
use super::field::FieldName;

/// What happens to the header of a message, in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Edits {
    /// Fields that go.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remove: Vec<FieldName>,
    /// Fields that have this one value.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub set: BTreeMap<FieldName, String>,
    /// Fields that get one value more.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub add: BTreeMap<FieldName, String>,
}

impl Edits {
    /// Whether a message stays as it is.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Edits a header. Values were checked when the rule was deployed.
    pub fn apply(&self, headers: &mut HeaderMap) {
        for name in &self.remove {
            headers.remove(name.as_header());
        }
        for (name, value) in &self.set {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name.as_header(), value);
            }
        }
        for (name, value) in &self.add {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.append(name.as_header(), value);
            }
        }
    }

    /// What of it cannot be done. `key`: `request` or `response`.
    pub(super) fn misfits(&self, key: &'static str) -> Vec<Misfit> {
        let written = self.set.iter().chain(&self.add);
        let named = self.remove.iter().chain(self.set.keys()).chain(self.add.keys());
        let reserved = named.filter_map(|name| Some((name, name.reserved()?)));
        let reserved = reserved.map(|(name, reason)| {
            Misfit::new(key, format!("`{key}` cannot change `{name}`: {reason}"), "leave this field away")
        });
        let unwritable = written.filter(|(_, value)| HeaderValue::from_str(value).is_err());
        let unwritable = unwritable.map(|(name, _)| {
            let message = format!("`{key}` gives `{name}` a text that no header field can hold");
            Misfit::new(key, message, "use visible ASCII characters and spaces")
        });
        reserved.chain(unwritable).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edits(json: &str) -> Edits {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_field_is_not_edited_or_edited_twice() {
        let rule = edits(r#"{"remove":["x-a","x-b"],"set":{"x-b":"1","x-c":"2"},"add":{"x-c":"3","x-d":"4"}}"#);
        let mut headers = HeaderMap::new();
        for name in ["x-a", "x-b", "x-c", "x-d", "x-e"] {
            headers.append(name, HeaderValue::from_static("old"));
        }
        rule.apply(&mut headers);
        let values = |name: &str| headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect::<Vec<_>>();
        assert_eq!(
            ["x-a", "x-b", "x-c", "x-d", "x-e"].map(values),
            [vec![], vec!["1"], vec!["2", "3"], vec!["old", "4"], vec!["old"]]
        );
    }

    #[test]
    fn an_edit_smuggles_a_second_request() {
        assert_eq!(edits(r#"{"remove":["authorization"],"set":{"x-a":"b"}}"#).misfits("request"), []);
        for json in [
            r#"{"set":{"content-length":"0"}}"#,
            r#"{"remove":["host"]}"#,
            r#"{"add":{"transfer-encoding":"chunked"}}"#,
            r#"{"set":{"x-holm-principal":"admin"}}"#,
            r#"{"set":{"x-a":"1\r\nx-b: 2"}}"#,
        ] {
            assert_eq!(edits(json).misfits("request").len(), 1, "{json}");
        }
    }
}
