//! What happens elsewhere, and what is told of it. The key of all these events is the order's id.
//!
//! | event | what follows |
//! | --- | --- |
//! | `inventory.reserved` | the order is charged, `payments.charged`, or not, `payments.declined` |
//! | `orders.cancelled` | what was charged is given back, `payments.refunded` |
//!
//! The two come from different services, so either may come first: an order that was given up before it could
//! be charged leaves a void payment behind, and is not charged any more.

use crate::domain::{Due, Payment, Status};
use crate::store;
use holm_guest::events::{self, Event, On};
use holm_guest::{Problem, clock, config, kv};
use serde::{Deserialize, Serialize};

pub const HANDLERS: &[On] = &[On::new("inventory.reserved", charge), On::new("orders.cancelled", give_back)];

/// What the shop lets anybody buy at once, where its configuration does not say: a thousand euros.
const LIMIT_CENTS: u64 = 100_000;

#[derive(Deserialize)]
struct Cancelled {
    order_id: String,
}

/// What became of a payment.
#[derive(Serialize)]
struct Told<'a> {
    order_id: &'a str,
    amount_cents: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

fn charge(event: &Event) -> Result<(), Problem> {
    let due: Due = events::json(event)?;
    let bucket = kv::open()?;
    if store::find(&bucket, &due.order_id)?.is_some() {
        return Ok(());
    }
    let limit = config::get("limit_cents", LIMIT_CENTS)?;
    let payment = Payment::charge(due, limit, clock::now().to_string());
    store::save(&bucket, &payment)?;
    match payment.status {
        Status::Charged => tell("payments.charged", &payment, None),
        _ => tell("payments.declined", &payment, Some("The payment was declined")),
    }
}

fn give_back(event: &Event) -> Result<(), Problem> {
    let Cancelled { order_id } = events::json(event)?;
    let bucket = kv::open()?;
    let Some(payment) = store::find(&bucket, &order_id)? else {
        return Ok(store::save(&bucket, &Payment::void(order_id))?);
    };
    let Some(refunded) = payment.refunded(clock::now().to_string()) else { return Ok(()) };
    store::save(&bucket, &refunded)?;
    tell("payments.refunded", &refunded, None)
}

fn tell(subject: &str, payment: &Payment, reason: Option<&'static str>) -> Result<(), Problem> {
    let Payment { order_id, amount_cents, .. } = payment;
    Ok(events::publish(subject, order_id, &Told { order_id, amount_cents: *amount_cents, reason })?)
}
