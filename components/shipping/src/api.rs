//! The routes of the service: what people in the house and carriers say of parcels.

use crate::domain::{REASON_LIMIT, Refusal, Status};
use crate::{events, store};
use holm_guest::problem::FieldError;
use holm_guest::{Problem, Request, Response, Route, clock, kv};
use serde::Deserialize;

pub const ROUTES: &[Route] = &[
    Route::get("/health", kv::health),
    Route::get("/parcels", list),
    Route::get("/parcels/{order_id}", show),
    Route::post("/parcels/{order_id}/dispatch", dispatch),
    Route::post("/parcels/{order_id}/deliver", deliver),
    Route::post("/parcels/{order_id}/fail", fail),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Failure {
    reason: String,
}

fn list(request: &Request) -> Result<Response, Problem> {
    Ok(store::list(&kv::open()?, request)?.into_response(request))
}

fn show(request: &Request) -> Result<Response, Problem> {
    let parcel = store::find(&kv::open()?, request.param("order_id"))?;
    Ok(Response::json(200, &parcel.ok_or_else(not_found)?))
}

fn dispatch(request: &Request) -> Result<Response, Problem> {
    moved(request, Status::Dispatched, None)
}

fn deliver(request: &Request) -> Result<Response, Problem> {
    moved(request, Status::Delivered, None)
}

/// The order is given up then, and what was paid for it is given back.
fn fail(request: &Request) -> Result<Response, Problem> {
    let Failure { reason } = request.json()?;
    if reason.trim().is_empty() || reason.chars().count() > REASON_LIMIT {
        let detail = format!("must have 1 to {REASON_LIMIT} characters");
        return Err(Problem::invalid(vec![FieldError::new("reason", detail)]));
    }
    moved(request, Status::Failed, Some(reason))
}

/// Saying twice where a parcel is, is saying it once.
fn moved(request: &Request, to: Status, reason: Option<String>) -> Result<Response, Problem> {
    let bucket = kv::open()?;
    let mut parcel = store::find(&bucket, request.param("order_id"))?.ok_or_else(not_found)?;
    if parcel.status != to {
        parcel = parcel.moved(to, clock::now().to_string()).map_err(conflict)?;
        parcel.reason = reason;
        store::save(&bucket, &parcel)?;
        events::moved(&parcel)?;
    }
    Ok(Response::json(200, &parcel))
}

fn conflict(refusal: Refusal) -> Problem {
    Problem::new(409, format!("A parcel that is {} cannot be {}", refusal.from.name(), refusal.to.name()))
}

fn not_found() -> Problem {
    Problem::not_found("Parcel not found")
}
