//! The routes of the service.

use crate::domain::{NewOrder, Order};
use crate::{events, inventory, store};
use holm_guest::{Problem, Request, Response, Route, clock, id, kv};
use serde::Serialize;
use serde_json::json;

pub const ROUTES: &[Route] = &[
    Route::get("/health", health),
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

/// Healthy means that the bucket can be read. The inventory has a health of its own.
fn health(_: &Request) -> Result<Response, Problem> {
    kv::open()?.exists("health").map_err(kv::Error::Store)?;
    Ok(Response::json(200, &json!({"status": "ok"})))
}

fn list(request: &Request) -> Result<Response, Problem> {
    Ok(store::list(&kv::open()?, request)?.map(shown).into_response(request))
}

fn show(request: &Request) -> Result<Response, Problem> {
    Ok(Response::json(200, &shown(store::find(&kv::open()?, request.param("id"))?)))
}

/// Saved and told of in one commit: what follows, happens to an order that exists.
fn create(request: &Request) -> Result<Response, Problem> {
    let new: NewOrder = request.json()?;
    let order = Order::create(id::new(), new, clock::now().to_string()).map_err(Problem::invalid)?;
    inventory::check(&order)?;
    store::save(&kv::open()?, &order)?;
    events::created(&order)?;
    // relative, so that it also holds where a gateway shows this service at /api/orders
    let location = format!("orders/{}", order.id);
    Ok(Response::json(201, &shown(order)).with_header("location", location))
}

/// Cancelling twice is cancelling once.
fn cancel(request: &Request) -> Result<Response, Problem> {
    let bucket = kv::open()?;
    let order = store::find(&bucket, request.param("id"))?;
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
