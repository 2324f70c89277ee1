//! Messages to people, written from events: of whatever domain, the manifest has the words.
//!
//! - `domain`: how a message is written (pure)
//! - `store`: where messages are kept
//! - `api`: the routes
//! - `events`: what happens, and who is to be told

mod api;
mod domain;
mod events;
mod store;

use holm_guest::events::{Event, Outcome};
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

struct Notifications;

impl Guest for Notifications {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        holm_guest::serve(api::ROUTES, env!("CARGO_PKG_VERSION"), request, out);
    }
}

impl holm_guest::events::Guest for Notifications {
    fn handle(event: Event) -> Outcome {
        holm_guest::events::handle(events::HANDLERS, &event)
    }
}

wasip2::http::proxy::export!(Notifications);
holm_guest::events::export!(Notifications);
