//! What is asked of the inventory: typed calls through `shop:inventory/stock`.
//!
//! How long, how often and what then is said in the manifest, not here. The answer promises nothing: the items are
//! reserved by the event that tells of the order.

use crate::bindings::shop::inventory::stock::{self, Availability, Refusal};
use crate::domain::{Item, Order};

pub use crate::bindings::shop::inventory::stock::Shortage;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shelf_that_nobody_can_look_at_counts_as_empty() {
        let failed = InventoryError::from(Refusal::Failed("disk".into()));
        assert!(matches!(failed, InventoryError::Unavailable(why) if why == "disk"));
        let short = InventoryError::from(Refusal::Insufficient(Vec::new()));
        assert!(matches!(short, InventoryError::Insufficient(_)));
    }
}
