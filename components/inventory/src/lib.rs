//! How much of each article the shop has, and how much of it is promised to somebody.
//!
//! - `domain`: what may happen to a stock (pure)
//! - `basket`: what is promised together (pure)
//! - `store`: where stocks and reservations are kept
//! - `api`: the routes
//! - `calls`: the functions that other services call
//! - `events`: what follows from what happens to orders

mod api;
mod basket;
mod calls;
mod domain;
mod events;
mod store;

mod bindings {
    wit_bindgen::generate!({
        path: "../../wit/shop-inventory-1.0.0",
        inline: "
            package shop:provider;

            world inventory {
                export shop:inventory/stock@1.0.0;
            }
        ",
        generate_all,
    });
}

use holm_guest::events::{Event, Outcome};
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

struct Inventory;

impl Guest for Inventory {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        holm_guest::serve(api::ROUTES, env!("CARGO_PKG_VERSION"), request, out);
    }
}

impl holm_guest::events::Guest for Inventory {
    fn handle(event: Event) -> Outcome {
        holm_guest::events::handle(events::HANDLERS, &event)
    }
}

wasip2::http::proxy::export!(Inventory);
holm_guest::events::export!(Inventory);
bindings::export!(Inventory with_types_in bindings);
