//! What is promised together: several articles, all of them or none.

use crate::domain::{SKU_LIMIT, Shortage, Stock};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Each article is a read and a write of one unit of work; a longer list is rather a program gone wrong.
const ITEMS_LIMIT: usize = 100;

/// Numbers of articles, and how many of each: a reservation, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Basket(BTreeMap<String, u32>);

/// Items that nobody can mean.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    #[error("There must be 1 to {ITEMS_LIMIT} items, and there are {0}")]
    Count(usize),
    #[error("The number of an article has 1 to {SKU_LIMIT} bytes")]
    Sku,
    #[error("The quantity of {0} must be at least 1, and in all at most 4294967295")]
    Quantity(String),
}

impl Basket {
    /// The items, those of the same article put together.
    pub fn new(items: Vec<(String, u32)>) -> Result<Self, Invalid> {
        if items.is_empty() || items.len() > ITEMS_LIMIT {
            return Err(Invalid::Count(items.len()));
        }
        let mut basket = BTreeMap::new();
        for (sku, quantity) in items {
            if sku.is_empty() || sku.len() > SKU_LIMIT {
                return Err(Invalid::Sku);
            }
            let sum: &mut u32 = basket.entry(sku.clone()).or_default();
            *sum = sum.checked_add(quantity).filter(|_| quantity > 0).ok_or(Invalid::Quantity(sku))?;
        }
        Ok(Self(basket))
    }

    /// The articles, each once.
    pub fn skus(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The stocks of the articles when everything is promised. What `stocks` lacks there is nothing of.
    pub fn reserve(&self, stocks: &[Stock]) -> Result<Vec<Stock>, Vec<Shortage>> {
        let (mut reserved, mut short) = (Vec::new(), Vec::new());
        for (sku, wanted) in &self.0 {
            let known = stocks.iter().find(|stock| stock.sku == *sku).cloned();
            match known.unwrap_or_else(|| Stock::empty(sku)).reserve(*wanted) {
                Ok(stock) => reserved.push(stock),
                Err(shortage) => short.push(shortage),
            }
        }
        if short.is_empty() { Ok(reserved) } else { Err(short) }
    }

    /// The stocks when the promise is taken back: as much of it as nobody has taken back by hand.
    pub fn release(&self, stocks: Vec<Stock>) -> Vec<Stock> {
        let released = |stock: Stock| Stock { reserved: stock.reserved - self.promised(&stock), ..stock };
        stocks.into_iter().map(released).collect()
    }

    /// The stocks when the promise is kept: what was promised has left the shelf.
    pub fn take(&self, stocks: Vec<Stock>) -> Vec<Stock> {
        let taken = |stock: Stock| {
            let promised = self.promised(&stock);
            Stock { reserved: stock.reserved - promised, on_hand: stock.on_hand.saturating_sub(promised), ..stock }
        };
        stocks.into_iter().map(taken).collect()
    }

    /// How much of a stock this promise still holds.
    fn promised(&self, stock: &Stock) -> u32 {
        self.0.get(&stock.sku).copied().unwrap_or_default().min(stock.reserved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basket(items: &[(&str, u32)]) -> Result<Basket, Invalid> {
        Basket::new(items.iter().map(|(sku, quantity)| (sku.to_string(), *quantity)).collect())
    }

    fn stock(sku: &str, on_hand: u32, reserved: u32) -> Stock {
        Stock { on_hand, reserved, ..Stock::empty(sku) }
    }

    #[test]
    fn half_of_an_order_is_reserved() {
        let order = basket(&[("tea", 2), ("milk", 9), ("cups", 1)]).unwrap();
        let shelf = [stock("tea", 5, 0), stock("milk", 5, 0)];
        let short: Vec<_> = order.reserve(&shelf).unwrap_err().iter().map(Shortage::to_string).collect();
        assert_eq!(short, ["Only 0 of cups are available, 1 are wanted", "Only 5 of milk are available, 9 are wanted"]);
    }

    #[test]
    fn an_article_named_twice_gets_past_the_stock() {
        let order = basket(&[("tea", 2), ("tea", 2)]).unwrap();
        assert!(order.reserve(&[stock("tea", 3, 0)]).is_err());
        assert_eq!(order.reserve(&[stock("tea", 4, 0)]).unwrap(), [stock("tea", 4, 4)]);
    }

    #[test]
    fn what_was_released_by_hand_is_released_twice() {
        let order = basket(&[("tea", 2), ("milk", 2)]).unwrap();
        let shelf = vec![stock("tea", 5, 5), stock("milk", 5, 1)];
        assert_eq!(order.release(shelf), [stock("tea", 5, 3), stock("milk", 5, 0)]);
    }

    #[test]
    fn what_has_left_the_house_is_sold_again() {
        let order = basket(&[("tea", 2), ("milk", 2)]).unwrap();
        let shelf = vec![stock("tea", 5, 3), stock("milk", 5, 1)];
        assert_eq!(order.take(shelf), [stock("tea", 3, 1), stock("milk", 4, 0)]);
    }

    #[test]
    fn items_that_nobody_can_mean_are_reserved() {
        assert_eq!(basket(&[]), Err(Invalid::Count(0)));
        assert_eq!(basket(&[("tea", 1); 101]), Err(Invalid::Count(101)));
        assert_eq!(basket(&[("", 1)]), Err(Invalid::Sku));
        assert_eq!(basket(&[("tea", 0)]), Err(Invalid::Quantity("tea".into())));
        assert_eq!(basket(&[("tea", u32::MAX), ("tea", 1)]), Err(Invalid::Quantity("tea".into())));
    }
}
