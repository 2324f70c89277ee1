//! Who the clinic's patients are.
//!
//! - `domain`: what a patient is and which values are acceptable (pure)
//! - `store`: where patients are kept
//! - `api`: the routes
//! - `calls`: the functions that other services call

mod api;
mod calls;
mod domain;
mod store;

mod bindings {
    wit_bindgen::generate!({
        path: "../../../wit/clinic-patients-1.0.0",
        inline: "
            package clinic:provider;

            world patients {
                export clinic:patients/registry@1.0.0;
            }
        ",
        generate_all,
    });
}

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

struct Patients;

impl Guest for Patients {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        holm_guest::serve(api::ROUTES, env!("CARGO_PKG_VERSION"), request, out);
    }
}

wasip2::http::proxy::export!(Patients);
bindings::export!(Patients with_types_in bindings);
