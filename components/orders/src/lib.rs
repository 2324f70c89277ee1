//! What the shop's users have ordered.
//!
//! - `domain`: what an order is and which values are acceptable (pure)
//! - `inventory`: what is asked of the service that has the stock
//! - `store`: where orders are kept
//! - `api`: the routes
//! - `events`: what is told of orders, and what follows from what others tell

mod api;
mod domain;
mod events;
mod inventory;
mod store;

mod bindings {
    wit_bindgen::generate!({
        path: "../../wit/shop-inventory-1.0.0",
        inline: "
            package shop:caller;

            world orders {
                import shop:inventory/stock@1.0.0;
            }
        ",
        generate_all,
    });
}

use holm_guest::events::{Event, Outcome};
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

struct Orders;

impl Guest for Orders {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        holm_guest::serve(api::ROUTES, env!("CARGO_PKG_VERSION"), request, out);
    }
}

impl holm_guest::events::Guest for Orders {
    fn handle(event: Event) -> Outcome {
        holm_guest::events::handle(events::HANDLERS, &event)
    }
}

wasip2::http::proxy::export!(Orders);
holm_guest::events::export!(Orders);
