//! What is told of orders, and what follows from what others tell. The key of all these events is the order's id.
//!
//! | event | what follows |
//! | --- | --- |
//! | `payments.charged` | the order is confirmed, `orders.confirmed` |
//! | `inventory.refused`, `payments.declined`, `shipping.failed` | it is given up, `orders.cancelled`, which undoes the rest |
//! | `shipping.dispatched`, `shipping.delivered` | it is shipped, it is delivered |
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
    On::new("shipping.dispatched", ship),
    On::new("shipping.delivered", deliver),
    On::new("shipping.failed", give_up),
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
    user_id: &'a str,
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
    settled("orders.cancelled", order)
}

fn settled(subject: &str, order: &Order) -> Result<(), Problem> {
    let Order { id, user_id, reason, .. } = order;
    Ok(events::publish(subject, id, &Settled { order_id: id, user_id, reason: reason.as_deref() })?)
}

fn confirm(event: &Event) -> Result<(), Problem> {
    let Told { order_id, .. } = events::json(event)?;
    let bucket = kv::open()?;
    let Some(order) = store::find(&bucket, &order_id)?.confirmed(clock::now().to_string()) else { return Ok(()) };
    store::save(&bucket, &order)?;
    settled("orders.confirmed", &order)
}

fn ship(event: &Event) -> Result<(), Problem> {
    moved(event, Order::shipped)
}

fn deliver(event: &Event) -> Result<(), Problem> {
    moved(event, Order::delivered)
}

/// Nothing follows from where the parcel is, so nothing is told.
fn moved(event: &Event, change: fn(Order, String) -> Option<Order>) -> Result<(), Problem> {
    let Told { order_id, .. } = events::json(event)?;
    let bucket = kv::open()?;
    let Some(order) = change(store::find(&bucket, &order_id)?, clock::now().to_string()) else { return Ok(()) };
    Ok(store::save(&bucket, &order)?)
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
