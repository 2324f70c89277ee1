//! The routes of the service.

use crate::domain::{NewProduct, Product, Search};
use crate::store;
use holm_guest::{Problem, Request, Response, Route, clock, config, id, kv};

pub const ROUTES: &[Route] = &[
    Route::get("/health", kv::health),
    Route::get("/products", list),
    Route::post("/products", create),
    Route::get("/products/{id}", show),
    Route::put("/products/{id}", put),
];

/// As many as fit a URL of 4 kB.
pub const IDS_LIMIT: usize = 100;

/// `?ids=a,b`: these products, unknown ones left out. `?q=text`: those that the search finds, in pages.
/// Neither: all, in pages.
fn list(request: &Request) -> Result<Response, Problem> {
    let bucket = kv::open()?;
    let Some(ids) = request.query("ids") else {
        let search = Search::new(request.query("q").unwrap_or_default());
        return Ok(store::search(&bucket, request, &search)?.into_response(request));
    };
    let ids: Vec<&str> = ids.split(',').filter(|id| !id.is_empty()).collect();
    if ids.len() > IDS_LIMIT {
        return Err(Problem::new(400, format!("ids may name {IDS_LIMIT} products at most")));
    }
    Ok(Response::json(200, &store::find_many(&bucket, ids.into_iter())?))
}

fn show(request: &Request) -> Result<Response, Problem> {
    Ok(Response::json(200, &store::find(&kv::open()?, request.param("id"))?))
}

fn create(request: &Request) -> Result<Response, Problem> {
    let new: NewProduct = request.json()?;
    let currency = config::get("currency", "EUR".to_string())?;
    let product = Product::create(id::new(), new, currency, clock::now().to_string()).map_err(Problem::invalid)?;
    store::insert(&kv::open()?, &product)?;
    // relative, so that it also holds where a gateway shows this service at /api/products
    Ok(Response::json(201, &product).with_header("location", format!("products/{}", product.id)))
}

/// Done twice it is done once, so the one who fills the shelves may simply do it again.
fn put(request: &Request) -> Result<Response, Problem> {
    let (bucket, id) = (kv::open()?, request.param("id"));
    let earlier = store::look_up(&bucket, id)?;
    let status = if earlier.is_some() { 200 } else { 201 };
    let (currency, now) = (config::get("currency", "EUR".to_string())?, clock::now().to_string());
    let created_at = earlier.map_or(now, |earlier| earlier.created_at);
    let product = Product::create(id.to_string(), request.json()?, currency, created_at).map_err(Problem::invalid)?;
    store::insert(&bucket, &product)?;
    Ok(Response::json(status, &product))
}
