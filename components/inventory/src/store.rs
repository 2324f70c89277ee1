//! Where stocks are kept: one JSON value an article, under `stock/{sku}`, and one a reservation, under
//! `reservation/{name}`. Under `given-up/{order}` stands which orders get no reservation any more.

use crate::basket::Basket;
use crate::domain::{Refusal, Stock};
use holm_guest::kv::{self, Bucket};
use holm_guest::page::{self, Page, Wanted};
use holm_guest::{Problem, Request};

pub fn find(bucket: &Bucket, sku: &str) -> Result<Stock, Problem> {
    kv::get(bucket, &key(sku))?.ok_or_else(not_found)
}

/// Those of the stocks that exist.
pub fn find_many<'a>(bucket: &Bucket, skus: impl Iterator<Item = &'a str>) -> Result<Vec<Stock>, kv::Error> {
    let keys: Vec<String> = skus.map(key).collect();
    Ok(kv::get_many(bucket, &keys)?.into_iter().map(|(_, stock)| stock).collect())
}

pub fn save_many(bucket: &Bucket, stocks: &[Stock]) -> Result<(), kv::Error> {
    stocks.iter().try_for_each(|stock| kv::set(bucket, &key(&stock.sku), stock))
}

/// The stocks in the order of their article numbers.
pub fn list(bucket: &Bucket, request: &Request) -> Result<Page<Stock>, Problem> {
    Ok(page::read(bucket, "stock/", &Wanted::of(request)?, |_| true)?)
}

/// Lets `change` happen to a stock in one step: of two orders for the last piece one is refused.
pub fn change(
    bucket: &Bucket,
    sku: &str,
    change: impl Fn(Option<Stock>) -> Result<Stock, Problem>,
) -> Result<Stock, Problem> {
    kv::update(bucket, &key(sku), change)
}

/// What is promised under this name, if anything.
pub fn reservation(bucket: &Bucket, name: &str) -> Result<Option<Basket>, kv::Error> {
    kv::get(bucket, &reservation_key(name))
}

pub fn save_reservation(bucket: &Bucket, name: &str, basket: &Basket) -> Result<(), kv::Error> {
    kv::set(bucket, &reservation_key(name), basket)
}

/// Takes the promise of a reservation back. One that does not exist, or no longer, is released already.
pub fn release(bucket: &Bucket, name: &str) -> Result<(), kv::Error> {
    let Some(basket) = reservation(bucket, name)? else { return Ok(()) };
    let stocks = find_many(bucket, basket.skus())?;
    save_many(bucket, &basket.release(stocks))?;
    Ok(bucket.delete(&reservation_key(name))?)
}

/// Takes the promise to an order back for good: no later one is made to it.
pub fn give_up(bucket: &Bucket, order: &str) -> Result<(), kv::Error> {
    release(bucket, order)?;
    kv::set(bucket, &given_up_key(order), &true)
}

/// Whether an order gets no promise any more.
pub fn is_given_up(bucket: &Bucket, order: &str) -> Result<bool, kv::Error> {
    Ok(bucket.exists(&given_up_key(order))?)
}

/// For changes to a stock that must exist.
pub fn known(stock: Option<Stock>) -> Result<Stock, Problem> {
    stock.ok_or_else(not_found)
}

/// A refusal is a conflict: the request was well formed, only the stock is not as its sender thought.
pub fn conflict(refusal: Refusal) -> Problem {
    Problem::new(409, refusal.to_string())
}

fn not_found() -> Problem {
    Problem::not_found("Article not found")
}

fn key(sku: &str) -> String {
    format!("stock/{sku}")
}

fn given_up_key(order: &str) -> String {
    format!("given-up/{order}")
}

fn reservation_key(name: &str) -> String {
    format!("reservation/{name}")
}
