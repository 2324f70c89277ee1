//! What a cart is, and what is ordered from it. It keeps articles and quantities alone: what they cost is the
//! catalog's to say, whenever somebody looks.

use holm_guest::problem::FieldError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Numbers of articles are short words, as in the catalog.
const SKU_LIMIT: usize = 64;
/// As many as an order may have.
const ARTICLES_LIMIT: usize = 100;
/// As of an order.
const QUANTITY_LIMIT: u32 = 10_000;

/// What somebody is about to order, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cart {
    /// The id that its order gets: a cart that is sent twice is ordered once.
    pub order_id: String,
    /// How many of each article, by its number.
    pub items: BTreeMap<String, u32>,
}

/// What the catalog says of an article.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    pub id: String,
    pub name: String,
    pub price_cents: u64,
    pub currency: String,
}

/// A line of a cart, with what is known of its article.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    pub sku: String,
    pub quantity: u32,
    /// Absent if the article is not for sale any more, or nobody knows at the moment. So are the others.
    pub name: Option<String>,
    pub price_cents: Option<u64>,
    pub currency: Option<String>,
}

impl Cart {
    /// A cart with nothing in it.
    pub fn new(order_id: String) -> Self {
        Self { order_id, items: BTreeMap::new() }
    }

    /// The same cart with so many of an article in it. None of it takes it out.
    pub fn with(mut self, sku: &str, quantity: u32) -> Result<Self, Vec<FieldError>> {
        let mut errors = Vec::new();
        if sku.is_empty() || sku.len() > SKU_LIMIT {
            errors.push(FieldError::new("sku", format!("must have 1 to {SKU_LIMIT} bytes")));
        }
        if quantity > QUANTITY_LIMIT {
            errors.push(FieldError::new("quantity", format!("must be 0 to {QUANTITY_LIMIT}")));
        }
        if self.items.len() == ARTICLES_LIMIT && !self.items.contains_key(sku) {
            errors.push(FieldError::new("sku", format!("there are {ARTICLES_LIMIT} articles already")));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        match quantity {
            0 => drop(self.items.remove(sku)),
            _ => drop(self.items.insert(sku.into(), quantity)),
        }
        Ok(self)
    }

    /// Its lines, with what the catalog says of them.
    pub fn lines(&self, products: &[Product]) -> Vec<Line> {
        let line = |(sku, quantity): (&String, &u32)| {
            let product = products.iter().find(|product| product.id == *sku).cloned();
            let (name, price_cents) =
                (product.as_ref().map(|it| it.name.clone()), product.as_ref().map(|it| it.price_cents));
            Line { sku: sku.clone(), quantity: *quantity, name, price_cents, currency: product.map(|it| it.currency) }
        };
        self.items.iter().map(line).collect()
    }
}

/// What all of it costs. `None`: of something nobody knows.
pub fn total(lines: &[Line]) -> Option<u64> {
    lines.iter().map(|line| Some(line.price_cents?.saturating_mul(line.quantity.into()))).sum()
}

/// What cannot be ordered: nobody sells it any more.
pub fn unsold(lines: &[Line]) -> Vec<FieldError> {
    let gone = lines.iter().filter(|line| line.price_cents.is_none());
    gone.map(|line| FieldError::new("items", format!("{} is not for sale", line.sku))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cart(items: &[(&str, u32)]) -> Cart {
        items.iter().fold(Cart::new("7".into()), |cart, (sku, quantity)| cart.with(sku, *quantity).unwrap())
    }

    fn product(id: &str, price_cents: u64) -> Product {
        Product { id: id.into(), name: id.to_uppercase(), price_cents, currency: "EUR".into() }
    }

    #[test]
    fn what_is_put_in_again_is_added_up_and_what_is_taken_out_stays() {
        let cart = cart(&[("tea", 2), ("cup", 1), ("tea", 3)]);
        assert_eq!(cart.items, BTreeMap::from([("tea".into(), 3), ("cup".into(), 1)]));
        assert_eq!(cart.with("tea", 0).unwrap().items, BTreeMap::from([("cup".into(), 1)]));
    }

    #[test]
    fn a_cart_holds_what_no_order_may() {
        assert!(Cart::new("7".into()).with("", 1).is_err());
        assert!(Cart::new("7".into()).with(&"x".repeat(65), 1).is_err());
        assert!(Cart::new("7".into()).with("tea", 10_001).is_err());
        let names: Vec<String> = (0..100).map(|number| number.to_string()).collect();
        let full = cart(&names.iter().map(|name| (name.as_str(), 1)).collect::<Vec<_>>());
        assert!(full.clone().with("one more", 1).is_err());
        assert!(full.with("7", 5).is_ok());
    }

    #[test]
    fn an_article_that_is_gone_costs_nothing() {
        let lines = cart(&[("tea", 2), ("gone", 1)]).lines(&[product("tea", 250)]);
        assert_eq!(lines[1].price_cents, Some(250));
        assert_eq!(total(&lines), None);
        assert_eq!(unsold(&lines), [FieldError::new("items", "gone is not for sale")]);
        assert_eq!(total(&lines[1..]), Some(500));
        assert_eq!(total(&cart(&[]).lines(&[])), Some(0));
    }
}
