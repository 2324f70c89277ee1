//! What an order is and which values are acceptable.

use holm_guest::problem::FieldError;
use serde::{Deserialize, Serialize};

/// Ids of users are UUIDs; others give theirs other forms.
const USER_ID_LIMIT: usize = 64;
/// As in the inventory: numbers of articles are short words.
const SKU_LIMIT: usize = 64;
/// As in the inventory: an order is reserved as a whole.
const ITEMS_LIMIT: usize = 100;
/// Ten thousand of one article is trade, and that is agreed on otherwise.
const QUANTITY_LIMIT: u32 = 10_000;
/// A hundred million euros: with the other limits the total of an order stays far from what a number holds.
const PRICE_LIMIT_CENTS: u64 = 10_000_000_000;

/// An order, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    pub id: String,
    pub user_id: String,
    pub status: Status,
    /// Why it was given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    pub items: Vec<Item>,
    /// What all of it costs.
    pub total_cents: u64,
    /// RFC 3339, as is `updated_at`.
    pub created_at: String,
    pub updated_at: String,
}

/// What became of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It waits for its items to be reserved and paid.
    Created,
    /// They are.
    Confirmed,
    /// It was given up: nothing of it is reserved or paid, or will not be for long.
    Cancelled,
}

/// So many of one article.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    pub sku: String,
    pub quantity: u32,
    /// What one of it costs, as the buyer was told.
    #[serde(default)]
    pub price_cents: u64,
}

/// An order, as a client sends it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewOrder {
    pub user_id: String,
    pub items: Vec<Item>,
}

impl Order {
    /// A new order, of items that are still to be reserved under its id.
    pub fn create(id: String, new: NewOrder, now: String) -> Result<Self, Vec<FieldError>> {
        let errors = new.errors();
        if !errors.is_empty() {
            return Err(errors);
        }
        let NewOrder { user_id, items } = new;
        let total_cents = items.iter().map(|item| item.price_cents * u64::from(item.quantity)).sum();
        let (status, created_at) = (Status::Created, now.clone());
        Ok(Self { id, user_id, status, reason: None, items, total_cents, created_at, updated_at: now })
    }

    /// The same order, reserved and paid. `None`: it waits for that no longer.
    pub fn confirmed(self, now: String) -> Option<Self> {
        (self.status == Status::Created).then_some(Self { status: Status::Confirmed, updated_at: now, ..self })
    }

    /// The same order, given up. `None`: it is already.
    pub fn cancelled(self, reason: String, now: String) -> Option<Self> {
        let given_up = self.status == Status::Cancelled;
        (!given_up).then_some(Self { status: Status::Cancelled, reason: Some(reason), updated_at: now, ..self })
    }

    /// The articles, as a catalog is asked for them.
    pub fn item_ids(&self) -> Vec<String> {
        self.items.iter().map(|item| item.sku.clone()).collect()
    }
}

impl NewOrder {
    /// Everything that is wrong, so that one answer names it.
    fn errors(&self) -> Vec<FieldError> {
        let mut errors = Vec::new();
        if self.user_id.is_empty() || self.user_id.len() > USER_ID_LIMIT {
            errors.push(FieldError::new("user_id", format!("must have 1 to {USER_ID_LIMIT} bytes")));
        }
        if self.items.is_empty() || self.items.len() > ITEMS_LIMIT {
            errors.push(FieldError::new("items", format!("must be 1 to {ITEMS_LIMIT}")));
        }
        // a list that is too long is not looked at: nobody reads ten thousand complaints
        for (at, item) in self.items.iter().enumerate().take(ITEMS_LIMIT) {
            errors.extend(self.item_errors(at, item));
        }
        errors
    }

    fn item_errors(&self, at: usize, item: &Item) -> impl Iterator<Item = FieldError> {
        let error = |field: &str, detail: String| FieldError::new(&format!("items/{at}/{field}"), detail);
        let sku = item.sku.is_empty() || item.sku.len() > SKU_LIMIT;
        let sku = sku.then(|| error("sku", format!("must have 1 to {SKU_LIMIT} bytes")));
        let again = self.items.iter().take(at).any(|earlier| earlier.sku == item.sku);
        let again = again.then(|| error("sku", "stands there already; order more of it instead".into()));
        let quantity = !(1..=QUANTITY_LIMIT).contains(&item.quantity);
        let quantity = quantity.then(|| error("quantity", format!("must be 1 to {QUANTITY_LIMIT}")));
        let price = item.price_cents > PRICE_LIMIT_CENTS;
        let price = price.then(|| error("price_cents", format!("must be {PRICE_LIMIT_CENTS} at most")));
        [sku, again, quantity, price].into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn create(user_id: &str, items: &[(&str, u32)]) -> Result<Order, Vec<FieldError>> {
        let item = |(sku, quantity): &(&str, u32)| Item { sku: sku.to_string(), quantity: *quantity, price_cents: 250 };
        let items = items.iter().map(item).collect();
        Order::create("7".into(), NewOrder { user_id: user_id.into(), items }, "2026-11-22T09:30:00Z".into())
    }

    fn pointers(order: Result<Order, Vec<FieldError>>) -> Vec<String> {
        order.unwrap_err().into_iter().map(|error| error.pointer).collect()
    }

    #[test]
    fn an_order_forgets_what_was_ordered() {
        let order = create("ada", &[("tea-100", 2), ("cup", 1)]).unwrap();
        assert_eq!(order.item_ids(), ["tea-100", "cup"]);
        assert_eq!(order.total_cents, 750);
        let cancelled = order.clone().cancelled("changed her mind".into(), "2026-11-22T10:00:00Z".into()).unwrap();
        assert_eq!((cancelled.status, cancelled.items), (Status::Cancelled, order.items));
        assert!(cancelled.updated_at > cancelled.created_at);
    }

    #[test]
    fn an_order_that_was_given_up_is_confirmed_after_all() {
        let order = create("ada", &[("tea-100", 2)]).unwrap();
        let confirmed = order.clone().confirmed(String::new()).unwrap();
        assert_eq!(confirmed.clone().confirmed(String::new()), None);
        assert!(confirmed.cancelled("returned".into(), String::new()).is_some());
        let cancelled = order.cancelled("declined".into(), String::new()).unwrap();
        assert_eq!(cancelled.clone().confirmed(String::new()), None);
        assert_eq!(cancelled.cancelled("again".into(), String::new()), None);
    }

    #[test]
    fn only_the_first_wrong_item_is_named() {
        let wrong = create("", &[("tea", 0), ("", 1), ("cup", 10_001), ("tea", 1)]);
        assert_eq!(
            pointers(wrong),
            ["#/user_id", "#/items/0/quantity", "#/items/1/sku", "#/items/2/quantity", "#/items/3/sku"]
        );
    }

    #[test]
    fn an_order_of_nothing_or_of_everything_is_taken() {
        assert_eq!(pointers(create("ada", &[])), ["#/items"]);
        let names: Vec<String> = (0..101).map(|number| number.to_string()).collect();
        let many: Vec<_> = names.iter().map(|name| (name.as_str(), 1)).collect();
        assert_eq!(pointers(create("ada", &many)), ["#/items"]);
        assert!(create("ada", &many[..100]).is_ok());
    }
}
