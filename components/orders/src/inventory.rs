//! What is asked of the inventory: typed calls through `shop:inventory/stock`.
//!
//! How long, how often and what then is said in the manifest, not here. The answer promises nothing: the items are
//! reserved by the event that tells of the order.

use crate::bindings::shop::inventory::stock::{self, Availability, Refusal, Shortage};
use crate::domain::{Item, Order};
use holm_guest::Problem;
use holm_guest::problem::FieldError;

/// Why the inventory promises nothing.
#[derive(Debug)]
pub enum InventoryError {
    /// There are too few of these.
    Insufficient(Vec<Shortage>),
    /// The items mean nothing to it.
    Invalid(String),
    /// Nobody can tell, for this reason.
    Unavailable(String),
}

/// Whether the items of an order are there.
pub fn check(order: &Order) -> Result<(), InventoryError> {
    match stock::check_availability(&items(order))? {
        Availability { available: true, .. } => Ok(()),
        Availability { short: Some(short), .. } => Err(InventoryError::Insufficient(short)),
        // the manifest's answer for an inventory that has none
        Availability { short: None, .. } => Err(InventoryError::Unavailable("the fallback answered".into())),
    }
}

fn items(order: &Order) -> Vec<stock::Item> {
    let item = |item: &Item| stock::Item { sku: item.sku.clone(), quantity: item.quantity };
    order.items.iter().map(item).collect()
}

impl From<Refusal> for InventoryError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Insufficient(short) => Self::Insufficient(short),
            Refusal::Invalid(why) => Self::Invalid(why),
            Refusal::Taken => Self::Unavailable("the order's id is that of another reservation".into()),
            Refusal::Failed(why) => Self::Unavailable(why),
        }
    }
}

impl From<InventoryError> for Problem {
    fn from(error: InventoryError) -> Self {
        match error {
            InventoryError::Insufficient(short) => {
                let errors = short.iter().map(missing).collect();
                Self { errors, ..Self::new(409, "There are too few of some of the items") }
            }
            InventoryError::Invalid(why) => Self::new(422, why),
            InventoryError::Unavailable(why) => Self {
                cause: Some(format!("inventory: {why}")),
                ..Self::new(503, "It is not known at the moment what is in stock, try again later")
            },
        }
    }
}

fn missing(shortage: &Shortage) -> FieldError {
    let Shortage { sku, wanted, available } = shortage;
    FieldError::new("items", format!("Only {available} of {sku} are available, {wanted} are wanted"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buyer_is_told_that_the_shelf_is_empty_when_nobody_has_looked() {
        let too_few = vec![Shortage { sku: "tea".into(), wanted: 3, available: 2 }];
        let problem = Problem::from(InventoryError::from(Refusal::Insufficient(too_few)));
        assert_eq!(problem.status, 409);
        assert_eq!(problem.errors, [FieldError::new("items", "Only 2 of tea are available, 3 are wanted")]);
        assert_eq!(Problem::from(InventoryError::from(Refusal::Failed("disk".into()))).status, 503);
    }
}
