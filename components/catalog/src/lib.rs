//! What the shop sells.
//!
//! - `domain`: what a product is, which values are acceptable, what a search finds (pure)
//! - `store`: where products are kept
//! - `api`: the routes

mod api;
mod domain;
mod store;

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

struct Catalog;

impl Guest for Catalog {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        holm_guest::serve(api::ROUTES, env!("CARGO_PKG_VERSION"), request, out);
    }
}

wasip2::http::proxy::export!(Catalog);
