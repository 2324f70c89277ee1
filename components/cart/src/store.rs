//! Where carts are kept: one JSON value a user, under `cart/{user_id}`.

use crate::domain::Cart;
use holm_guest::id;
use holm_guest::kv::{self, Bucket};

/// Somebody's cart; a new one, if there is none.
pub fn find(bucket: &Bucket, user: &str) -> Result<Cart, kv::Error> {
    Ok(kv::get(bucket, &key(user))?.unwrap_or_else(|| Cart::new(id::new())))
}

pub fn save(bucket: &Bucket, user: &str, cart: &Cart) -> Result<(), kv::Error> {
    kv::set(bucket, &key(user), cart)
}

pub fn remove(bucket: &Bucket, user: &str) -> Result<(), kv::Error> {
    Ok(bucket.delete(&key(user))?)
}

fn key(user: &str) -> String {
    format!("cart/{user}")
}
