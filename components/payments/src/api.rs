//! The routes of the service. Nobody charges by a request: payments follow from events.

use crate::store;
use holm_guest::{Problem, Request, Response, Route, kv};
use serde_json::json;

pub const ROUTES: &[Route] =
    &[Route::get("/health", health), Route::get("/payments", list), Route::get("/payments/{order_id}", show)];

/// Healthy means that the bucket can be read.
fn health(_: &Request) -> Result<Response, Problem> {
    kv::open()?.exists("health").map_err(kv::Error::Store)?;
    Ok(Response::json(200, &json!({"status": "ok"})))
}

fn list(request: &Request) -> Result<Response, Problem> {
    Ok(store::list(&kv::open()?, request)?.into_response(request))
}

fn show(request: &Request) -> Result<Response, Problem> {
    let payment = store::find(&kv::open()?, request.param("order_id"))?;
    Ok(Response::json(200, &payment.ok_or_else(|| Problem::not_found("Payment not found"))?))
}
