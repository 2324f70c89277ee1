//! The routes of the service.

use crate::domain::{NewPatient, Patient};
use crate::store;
use holm_guest::{Problem, Request, Response, Route, clock, id, kv};

pub const ROUTES: &[Route] = &[
    Route::get("/health", kv::health),
    Route::get("/patients", list),
    Route::post("/patients", register),
    Route::get("/patients/{id}", show),
    Route::put("/patients/{id}", correct),
];

fn list(request: &Request) -> Result<Response, Problem> {
    Ok(store::list(&kv::open()?, request)?.into_response(request))
}

fn show(request: &Request) -> Result<Response, Problem> {
    let patient = store::find(&kv::open()?, request.param("id"))?;
    Ok(Response::json(200, &patient.ok_or_else(not_found)?))
}

fn register(request: &Request) -> Result<Response, Problem> {
    let new: NewPatient = request.json()?;
    let patient = Patient::register(id::new(), new, clock::now().to_string()).map_err(Problem::invalid)?;
    store::save(&kv::open()?, &patient)?;
    Ok(Response::json(201, &patient).with_header("location", format!("patients/{}", patient.id)))
}

fn correct(request: &Request) -> Result<Response, Problem> {
    let bucket = kv::open()?;
    let earlier = store::find(&bucket, request.param("id"))?.ok_or_else(not_found)?;
    let corrected = Patient::register(earlier.id, request.json()?, clock::now().to_string());
    let patient = Patient { registered_at: earlier.registered_at, ..corrected.map_err(Problem::invalid)? };
    store::save(&bucket, &patient)?;
    Ok(Response::json(200, &patient))
}

fn not_found() -> Problem {
    Problem::not_found("Patient not found")
}
