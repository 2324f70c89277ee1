//! What is asked of the catalog: typed calls through `shop:catalog/prices`. What holds while it is away is said in the
//! manifest: its answer there says of no article anything.

use crate::bindings::shop::catalog::prices::{self, Refusal};
use crate::domain::{Cart, Product};
use holm_guest::Problem;

/// What the catalog says of the articles of a cart. `None`: nobody can tell.
pub fn quote(cart: &Cart) -> Result<Option<Vec<Product>>, Problem> {
    let ids: Vec<String> = cart.items.keys().cloned().collect();
    let products = prices::quote(&ids)?.products;
    Ok(products.map(|products| products.into_iter().map(known).collect()))
}

fn known(product: prices::Product) -> Product {
    let prices::Product { id, name, price_cents, currency } = product;
    Product { id, name, price_cents, currency }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Invalid(why) => Self::new(422, why),
            Refusal::Failed(why) => {
                Self { cause: Some(format!("catalog: {why}")), ..Self::new(503, crate::api::NO_PRICES) }
            }
        }
    }
}
