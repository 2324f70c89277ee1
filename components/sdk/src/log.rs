//! Lines for the service's log, through `wasi:logging`. `part` names the part of the program that speaks.

use crate::bindings::logging::logging::{Level, log};

/// Something for whoever watches the service run.
pub fn info(part: &str, message: &str) {
    log(Level::Info, part, message);
}

/// Something is about to go wrong.
pub fn warn(part: &str, message: &str) {
    log(Level::Warn, part, message);
}

/// Something went wrong.
pub fn error(part: &str, message: &str) {
    log(Level::Error, part, message);
}
