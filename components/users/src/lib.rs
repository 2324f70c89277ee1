//! The users of the shop: their profiles, by id.
//!
//! - `domain`: what a user is and which values are acceptable (pure)
//! - `password`: how a password is kept (pure)
//! - `token`: how a token is made that says who somebody is (pure)
//! - `store`: where users are kept
//! - `api`: the routes of profiles
//! - `accounts`: the routes by which somebody signs up and in
//! - `calls`: the functions that others call

mod accounts;
mod api;
mod calls;
mod domain;
mod password;
mod store;
mod token;

mod bindings {
    wit_bindgen::generate!({
        path: "../../wit/shop-users-1.0.0",
        inline: "
            package shop:provider;

            world users {
                export shop:users/directory@1.0.0;
            }
        ",
        generate_all,
    });
}

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

struct Users;

impl Guest for Users {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        holm_guest::serve(api::ROUTES, api::VERSION, request, out);
    }
}

wasip2::http::proxy::export!(Users);
bindings::export!(Users with_types_in bindings);
