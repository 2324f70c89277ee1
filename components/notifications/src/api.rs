//! The routes of the service: an outbox, for whoever takes messages to people.

use crate::store;
use holm_guest::{Problem, Request, Response, Route, clock, kv};

pub const ROUTES: &[Route] = &[
    Route::get("/health", kv::health),
    Route::get("/messages", list),
    Route::get("/messages/{id}", show),
    Route::post("/messages/{id}/sent", sent),
];

fn list(request: &Request) -> Result<Response, Problem> {
    Ok(store::list(&kv::open()?, request)?.into_response(request))
}

fn show(request: &Request) -> Result<Response, Problem> {
    Ok(Response::json(200, &store::find(&kv::open()?, request.param("id"))?))
}

fn sent(request: &Request) -> Result<Response, Problem> {
    let bucket = kv::open()?;
    let message = store::find(&bucket, request.param("id"))?.sent(clock::now().to_string());
    store::save(&bucket, &message)?;
    Ok(Response::json(200, &message))
}
