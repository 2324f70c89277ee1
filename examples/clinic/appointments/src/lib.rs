//! Who sees which doctor when: the core of the clinic.
//!
//! - `domain`: what an appointment is, and what may become of it (pure)
//! - `slot`: the half hours of a day (pure)
//! - `patients`: what is asked of the service that knows the patients
//! - `store`: where appointments are kept, and whose each half hour is
//! - `api`: the routes
//! - `events`: what is told of appointments

mod api;
mod domain;
mod events;
mod patients;
mod slot;
mod store;

mod bindings {
    wit_bindgen::generate!({
        path: "../../../wit/clinic-patients-1.0.0",
        inline: "
            package clinic:caller;

            world appointments {
                import clinic:patients/registry@1.0.0;
            }
        ",
        generate_all,
    });
}

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

struct Appointments;

impl Guest for Appointments {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        holm_guest::serve(api::ROUTES, env!("CARGO_PKG_VERSION"), request, out);
    }
}

wasip2::http::proxy::export!(Appointments);
