//! The routes of the service.

use crate::domain::{Change, Profile, User};
use crate::{accounts, store};
use holm_guest::{Problem, Request, Response, Route, clock, config, id, kv};
use serde_json::json;

pub const VERSION: &str = env!("CARGO_PKG_VERSION");

pub const ROUTES: &[Route] = &[
    Route::get("/health", kv::health),
    Route::get("/version", version),
    Route::get("/users", list),
    Route::post("/users", create),
    Route::get("/users/{id}", show),
    Route::put("/users/{id}", replace),
    Route::patch("/users/{id}", change),
    Route::post("/accounts", accounts::sign_up),
    Route::post("/sessions", accounts::sign_in),
];

fn version(_: &Request) -> Result<Response, Problem> {
    Ok(Response::json(200, &json!({"service": "users", "version": VERSION})))
}

fn list(request: &Request) -> Result<Response, Problem> {
    Ok(store::list(&kv::open()?, request)?.into_response(request))
}

fn show(request: &Request) -> Result<Response, Problem> {
    Ok(Response::json(200, &store::find(&kv::open()?, request.param("id"))?))
}

fn create(request: &Request) -> Result<Response, Problem> {
    let profile: Profile = request.json()?;
    let user = new_user(profile)?;
    store::insert(&kv::open()?, &user)?;
    // relative, so that it also holds where a gateway shows this service at /api/users
    Ok(Response::json(201, &user).with_header("location", format!("users/{}", user.id)))
}

/// A user under a new id, not kept yet.
pub fn new_user(profile: Profile) -> Result<User, Problem> {
    let currency = config::get("currency", "EUR".to_string())?;
    User::create(id::new(), profile, currency, &clock::now().to_string()).map_err(Problem::invalid)
}

fn replace(request: &Request) -> Result<Response, Problem> {
    apply(request, request.json::<Profile>()?.into())
}

fn change(request: &Request) -> Result<Response, Problem> {
    apply(request, request.json()?)
}

fn apply(request: &Request, change: Change) -> Result<Response, Problem> {
    let now = clock::now().to_string();
    let user = store::update(&kv::open()?, request.param("id"), |user| {
        user.changed(change.clone(), &now).map_err(Problem::invalid)
    })?;
    Ok(Response::json(200, &user))
}
