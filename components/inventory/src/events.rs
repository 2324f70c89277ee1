//! What happens to orders, and what is told of it. The key of all these events is the order's id.
//!
//! | event | what follows |
//! | --- | --- |
//! | `orders.created` | its items are reserved, `inventory.reserved`, or not, `inventory.refused` |
//! | `orders.cancelled` | what was reserved for it is released |
//!
//! Both come through one subscription, so an order is cancelled after it is created, unless what tells of its creation
//! was a dead letter meanwhile: nothing is reserved for an order that is given up.

use crate::basket::Basket;
use crate::store;
use holm_guest::events::{self, Event, On};
use holm_guest::{Problem, kv};
use serde::{Deserialize, Serialize};

pub const HANDLERS: &[On] =
    &[On::new("orders.created", reserve), On::new("orders.cancelled", release), On::new("orders.*", nothing)];

#[derive(Deserialize)]
struct Created {
    order_id: String,
    user_id: String,
    items: Vec<Item>,
    total_cents: u64,
}

#[derive(Deserialize)]
struct Item {
    sku: String,
    quantity: u32,
}

#[derive(Deserialize)]
struct Cancelled {
    order_id: String,
}

/// With what the next in line needs to know of the order.
#[derive(Serialize)]
struct Reserved<'a> {
    order_id: &'a str,
    user_id: &'a str,
    total_cents: u64,
}

#[derive(Serialize)]
struct Refused<'a> {
    order_id: &'a str,
    reason: String,
}

fn reserve(event: &Event) -> Result<(), Problem> {
    let Created { order_id, user_id, items, total_cents } = events::json(event)?;
    let items = items.into_iter().map(|item| (item.sku, item.quantity)).collect();
    let basket = Basket::new(items).map_err(|invalid| Problem::new(422, invalid.to_string()))?;
    let bucket = kv::open()?;
    if store::is_given_up(&bucket, &order_id)? {
        return Ok(());
    }
    let stocks = store::find_many(&bucket, basket.skus())?;
    match basket.reserve(&stocks) {
        Ok(reserved) => {
            store::save_many(&bucket, &reserved)?;
            store::save_reservation(&bucket, &order_id, &basket)?;
            let told = Reserved { order_id: &order_id, user_id: &user_id, total_cents };
            Ok(events::publish("inventory.reserved", &order_id, &told)?)
        }
        Err(short) => {
            let reason = short.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
            Ok(events::publish("inventory.refused", &order_id, &Refused { order_id: &order_id, reason })?)
        }
    }
}

fn release(event: &Event) -> Result<(), Problem> {
    let Cancelled { order_id } = events::json(event)?;
    Ok(store::give_up(&kv::open()?, &order_id)?)
}

/// What else is told of orders is not the inventory's concern.
fn nothing(_: &Event) -> Result<(), Problem> {
    Ok(())
}
