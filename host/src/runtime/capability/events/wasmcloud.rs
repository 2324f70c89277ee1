//! `wasmcloud:messaging/consumer@0.2.0`: the same bus in another vocabulary, without metadata.

use wasmtime::component::{HasSelf, Linker};

use super::{Draft, Refusal};
use crate::runtime::event::bindings::wasmcloud::wasmcloud::messaging::{consumer, types};
use crate::runtime::guest::Guest;

const NO_REQUESTS: &str = "events have no answers here: call a service through its typed interface, or by HTTP";
const NO_REPLY: &str = "reply-to cannot be set: events have no answers here";

/// Links the interface and its types.
pub(super) fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    types::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    consumer::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)
}

impl From<Refusal> for String {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Denied(why) | Refusal::Invalid(why) | Refusal::TooLarge(why) => why,
        }
    }
}

impl types::Host for Guest {}

impl consumer::Host for Guest {
    fn request(
        &mut self,
        _subject: String,
        _body: Vec<u8>,
        _timeout_ms: u32,
    ) -> wasmtime::Result<Result<types::BrokerMessage, String>> {
        Ok(Err(NO_REQUESTS.into()))
    }

    fn publish(&mut self, message: types::BrokerMessage) -> wasmtime::Result<Result<(), String>> {
        if message.reply_to.is_some() {
            return Ok(Err(NO_REPLY.into()));
        }
        let draft = Draft {
            subject: message.subject,
            kind: None,
            key: None,
            content_type: None,
            headers: Vec::new(),
            payload: message.body.into(),
        };
        Ok(self.publish_event(draft).map_err(String::from))
    }
}
