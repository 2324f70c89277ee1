//! How much of each article the shop has, and how much of it is promised to somebody.
//!
//! - `domain`: what may happen to a stock (pure)
//! - `store`: where stocks are kept
//! - `api`: the routes

mod api;
mod domain;
mod store;

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

struct Inventory;

impl Guest for Inventory {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        holm_guest::serve(api::ROUTES, env!("CARGO_PKG_VERSION"), request, out);
    }
}

wasip2::http::proxy::export!(Inventory);
