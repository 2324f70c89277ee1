//! Where products are kept: one JSON value a product, under `product/{id}`.

use crate::domain::{Product, Search};
use holm_guest::kv::{self, Bucket};
use holm_guest::page::{self, Page, Wanted};
use holm_guest::{Problem, Request};

pub fn find(bucket: &Bucket, id: &str) -> Result<Product, Problem> {
    look_up(bucket, id)?.ok_or_else(|| Problem::not_found("Product not found"))
}

pub fn look_up(bucket: &Bucket, id: &str) -> Result<Option<Product>, kv::Error> {
    kv::get(bucket, &key(id))
}

/// Those of `ids` that exist, in the order of `ids`.
pub fn find_many<'a>(bucket: &Bucket, ids: impl Iterator<Item = &'a str>) -> Result<Vec<Product>, kv::Error> {
    let keys: Vec<String> = ids.map(key).collect();
    Ok(kv::get_many(bucket, &keys)?.into_iter().map(|(_, product)| product).collect())
}

pub fn insert(bucket: &Bucket, product: &Product) -> Result<(), kv::Error> {
    kv::set(bucket, &key(&product.id), product)
}

/// The products that `search` finds, in the order of their creation.
pub fn search(bucket: &Bucket, request: &Request, search: &Search) -> Result<Page<Product>, Problem> {
    Ok(page::read(bucket, "product/", &Wanted::of(request)?, |product| search.finds(product))?)
}

fn key(id: &str) -> String {
    format!("product/{id}")
}
