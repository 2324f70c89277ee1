//! What a product is, which values are acceptable, what a search finds.

use holm_guest::problem::FieldError;
use serde::{Deserialize, Serialize};

/// Numbers of articles are short words, as in the inventory; they stand in paths and on labels.
const ID_LIMIT: usize = 64;
/// Fits a line of a list.
const NAME_LIMIT: usize = 200;
/// A few paragraphs; a product stays far below what the store takes as one value.
const DESCRIPTION_LIMIT: usize = 4_000;
/// Ten million: above it a price is rather a slip of the keyboard.
const PRICE_LIMIT: u64 = 1_000_000_000;

/// A product, as it is stored and shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    pub id: String,
    pub name: String,
    pub description: String,
    /// In hundredths of the currency: money is never a fraction.
    pub price_cents: u64,
    /// After ISO 4217.
    pub currency: String,
    /// RFC 3339.
    pub created_at: String,
}

/// A product, as a client sends it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewProduct {
    pub name: String,
    #[serde(default)]
    pub description: String,
    pub price_cents: u64,
}

impl Product {
    /// A new product in the shop's currency.
    pub fn create(id: String, new: NewProduct, currency: String, now: String) -> Result<Self, Vec<FieldError>> {
        let mut errors = new.errors();
        if id.is_empty() || id.len() > ID_LIMIT {
            errors.push(FieldError::new("id", format!("must have 1 to {ID_LIMIT} bytes")));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let name = new.name.trim().to_string();
        Ok(Self { id, name, description: new.description, price_cents: new.price_cents, currency, created_at: now })
    }
}

impl NewProduct {
    fn errors(&self) -> Vec<FieldError> {
        let mut errors = Vec::new();
        if self.name.trim().is_empty() || self.name.chars().count() > NAME_LIMIT {
            errors.push(FieldError::new("name", format!("must have 1 to {NAME_LIMIT} characters")));
        }
        if self.description.chars().count() > DESCRIPTION_LIMIT {
            errors.push(FieldError::new("description", format!("is longer than {DESCRIPTION_LIMIT} characters")));
        }
        if self.price_cents > PRICE_LIMIT {
            errors.push(FieldError::new("price_cents", format!("is more than {PRICE_LIMIT}")));
        }
        errors
    }
}

/// A search by text: a product is found if each word occurs in its name or its description.
pub struct Search {
    words: Vec<String>,
}

impl Search {
    /// Upper and lower case make no difference. Without any word everything is found.
    pub fn new(text: &str) -> Self {
        Self { words: text.to_lowercase().split_whitespace().map(str::to_string).collect() }
    }

    /// Whether the search finds `product`.
    pub fn finds(&self, product: &Product) -> bool {
        let text = format!("{} {}", product.name, product.description).to_lowercase();
        self.words.iter().all(|word| text.contains(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tea() -> NewProduct {
        NewProduct { name: "Grüner Tee".into(), description: "100 g from Shizuoka".into(), price_cents: 1_290 }
    }

    fn create(new: NewProduct) -> Result<Product, Vec<FieldError>> {
        Product::create("1".into(), new, "EUR".into(), "2026-11-22T09:30:00Z".into())
    }

    #[test]
    fn a_product_without_a_name_is_for_sale() {
        let errors = create(NewProduct { name: " ".into(), price_cents: u64::MAX, ..tea() }).unwrap_err();
        let pointers: Vec<_> = errors.iter().map(|error| error.pointer.as_str()).collect();
        assert_eq!(pointers, ["#/name", "#/price_cents"]);
    }

    #[test]
    fn a_price_of_12_90_becomes_12_91() {
        assert_eq!(create(tea()).unwrap().price_cents, 1_290);
        assert!(serde_json::from_str::<NewProduct>(r#"{"name": "Tea", "price_cents": 12.9}"#).is_err());
        assert!(serde_json::from_str::<NewProduct>(r#"{"name": "Tea", "price_cents": -1}"#).is_err());
    }

    #[test]
    fn a_search_needs_the_words_in_order_and_case() {
        let product = create(tea()).unwrap();
        for found in ["tee", "GRÜNER", "shizuoka grüner", ""] {
            assert!(Search::new(found).finds(&product), "{found}");
        }
        assert!(!Search::new("grüner kaffee").finds(&product));
    }
}
