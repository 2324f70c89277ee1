//! Where messages are kept: one JSON value a message, under `message/{id}`.

use crate::domain::Message;
use holm_guest::kv::{self, Bucket};
use holm_guest::page::{self, Page, Wanted};
use holm_guest::{Problem, Request};

pub fn find(bucket: &Bucket, id: &str) -> Result<Message, Problem> {
    kv::get(bucket, &key(id))?.ok_or_else(|| Problem::not_found("Message not found"))
}

pub fn save(bucket: &Bucket, message: &Message) -> Result<(), kv::Error> {
    kv::set(bucket, &key(&message.id), message)
}

/// The messages in the order of their writing: those to one recipient, or those that wait, if the request asks for them.
pub fn list(bucket: &Bucket, request: &Request) -> Result<Page<Message>, Problem> {
    let recipient = request.query("recipient");
    let waiting = request.query("waiting") == Some("true");
    let wanted = |message: &Message| {
        recipient.is_none_or(|recipient| message.recipient == recipient) && !(waiting && message.sent_at.is_some())
    };
    Ok(page::read(bucket, "message/", &Wanted::of(request)?, wanted)?)
}

fn key(id: &str) -> String {
    format!("message/{id}")
}
