//! What a server made of a configuration, beside what it was asked for (pure).
//!
//! Old servers drop fields that they do not know and say that all is well. So every configuration is read back.

use serde_json::{Map, Value};

use super::tier::{Server, since};

/// A field that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Its name.
    pub field: String,
    /// As it should be.
    pub wanted: Value,
    /// As it is; null: it is missing.
    pub found: Value,
}

/// What is not as wanted. Fields that nobody has asked for may be anything.
pub fn differences(wanted: &Map<String, Value>, found: &Value) -> Vec<Difference> {
    let each = wanted.iter().map(|(field, wanted)| (field, wanted, found.get(field).unwrap_or(&Value::Null)));
    let differ = each.filter(|(_, wanted, found)| wanted != found && !(found.is_null() && is_default(wanted)));
    differ
        .map(|(field, wanted, found)| Difference { field: field.clone(), wanted: wanted.clone(), found: found.clone() })
        .collect()
}

/// Servers leave out what is not set.
fn is_default(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(set) => !set,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
    }
}

/// Whether the server has taken all of what it was asked for.
///
/// # Errors
/// What it has dropped or changed, with since when servers know it.
pub fn confirm(wanted: &Map<String, Value>, found: &Value, server: Server) -> Result<(), String> {
    let differences = differences(wanted, found);
    if differences.is_empty() {
        return Ok(());
    }
    let each: Vec<String> = differences.iter().map(|difference| refused(difference, server)).collect();
    Err(each.join("; "))
}

fn refused(difference: &Difference, server: Server) -> String {
    let Difference { field, wanted, found } = difference;
    match since(field).filter(|_| found.is_null()) {
        Some(version) => format!("NATS server {} does not have `{field}`, which came with {version}", server.version),
        None => format!("the NATS server was asked for `{field}` {wanted} and has made it {found}"),
    }
}

/// The differences in one sentence part: `max_age` is 1 and not 2.
pub fn list(differences: &[Difference]) -> String {
    let each = differences.iter().map(|Difference { field, wanted, found }| {
        let found = if found.is_null() { "not set".to_owned() } else { found.to_string() };
        format!("`{field}` is {found} and not {wanted}")
    });
    each.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::events::nats::tier::Version;

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn a_setting_that_the_server_left_out_counts_as_changed() {
        let wanted = map(json!({"no_ack": false, "filter_subject": "", "max_age": 0, "retention": "limits", "n": -1}));
        assert_eq!(differences(&wanted, &json!({"retention": "limits", "n": -1, "other": 1})), []);
        let found = json!({"retention": "workqueue", "no_ack": true});
        let found = differences(&wanted, &found);
        assert_eq!(
            list(&found),
            r#"`n` is not set and not -1, `no_ack` is true and not false, `retention` is "workqueue" and not "limits""#
        );
    }

    #[test]
    fn an_old_server_drops_a_setting_in_silence() {
        let old = Server { version: Version(2, 9, 10), api_level: 0 };
        let refused = confirm(&map(json!({"metadata": {"a": "b"}})), &json!({}), old);
        assert_eq!(refused, Err("NATS server 2.9.10 does not have `metadata`, which came with 2.10".to_owned()));
        let refused = confirm(&map(json!({"max_deliver": -1})), &json!({"max_deliver": 5}), old);
        assert_eq!(refused, Err("the NATS server was asked for `max_deliver` -1 and has made it 5".to_owned()));
        assert_eq!(confirm(&map(json!({"metadata": {}})), &json!({}), old), Ok(()));
    }
}
