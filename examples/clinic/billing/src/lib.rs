//! What the clinic's patients owe.
//!
//! - `domain`: what a bill is, and what may become of it (pure)
//! - `store`: where bills are kept
//! - `api`: the routes
//! - `events`: what happens to appointments, and what is told of bills

mod api;
mod domain;
mod events;
mod store;

use holm_guest::events::{Event, Outcome};
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

struct Billing;

impl Guest for Billing {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        holm_guest::serve(api::ROUTES, env!("CARGO_PKG_VERSION"), request, out);
    }
}

impl holm_guest::events::Guest for Billing {
    fn handle(event: Event) -> Outcome {
        holm_guest::events::handle(events::HANDLERS, &event)
    }
}

wasip2::http::proxy::export!(Billing);
holm_guest::events::export!(Billing);
