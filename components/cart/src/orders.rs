//! What is asked of the orders: typed calls through `shop:orders/ordering`.

use crate::bindings::shop::orders::ordering::{self, Item, NewOrder, Order, Refusal};
use crate::domain::Line;
use holm_guest::Problem;
use holm_guest::problem::FieldError;

/// Orders what stands in these lines, all of which have a price, under this id.
pub fn create(order_id: &str, user_id: &str, lines: &[Line]) -> Result<Order, Refusal> {
    let item =
        |line: &Line| Some(Item { sku: line.sku.clone(), quantity: line.quantity, price_cents: line.price_cents? });
    let items = lines.iter().filter_map(item).collect();
    ordering::create_order(order_id, &NewOrder { user_id: user_id.into(), items })
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Invalid(mistakes) => Self::invalid(
                mistakes.into_iter().map(|it| FieldError { pointer: it.pointer, detail: it.detail }).collect(),
            ),
            Refusal::InsufficientInventory(short) => {
                let missing = |it: ordering::Shortage| {
                    let ordering::Shortage { sku, wanted, available } = it;
                    FieldError::new("items", format!("Only {available} of {sku} are available, {wanted} are wanted"))
                };
                let errors = short.into_iter().map(missing).collect();
                Self { errors, ..Self::new(409, "There are too few of some of the items") }
            }
            Refusal::InventoryUnavailable(why) => unavailable("inventory", &why),
            Refusal::Failed(why) => unavailable("orders", &why),
            Refusal::Taken => Self::new(
                409,
                "The cart was ordered already, before it was changed; check out again to order what is in it now",
            ),
        }
    }
}

fn unavailable(who: &str, why: &str) -> Problem {
    Problem {
        cause: Some(format!("{who}: {why}")),
        ..Problem::new(503, "Nothing can be ordered at the moment, try again later")
    }
}
