//! What the shop's users are about to order.
//!
//! - `domain`: what a cart is, and what is ordered from it (pure)
//! - `catalog`, `orders`: what is asked of the services that know the prices and take orders
//! - `store`: where carts are kept
//! - `api`: the routes

mod api;
mod catalog;
mod domain;
mod orders;
mod store;

mod bindings {
    wit_bindgen::generate!({
        path: ["../../wit/shop-catalog-1.0.0", "../../wit/shop-orders-1.0.0"],
        inline: "
            package shop:caller;

            world cart {
                import shop:catalog/prices@1.0.0;
                import shop:orders/ordering@1.0.0;
            }
        ",
        generate_all,
    });
}

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

struct Cart;

impl Guest for Cart {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        holm_guest::serve(api::ROUTES, env!("CARGO_PKG_VERSION"), request, out);
    }
}

wasip2::http::proxy::export!(Cart);
