//! Where parcels are kept: one JSON value an order, under `parcel/{order_id}`.

use crate::domain::Parcel;
use holm_guest::kv::{self, Bucket};
use holm_guest::page::{self, Page, Wanted};
use holm_guest::{Problem, Request};

pub fn find(bucket: &Bucket, order_id: &str) -> Result<Option<Parcel>, kv::Error> {
    kv::get(bucket, &key(order_id))
}

pub fn save(bucket: &Bucket, parcel: &Parcel) -> Result<(), kv::Error> {
    kv::set(bucket, &key(&parcel.order_id), parcel)
}

/// The parcels in the order of their orders; those of one user, if the request asks for them.
pub fn list(bucket: &Bucket, request: &Request) -> Result<Page<Parcel>, Problem> {
    let user = request.query("user_id");
    let wanted = |parcel: &Parcel| user.is_none_or(|user| parcel.user_id == user);
    Ok(page::read(bucket, "parcel/", &Wanted::of(request)?, wanted)?)
}

fn key(order_id: &str) -> String {
    format!("parcel/{order_id}")
}
