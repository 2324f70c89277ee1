//! The settings of a service, through `wasi:config`: what its manifest says under `config`.

use crate::Problem;
use crate::bindings::config::store;
use std::str::FromStr;

/// The setting `key`, or `default` if the manifest does not mention it.
///
/// # Errors
/// 500 if the settings cannot be read or the value has not the form of a `T`; the log says which.
pub fn get<T: FromStr>(key: &str, default: T) -> Result<T, Problem> {
    match store::get(key).map_err(|error| Problem::internal(format!("config {key}: {error}")))? {
        None => Ok(default),
        Some(value) => value.parse().map_err(|_| Problem::internal(format!("config {key}: \"{value}\" is not usable"))),
    }
}
