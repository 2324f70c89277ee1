//! The door for other services: `shop:orders/ordering`. It speaks the types of the interface.

use crate::Orders;
use crate::bindings::exports::shop::orders::ordering::{self, Guest, Mistake, Refusal};
use crate::domain::{self, Order};
use crate::service::{self, CreateOrderError};
use holm_guest::problem::FieldError;

impl Guest for Orders {
    fn create_order(id: String, request: ordering::NewOrder) -> Result<ordering::Order, Refusal> {
        Ok(told(service::create_order_once(id, asked(request))?))
    }
}

fn asked(request: ordering::NewOrder) -> domain::NewOrder {
    let item = |ordering::Item { sku, quantity, price_cents }| domain::Item { sku, quantity, price_cents };
    domain::NewOrder { user_id: request.user_id, items: request.items.into_iter().map(item).collect() }
}

fn told(order: Order) -> ordering::Order {
    let Order { id, total_cents, created_at, .. } = order;
    ordering::Order { id, total_cents, created_at }
}

impl From<CreateOrderError> for Refusal {
    fn from(error: CreateOrderError) -> Self {
        match error {
            CreateOrderError::Invalid(errors) => {
                let mistake = |FieldError { pointer, detail }| Mistake { pointer, detail };
                Self::Invalid(errors.into_iter().map(mistake).collect())
            }
            CreateOrderError::InsufficientInventory(short) => {
                let same = |it: crate::inventory::Shortage| ordering::Shortage {
                    sku: it.sku,
                    wanted: it.wanted,
                    available: it.available,
                };
                Self::InsufficientInventory(short.into_iter().map(same).collect())
            }
            CreateOrderError::InventoryUnavailable(why) => Self::InventoryUnavailable(why),
            CreateOrderError::Taken => Self::Taken,
            CreateOrderError::Failed(problem) => Self::Failed(problem.cause.unwrap_or(problem.message)),
        }
    }
}
