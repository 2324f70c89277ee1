//! What happens to orders, and what is told of their parcels. The key of all these events is the order's id.
//!
//! | event | what follows |
//! | --- | --- |
//! | `orders.confirmed` | its parcel is prepared |
//! | `orders.cancelled` | its parcel is stopped, or called back |
//!
//! Where parcels go, people say, by the routes: `shipping.dispatched`, `shipping.delivered`, `shipping.failed`.

use crate::domain::{Parcel, Status};
use crate::store;
use holm_guest::events::{self, Event, On};
use holm_guest::{Problem, clock, kv};
use serde::{Deserialize, Serialize};

pub const HANDLERS: &[On] =
    &[On::new("orders.confirmed", prepare), On::new("orders.cancelled", give_up), On::new("orders.*", nothing)];

#[derive(Deserialize)]
struct Settled {
    order_id: String,
    user_id: String,
}

/// Where a parcel is.
#[derive(Serialize)]
struct Told<'a> {
    order_id: &'a str,
    user_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

/// Tells where a parcel has got to, if that is anybody's concern.
pub fn moved(parcel: &Parcel) -> Result<(), Problem> {
    let subject = match parcel.status {
        Status::Dispatched => "shipping.dispatched",
        Status::Delivered => "shipping.delivered",
        Status::Failed => "shipping.failed",
        Status::Preparing | Status::Stopped | Status::CalledBack => return Ok(()),
    };
    let Parcel { order_id, user_id, reason, .. } = parcel;
    Ok(events::publish(subject, order_id, &Told { order_id, user_id, reason: reason.as_deref() })?)
}

fn prepare(event: &Event) -> Result<(), Problem> {
    let Settled { order_id, user_id } = events::json(event)?;
    let bucket = kv::open()?;
    if store::find(&bucket, &order_id)?.is_some() {
        return Ok(());
    }
    Ok(store::save(&bucket, &Parcel::new(order_id, user_id, clock::now().to_string()))?)
}

/// An order that was given up before it was confirmed has no parcel, and gets none.
fn give_up(event: &Event) -> Result<(), Problem> {
    let Settled { order_id, .. } = events::json(event)?;
    let bucket = kv::open()?;
    let Some(parcel) = store::find(&bucket, &order_id)? else { return Ok(()) };
    let Some(parcel) = parcel.given_up(clock::now().to_string()) else { return Ok(()) };
    Ok(store::save(&bucket, &parcel)?)
}

/// What else is told of orders is not the parcels' concern.
fn nothing(_: &Event) -> Result<(), Problem> {
    Ok(())
}
