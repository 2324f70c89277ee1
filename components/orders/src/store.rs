//! Where orders are kept: one JSON value an order, under `order/{id}`.

use crate::domain::Order;
use holm_guest::kv::{self, Bucket};
use holm_guest::page::{self, Page, Wanted};
use holm_guest::{Problem, Request};

pub fn find(bucket: &Bucket, id: &str) -> Result<Order, Problem> {
    look_up(bucket, id)?.ok_or_else(|| Problem::not_found("Order not found"))
}

pub fn look_up(bucket: &Bucket, id: &str) -> Result<Option<Order>, kv::Error> {
    kv::get(bucket, &key(id))
}

pub fn save(bucket: &Bucket, order: &Order) -> Result<(), kv::Error> {
    kv::set(bucket, &key(&order.id), order)
}

/// The orders in the order of their creation; those of one user, if the request asks for them.
pub fn list(bucket: &Bucket, request: &Request) -> Result<Page<Order>, Problem> {
    let user = request.query("user_id");
    let wanted = |order: &Order| user.is_none_or(|user| order.user_id == user);
    Ok(page::read(bucket, "order/", &Wanted::of(request)?, wanted)?)
}

fn key(id: &str) -> String {
    format!("order/{id}")
}
