//! What is told of orders, and what follows from what others tell. The key of all these events is the order's id.
//!
//! | event | what follows |
//! | --- | --- |
//! | `payments.charged` | the order is confirmed, `orders.confirmed` |
//! | `inventory.refused`, `payments.declined` | it is given up, `orders.cancelled`, which undoes the rest |
//!
//! An order that its buyer has given up meanwhile stays as it is.

use crate::domain::{Item, Order};
use crate::store;
use holm_guest::events::{self, Event, On};
use holm_guest::{Problem, clock, kv};
use serde::{Deserialize, Serialize};

pub const HANDLERS: &[On] = &[
    On::new("payments.charged", confirm),
    On::new("payments.declined", give_up),
    On::new("inventory.refused", give_up),
    On::new("payments.*", nothing),
];

#[derive(Serialize)]
struct Created<'a> {
    order_id: &'a str,
    user_id: &'a str,
    items: &'a [Item],
    total_cents: u64,
}

#[derive(Serialize)]
struct Settled<'a> {
    order_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

/// What others tell of an order.
#[derive(Deserialize)]
struct Told {
    order_id: String,
    #[serde(default)]
    reason: String,
}

/// Tells of a new order.
pub fn created(order: &Order) -> Result<(), Problem> {
    let Order { id, user_id, items, total_cents, .. } = order;
    Ok(events::publish("orders.created", id, &Created { order_id: id, user_id, items, total_cents: *total_cents })?)
}

/// Tells of an order that was given up.
pub fn cancelled(order: &Order) -> Result<(), Problem> {
    let settled = Settled { order_id: &order.id, reason: order.reason.as_deref() };
    Ok(events::publish("orders.cancelled", &order.id, &settled)?)
}

fn confirm(event: &Event) -> Result<(), Problem> {
    let Told { order_id, .. } = events::json(event)?;
    let bucket = kv::open()?;
    let Some(order) = store::find(&bucket, &order_id)?.confirmed(clock::now().to_string()) else { return Ok(()) };
    store::save(&bucket, &order)?;
    Ok(events::publish("orders.confirmed", &order.id, &Settled { order_id: &order.id, reason: None })?)
}

fn give_up(event: &Event) -> Result<(), Problem> {
    let Told { order_id, reason } = events::json(event)?;
    let bucket = kv::open()?;
    let now = clock::now().to_string();
    let Some(order) = store::find(&bucket, &order_id)?.cancelled(reason, now) else { return Ok(()) };
    store::save(&bucket, &order)?;
    cancelled(&order)
}

/// What else is told of payments is not the orders' concern.
fn nothing(_: &Event) -> Result<(), Problem> {
    Ok(())
}
