//! The routes of the service.

use crate::domain::{Refusal, SKU_LIMIT, Stock};
use crate::store;
use holm_guest::kv::{self, Bucket};
use holm_guest::problem::FieldError;
use holm_guest::{Problem, Request, Response, Route, config};
use serde::{Deserialize, Serialize};

pub const ROUTES: &[Route] = &[
    Route::get("/health", kv::health),
    Route::get("/stock", list),
    Route::get("/stock/{sku}", show),
    Route::put("/stock/{sku}", count),
    Route::post("/stock/{sku}/reserve", reserve),
    Route::post("/stock/{sku}/release", release),
];

/// A stock, as it is shown.
#[derive(Serialize)]
struct Level {
    #[serde(flatten)]
    stock: Stock,
    available: u32,
    /// Fewer are available than the setting `low_stock` asks for.
    low: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Count {
    on_hand: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Quantity {
    quantity: u32,
}

fn list(request: &Request) -> Result<Response, Problem> {
    let low_stock = low_stock()?;
    let page = store::list(&kv::open()?, request)?;
    Ok(page.map(|stock| level(stock, low_stock)).into_response(request))
}

fn show(request: &Request) -> Result<Response, Problem> {
    respond(store::find(&kv::open()?, request.param("sku"))?)
}

fn count(request: &Request) -> Result<Response, Problem> {
    let Count { on_hand } = request.json()?;
    let sku = request.param("sku");
    if sku.len() > SKU_LIMIT {
        return Err(Problem::new(400, format!("The number of an article has {SKU_LIMIT} bytes at most")));
    }
    let stock = store::change(&kv::open()?, sku, |stock| {
        stock.unwrap_or_else(|| Stock::empty(sku)).counted(on_hand).map_err(store::conflict)
    })?;
    respond(stock)
}

fn reserve(request: &Request) -> Result<Response, Problem> {
    move_quantity(request, |stock, wanted| Ok(stock.reserve(wanted)?))
}

fn release(request: &Request) -> Result<Response, Problem> {
    move_quantity(request, Stock::release)
}

fn move_quantity(request: &Request, change: fn(Stock, u32) -> Result<Stock, Refusal>) -> Result<Response, Problem> {
    let Quantity { quantity } = request.json()?;
    if quantity == 0 {
        return Err(Problem::invalid(vec![FieldError::new("quantity", "must be at least 1")]));
    }
    let bucket: Bucket = kv::open()?;
    let stock = store::change(&bucket, request.param("sku"), |stock| {
        change(store::known(stock)?, quantity).map_err(store::conflict)
    })?;
    respond(stock)
}

fn respond(stock: Stock) -> Result<Response, Problem> {
    Ok(Response::json(200, &level(stock, low_stock()?)))
}

fn level(stock: Stock, low_stock: u32) -> Level {
    let available = stock.available();
    Level { stock, available, low: available < low_stock }
}

fn low_stock() -> Result<u32, Problem> {
    config::get("low_stock", 5)
}
