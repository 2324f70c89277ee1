//! The routes of the service. Whose cart it is, the gateway says: it has looked at the token, and sets the field.

use crate::bindings::shop::orders::ordering::Refusal;
use crate::domain::{self, Cart, Line};
use crate::{catalog, orders, store};
use holm_guest::{Problem, Request, Response, Route, id, kv};
use serde::{Deserialize, Serialize};
use serde_json::json;

pub const ROUTES: &[Route] = &[
    Route::get("/health", kv::health),
    Route::get("/cart", show),
    Route::delete("/cart", empty),
    Route::put("/cart/items/{sku}", put),
    Route::delete("/cart/items/{sku}", take_out),
    Route::post("/cart/checkout", check_out),
];

/// The field in which the gateway tells who asks. Nobody outside can set it.
const USER: &str = "x-user-id";
/// What somebody is told who wants to buy while nobody knows what things cost.
pub const NO_PRICES: &str = "It is not known at the moment what things cost, try again later";

/// A cart, as it is shown.
#[derive(Serialize)]
struct Shown {
    items: Vec<Line>,
    /// Absent if it is not known of everything what it costs.
    total_cents: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Quantity {
    quantity: u32,
}

fn show(request: &Request) -> Result<Response, Problem> {
    shown(&store::find(&kv::open()?, user(request)?)?)
}

fn put(request: &Request) -> Result<Response, Problem> {
    let Quantity { quantity } = request.json()?;
    change(request, quantity)
}

fn take_out(request: &Request) -> Result<Response, Problem> {
    change(request, 0)
}

fn empty(request: &Request) -> Result<Response, Problem> {
    store::remove(&kv::open()?, user(request)?)?;
    Ok(Response::empty(204))
}

/// Orders what is in the cart, at what it costs now, and empties it. The order's id is the cart's: if the answer is
/// lost, or the host in the middle of it, the same cart becomes the same order.
fn check_out(request: &Request) -> Result<Response, Problem> {
    let (bucket, user) = (kv::open()?, user(request)?);
    let cart = store::find(&bucket, user)?;
    if cart.items.is_empty() {
        return Err(Problem::new(409, "There is nothing in the cart"));
    }
    let lines = cart.lines(&catalog::quote(&cart)?.ok_or_else(|| Problem::new(503, NO_PRICES))?);
    let unsold = domain::unsold(&lines);
    if !unsold.is_empty() {
        return Err(Problem { errors: unsold, ..Problem::new(409, "Some of the items are not for sale") });
    }
    let order = match orders::create(&cart.order_id, user, &lines) {
        Ok(order) => order,
        Err(taken @ Refusal::Taken) => {
            store::save(&bucket, user, &Cart { order_id: id::new(), ..cart })?;
            return Err(taken.into());
        }
        Err(refusal) => return Err(refusal.into()),
    };
    store::remove(&bucket, user)?;
    let told = json!({"order_id": order.id, "total_cents": order.total_cents, "created_at": order.created_at});
    Ok(Response::json(201, &told).with_header("location", format!("../orders/{}", order.id)))
}

fn change(request: &Request, quantity: u32) -> Result<Response, Problem> {
    let (bucket, user) = (kv::open()?, user(request)?);
    let cart = store::find(&bucket, user)?.with(request.param("sku"), quantity).map_err(Problem::invalid)?;
    store::save(&bucket, user, &cart)?;
    shown(&cart)
}

fn shown(cart: &Cart) -> Result<Response, Problem> {
    let items = cart.lines(&catalog::quote(cart)?.unwrap_or_default());
    let total_cents = domain::total(&items);
    Ok(Response::json(200, &Shown { items, total_cents }))
}

fn user(request: &Request) -> Result<&str, Problem> {
    request.header(USER).filter(|user| !user.is_empty()).ok_or_else(|| Problem::new(401, "Sign in to have a cart"))
}
