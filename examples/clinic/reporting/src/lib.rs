//! How much the clinic has to do: a read model, made of nothing but events.
//!
//! - `domain`: what is counted, and what of (pure)
//! - `store`: where the counts are kept
//! - `api`: the routes
//! - `events`: what is counted

mod api;
mod domain;
mod events;
mod store;

use holm_guest::events::{Event, Outcome};
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

struct Reporting;

impl Guest for Reporting {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        holm_guest::serve(api::ROUTES, env!("CARGO_PKG_VERSION"), request, out);
    }
}

impl holm_guest::events::Guest for Reporting {
    fn handle(event: Event) -> Outcome {
        holm_guest::events::handle(events::HANDLERS, &event)
    }
}

wasip2::http::proxy::export!(Reporting);
holm_guest::events::export!(Reporting);
