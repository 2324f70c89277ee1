//! What happens, and who is to be told: a setting named after an event's subject is the text of the message to write.
//! The setting `recipient` names the member of the event that says whom it is for.

use crate::domain::{self, Message};
use crate::store;
use holm_guest::events::{self, Event, On};
use holm_guest::{Problem, clock, config, id, kv};
use serde_json::{Map, Value};

pub const HANDLERS: &[On] = &[On::new(">", write)];

/// Of an event without a text, and of one that is for nobody, no message is written.
fn write(event: &Event) -> Result<(), Problem> {
    let text = config::get(&event.subject, String::new())?;
    let told: Map<String, Value> = events::json(event)?;
    let recipient = told.get(&config::get("recipient", "user_id".to_string())?).and_then(Value::as_str);
    let Some(recipient) = recipient.filter(|recipient| !recipient.is_empty() && !text.is_empty()) else {
        return Ok(());
    };
    let message = Message {
        id: id::new(),
        recipient: recipient.to_string(),
        subject: event.subject.clone(),
        text: domain::write(&text, &told),
        created_at: clock::now().to_string(),
        sent_at: None,
    };
    Ok(store::save(&kv::open()?, &message)?)
}
