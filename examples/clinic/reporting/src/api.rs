//! The routes of the service. Nothing is written by a request.

use crate::store;
use holm_guest::{Problem, Request, Response, Route, kv};
use serde_json::json;

pub const ROUTES: &[Route] =
    &[Route::get("/health", health), Route::get("/reports/days", days), Route::get("/reports/doctors", doctors)];

/// Healthy means that the bucket can be read.
fn health(_: &Request) -> Result<Response, Problem> {
    kv::open()?.exists("health").map_err(kv::Error::Store)?;
    Ok(Response::json(200, &json!({"status": "ok"})))
}

fn days(request: &Request) -> Result<Response, Problem> {
    Ok(store::list(&kv::open()?, "day", request)?.into_response(request))
}

fn doctors(request: &Request) -> Result<Response, Problem> {
    Ok(store::list(&kv::open()?, "doctor", request)?.into_response(request))
}
