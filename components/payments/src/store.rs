//! Where payments are kept: one JSON value an order, under `payment/{order_id}`.

use crate::domain::Payment;
use holm_guest::kv::{self, Bucket};
use holm_guest::page::{self, Page, Wanted};
use holm_guest::{Problem, Request};

pub fn find(bucket: &Bucket, order_id: &str) -> Result<Option<Payment>, kv::Error> {
    kv::get(bucket, &key(order_id))
}

pub fn save(bucket: &Bucket, payment: &Payment) -> Result<(), kv::Error> {
    kv::set(bucket, &key(&payment.order_id), payment)
}

/// The payments in the order of their orders; those of one user, if the request asks for them.
pub fn list(bucket: &Bucket, request: &Request) -> Result<Page<Payment>, Problem> {
    let user = request.query("user_id");
    let wanted = |payment: &Payment| user.is_none_or(|user| payment.user_id == user);
    Ok(page::read(bucket, "payment/", &Wanted::of(request)?, wanted)?)
}

fn key(order_id: &str) -> String {
    format!("payment/{order_id}")
}
