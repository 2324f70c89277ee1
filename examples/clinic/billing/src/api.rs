//! The routes of the service. Nobody bills by a request: bills follow from events.

use crate::{events, store};
use holm_guest::{Problem, Request, Response, Route, clock, kv};

pub const ROUTES: &[Route] = &[
    Route::get("/health", kv::health),
    Route::get("/bills", list),
    Route::get("/bills/{appointment_id}", show),
    Route::post("/bills/{appointment_id}/pay", pay),
];

fn list(request: &Request) -> Result<Response, Problem> {
    Ok(store::list(&kv::open()?, request)?.into_response(request))
}

fn show(request: &Request) -> Result<Response, Problem> {
    let bill = store::find(&kv::open()?, request.param("appointment_id"))?;
    Ok(Response::json(200, &bill.ok_or_else(not_found)?))
}

/// Paying twice is paying once.
fn pay(request: &Request) -> Result<Response, Problem> {
    let bucket = kv::open()?;
    let bill = store::find(&bucket, request.param("appointment_id"))?.ok_or_else(not_found)?;
    let Some(paid) = bill.clone().paid(clock::now().to_string()) else { return Ok(Response::json(200, &bill)) };
    store::save(&bucket, &paid)?;
    events::paid(&paid)?;
    Ok(Response::json(200, &paid))
}

fn not_found() -> Problem {
    Problem::not_found("Bill not found")
}
