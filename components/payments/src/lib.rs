//! What the shop's users have paid.
//!
//! - `domain`: what may become of a payment (pure)
//! - `store`: where payments are kept
//! - `api`: the routes
//! - `events`: what happens elsewhere, and what is told of it

mod api;
mod domain;
mod events;
mod store;

use holm_guest::events::{Event, Outcome};
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

struct Payments;

impl Guest for Payments {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        holm_guest::serve(api::ROUTES, env!("CARGO_PKG_VERSION"), request, out);
    }
}

impl holm_guest::events::Guest for Payments {
    fn handle(event: Event) -> Outcome {
        holm_guest::events::handle(events::HANDLERS, &event)
    }
}

wasip2::http::proxy::export!(Payments);
holm_guest::events::export!(Payments);
