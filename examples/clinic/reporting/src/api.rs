//! The routes of the service. Nothing is written by a request.

use crate::store;
use holm_guest::{Problem, Request, Response, Route, kv};

pub const ROUTES: &[Route] =
    &[Route::get("/health", kv::health), Route::get("/reports/days", days), Route::get("/reports/doctors", doctors)];

fn days(request: &Request) -> Result<Response, Problem> {
    Ok(store::list(&kv::open()?, "day", request)?.into_response(request))
}

fn doctors(request: &Request) -> Result<Response, Problem> {
    Ok(store::list(&kv::open()?, "doctor", request)?.into_response(request))
}
