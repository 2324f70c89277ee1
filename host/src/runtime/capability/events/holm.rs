//! `holm:events/publisher@0.1.0`.

use wasmtime::component::{HasSelf, Linker};

use super::{Draft, Refusal};
use crate::runtime::event::bindings::holm::holm::events::{publisher, types};
use crate::runtime::guest::Guest;

/// Links the interface and its types.
pub(super) fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    types::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    publisher::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)
}

impl From<types::Draft> for Draft {
    fn from(draft: types::Draft) -> Self {
        Self {
            subject: draft.subject,
            kind: draft.type_,
            key: draft.key,
            content_type: draft.content_type,
            headers: draft.headers,
            payload: draft.payload.into(),
        }
    }
}

impl From<Refusal> for types::Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Denied(why) => Self::Denied(why),
            Refusal::Invalid(why) => Self::Invalid(why),
            Refusal::TooLarge(why) => Self::TooLarge(why),
        }
    }
}

impl types::Host for Guest {}

impl publisher::Host for Guest {
    fn publish(&mut self, event: types::Draft) -> wasmtime::Result<Result<(), types::Error>> {
        Ok(self.publish_event(event.into()).map_err(types::Error::from))
    }
}
