//! What the shop sells.
//!
//! - `domain`: what a product is, which values are acceptable, what a search finds (pure)
//! - `store`: where products are kept
//! - `api`: the routes
//! - `calls`: the functions that other services call

mod api;
mod calls;
mod domain;
mod store;

mod bindings {
    wit_bindgen::generate!({
        path: "../../wit/shop-catalog-1.0.0",
        inline: "
            package shop:provider;

            world catalog {
                export shop:catalog/prices@1.0.0;
            }
        ",
        generate_all,
    });
}

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

struct Catalog;

impl Guest for Catalog {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        holm_guest::serve(api::ROUTES, env!("CARGO_PKG_VERSION"), request, out);
    }
}

wasip2::http::proxy::export!(Catalog);
bindings::export!(Catalog with_types_in bindings);
