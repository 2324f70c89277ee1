//! What may happen to a stock: `reserved` never exceeds `on_hand`, and neither falls below zero.

use serde::{Deserialize, Serialize};

/// Numbers of articles are short words; they stand in paths and on labels.
pub const SKU_LIMIT: usize = 64;

/// The stock of one article, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stock {
    pub sku: String,
    /// What lies on the shelf.
    pub on_hand: u32,
    /// How much of it is promised.
    pub reserved: u32,
}

/// There is less of an article than somebody wants.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Only {available} of {sku} are available, {wanted} are wanted")]
pub struct Shortage {
    pub sku: String,
    pub available: u32,
    pub wanted: u32,
}

/// Why something cannot happen to a stock.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error(transparent)]
    Insufficient(#[from] Shortage),
    #[error("Only {reserved} of {sku} are reserved, {wanted} cannot be released")]
    NotReserved { sku: String, reserved: u32, wanted: u32 },
    #[error("{reserved} of {sku} are reserved, the stock cannot fall to {wanted}")]
    Promised { sku: String, reserved: u32, wanted: u32 },
}

impl Stock {
    /// A stock of nothing.
    pub fn empty(sku: &str) -> Self {
        Self { sku: sku.into(), on_hand: 0, reserved: 0 }
    }

    /// What can still be promised.
    pub fn available(&self) -> u32 {
        self.on_hand.saturating_sub(self.reserved)
    }

    /// The shelf has been counted.
    pub fn counted(self, on_hand: u32) -> Result<Self, Refusal> {
        if on_hand < self.reserved {
            return Err(Refusal::Promised { sku: self.sku, reserved: self.reserved, wanted: on_hand });
        }
        Ok(Self { on_hand, ..self })
    }

    /// Somebody is promised `wanted`.
    pub fn reserve(self, wanted: u32) -> Result<Self, Shortage> {
        let available = self.available();
        if wanted > available {
            return Err(Shortage { sku: self.sku, available, wanted });
        }
        Ok(Self { reserved: self.reserved + wanted, ..self })
    }

    /// A promise of `wanted` is taken back.
    pub fn release(self, wanted: u32) -> Result<Self, Refusal> {
        match self.reserved.checked_sub(wanted) {
            Some(reserved) => Ok(Self { reserved, ..self }),
            None => Err(Refusal::NotReserved { sku: self.sku, reserved: self.reserved, wanted }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stock(on_hand: u32, reserved: u32) -> Stock {
        Stock { on_hand, reserved, ..Stock::empty("tea-100") }
    }

    #[test]
    fn the_last_one_is_sold_twice() {
        let sold_out = stock(3, 2).reserve(1).unwrap();
        assert_eq!(sold_out.available(), 0);
        let refusal = sold_out.reserve(1).unwrap_err();
        assert_eq!(refusal.to_string(), "Only 0 of tea-100 are available, 1 are wanted");
    }

    #[test]
    fn releasing_twice_makes_stock_out_of_nothing() {
        let released = stock(3, 2).release(2).unwrap();
        assert_eq!(released.available(), 3);
        assert!(matches!(released.release(1), Err(Refusal::NotReserved { .. })));
    }

    #[test]
    fn a_count_breaks_promises() {
        assert!(matches!(stock(3, 2).counted(1), Err(Refusal::Promised { .. })));
        assert_eq!(stock(3, 2).counted(2).unwrap().available(), 0);
    }

    #[test]
    fn an_enormous_order_overflows() {
        assert!(stock(u32::MAX, 1).reserve(u32::MAX).is_err());
        assert_eq!(stock(u32::MAX, 0).reserve(u32::MAX).unwrap().available(), 0);
    }
}
