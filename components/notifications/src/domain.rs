//! How a message is written: a text with names in braces, and an event whose members they name. Which texts there are,
//! the manifest says, so nothing here knows of orders, or of patients.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A message to somebody, as it is stored and shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    pub id: String,
    /// Who it is for: an id in the domain that the event came from.
    pub recipient: String,
    /// Which event it was written from.
    pub subject: String,
    pub text: String,
    /// RFC 3339.
    pub created_at: String,
    /// When somebody has taken it to its recipient. RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<String>,
}

impl Message {
    /// The same message, taken to its recipient. The first time counts.
    pub fn sent(self, now: String) -> Self {
        Self { sent_at: Some(self.sent_at.unwrap_or(now)), ..self }
    }
}

/// The text with the event's members in the place of their names. What the event does not have is left out.
///
/// A member whose name ends with `_cents` is money: it is written with its point, `12.90`.
pub fn write(text: &str, event: &Map<String, Value>) -> String {
    let mut parts = text.split('{');
    let mut written = parts.next().unwrap_or_default().to_string();
    for part in parts {
        match part.split_once('}') {
            Some((name, rest)) => {
                written.push_str(&member(event, name));
                written.push_str(rest);
            }
            // a brace that is not closed is a brace
            None => {
                written.push('{');
                written.push_str(part);
            }
        }
    }
    written
}

fn member(event: &Map<String, Value>, name: &str) -> String {
    match event.get(name) {
        Some(Value::Number(cents)) if name.ends_with("_cents") => match cents.as_u64() {
            Some(cents) => format!("{}.{:02}", cents / 100, cents % 100),
            None => cents.to_string(),
        },
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> String {
        let event = serde_json::json!({"order_id": "7", "total_cents": 1290, "late": true, "none": null});
        write(text, event.as_object().unwrap())
    }

    #[test]
    fn a_message_shows_braces_or_hundredths() {
        assert_eq!(written("Order {order_id}: {total_cents} EUR"), "Order 7: 12.90 EUR");
        assert_eq!(written("{late}{none}{unknown}."), "true.");
        assert_eq!(written("a { b"), "a { b");
        assert_eq!(written(""), "");
    }

    #[test]
    fn a_message_is_sent_twice() {
        let message = Message {
            id: "1".into(),
            recipient: "ada".into(),
            subject: "orders.created".into(),
            text: String::new(),
            created_at: String::new(),
            sent_at: None,
        };
        let sent = message.sent("first".into());
        assert_eq!(sent.sent("second".into()).sent_at.as_deref(), Some("first"));
    }
}
