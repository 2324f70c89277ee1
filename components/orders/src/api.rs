//! The routes of the service.

use crate::domain::Order;
use crate::{events, service, store};
use holm_guest::{Problem, Request, Response, Route, clock, id, kv};
use serde::Serialize;

pub const ROUTES: &[Route] = &[
    Route::get("/health", kv::health),
    Route::get("/orders", list),
    Route::post("/orders", create),
    Route::get("/orders/{id}", show),
    Route::post("/orders/{id}/cancel", cancel),
];

/// An order, as it is shown.
#[derive(Serialize)]
struct Shown {
    item_ids: Vec<String>,
    #[serde(flatten)]
    order: Order,
}

fn list(request: &Request) -> Result<Response, Problem> {
    Ok(store::list(&kv::open()?, request)?.map(shown).into_response(request))
}

fn show(request: &Request) -> Result<Response, Problem> {
    Ok(Response::json(200, &shown(store::find(&kv::open()?, request.param("id"))?)))
}

fn create(request: &Request) -> Result<Response, Problem> {
    let order = service::create_order(id::new(), request.json()?)?;
    // relative, so that it also holds where a gateway shows this service at /api/orders
    let location = format!("orders/{}", order.id);
    Ok(Response::json(201, &shown(order)).with_header("location", location))
}

/// Cancelling twice is cancelling once. What has left the house is not cancelled any more.
fn cancel(request: &Request) -> Result<Response, Problem> {
    let bucket = kv::open()?;
    let order = store::find(&bucket, request.param("id"))?;
    if order.has_left() {
        return Err(Problem::new(409, "The order is on its way already"));
    }
    let cancelled = order.clone().cancelled("Cancelled by the buyer".into(), clock::now().to_string());
    if let Some(cancelled) = &cancelled {
        store::save(&bucket, cancelled)?;
        events::cancelled(cancelled)?;
    }
    Ok(Response::json(200, &shown(cancelled.unwrap_or(order))))
}

fn shown(order: Order) -> Shown {
    Shown { item_ids: order.item_ids(), order }
}
