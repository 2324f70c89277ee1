//! The door for other services: `shop:inventory/stock`. It speaks the types of the interface and leaves the
//! deciding to the domain, as the routes do.
//!
//! A call is one unit of work: what it has read must still hold when what it writes is committed, so stocks are read
//! and written plainly, several at once.

use crate::Inventory;
use crate::basket::Basket;
use crate::bindings::exports::shop::inventory::stock::{Availability, Guest, Item, Refusal, Shortage};
use crate::domain;
use crate::store;
use holm_guest::kv;

/// The name of a reservation is an id: a UUID has 36 bytes.
const NAME_LIMIT: usize = 64;

impl Guest for Inventory {
    fn check_availability(items: Vec<Item>) -> Result<Availability, Refusal> {
        let basket = basket(items)?;
        let stocks = store::find_many(&kv::open()?, basket.skus())?;
        let short = basket.reserve(&stocks).err().unwrap_or_default();
        Ok(Availability { available: short.is_empty(), short: Some(told(short)) })
    }

    fn reserve(reservation: String, items: Vec<Item>) -> Result<(), Refusal> {
        let basket = basket(items)?;
        if reservation.is_empty() || reservation.len() > NAME_LIMIT {
            return Err(Refusal::Invalid(format!("The name of a reservation has 1 to {NAME_LIMIT} bytes")));
        }
        let bucket = kv::open()?;
        if let Some(earlier) = store::reservation(&bucket, &reservation)? {
            return if earlier == basket { Ok(()) } else { Err(Refusal::Taken) };
        }
        let stocks = store::find_many(&bucket, basket.skus())?;
        let reserved = basket.reserve(&stocks).map_err(|short| Refusal::Insufficient(told(short)))?;
        store::save_many(&bucket, &reserved)?;
        Ok(store::save_reservation(&bucket, &reservation, &basket)?)
    }

    fn release(reservation: String) -> Result<(), Refusal> {
        Ok(store::release(&kv::open()?, &reservation)?)
    }
}

fn basket(items: Vec<Item>) -> Result<Basket, Refusal> {
    let items = items.into_iter().map(|item| (item.sku, item.quantity)).collect();
    Basket::new(items).map_err(|invalid| Refusal::Invalid(invalid.to_string()))
}

fn told(short: Vec<domain::Shortage>) -> Vec<Shortage> {
    let tell = |domain::Shortage { sku, wanted, available }| Shortage { sku, wanted, available };
    short.into_iter().map(tell).collect()
}

impl From<kv::Error> for Refusal {
    fn from(error: kv::Error) -> Self {
        Self::Failed(error.to_string())
    }
}
