//! The door for other services: `shop:catalog/prices`. It speaks the types of the interface.

use crate::Catalog;
use crate::api::IDS_LIMIT;
use crate::bindings::exports::shop::catalog::prices::{Guest, Product, Quotation, Refusal};
use crate::domain;
use crate::store;
use holm_guest::kv;

impl Guest for Catalog {
    fn quote(ids: Vec<String>) -> Result<Quotation, Refusal> {
        if ids.len() > IDS_LIMIT {
            return Err(Refusal::Invalid(format!("A question may name {IDS_LIMIT} articles at most")));
        }
        let products = store::find_many(&kv::open()?, ids.iter().map(String::as_str))?;
        Ok(Quotation { products: Some(products.into_iter().map(told).collect()) })
    }
}

fn told(product: domain::Product) -> Product {
    let domain::Product { id, name, price_cents, currency, .. } = product;
    Product { id, name, price_cents, currency }
}

impl From<kv::Error> for Refusal {
    fn from(error: kv::Error) -> Self {
        Self::Failed(error.to_string())
    }
}
