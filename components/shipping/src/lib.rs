//! Where the parcels of the shop's orders are.
//!
//! - `domain`: what may become of a parcel (pure)
//! - `store`: where parcels are kept
//! - `api`: the routes
//! - `events`: what happens to orders, and what is told of their parcels

mod api;
mod domain;
mod events;
mod store;

use holm_guest::events::{Event, Outcome};
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

struct Shipping;

impl Guest for Shipping {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        holm_guest::serve(api::ROUTES, env!("CARGO_PKG_VERSION"), request, out);
    }
}

impl holm_guest::events::Guest for Shipping {
    fn handle(event: Event) -> Outcome {
        holm_guest::events::handle(events::HANDLERS, &event)
    }
}

wasip2::http::proxy::export!(Shipping);
holm_guest::events::export!(Shipping);
