//! What the shop does when somebody orders. The doors (`api`, `calls`) bring what they were given in the domain's
//! words, and tell in their own what came of it.

use crate::domain::{NewOrder, Order};
use crate::inventory::{InventoryError, Shortage};
use crate::{events, inventory, store};
use holm_guest::problem::FieldError;
use holm_guest::{Problem, clock, kv};

/// Why there is no order.
#[derive(Debug)]
pub enum CreateOrderError {
    /// Some values cannot be accepted.
    Invalid(Vec<FieldError>),
    /// There are too few of these.
    InsufficientInventory(Vec<Shortage>),
    /// Nobody knows what is in stock, for this reason.
    InventoryUnavailable(String),
    /// There is an order of this id already, for something else.
    Taken,
    /// The orders could not be read or written.
    Failed(Problem),
}

/// Creates an order under a new id. Saved and told of in one commit: what follows, happens to an order that exists.
pub fn create_order(id: String, request: NewOrder) -> Result<Order, CreateOrderError> {
    // 1. it must be an order that somebody can mean
    let order = Order::create(id, request, clock::now().to_string()).map_err(CreateOrderError::Invalid)?;
    // 2. a synchronous call: is everything there?
    inventory::check(&order)?;
    // 3. it is kept
    store::save(&kv::open()?, &order)?;
    // 4. others hear of it
    events::created(&order)?;
    Ok(order)
}

/// Creates an order under an id that somebody else has chosen, unless that has happened before.
pub fn create_order_once(id: String, request: NewOrder) -> Result<Order, CreateOrderError> {
    match store::look_up(&kv::open()?, &id)? {
        Some(earlier) if earlier.is_for(&request) => Ok(earlier),
        Some(_) => Err(CreateOrderError::Taken),
        None => create_order(id, request),
    }
}

impl From<InventoryError> for CreateOrderError {
    fn from(error: InventoryError) -> Self {
        match error {
            InventoryError::Insufficient(short) => Self::InsufficientInventory(short),
            InventoryError::Invalid(why) => Self::Invalid(vec![FieldError::new("items", why)]),
            InventoryError::Unavailable(why) => Self::InventoryUnavailable(why),
        }
    }
}

impl From<Problem> for CreateOrderError {
    fn from(problem: Problem) -> Self {
        Self::Failed(problem)
    }
}

impl From<kv::Error> for CreateOrderError {
    fn from(error: kv::Error) -> Self {
        Self::Failed(error.into())
    }
}

/// What a client of the routes is told.
impl From<CreateOrderError> for Problem {
    fn from(error: CreateOrderError) -> Self {
        match error {
            CreateOrderError::Invalid(errors) => Self::invalid(errors),
            CreateOrderError::InsufficientInventory(short) => {
                let errors = short.iter().map(missing).collect();
                Self { errors, ..Self::new(409, "There are too few of some of the items") }
            }
            CreateOrderError::InventoryUnavailable(why) => Self {
                cause: Some(format!("inventory: {why}")),
                ..Self::new(503, "It is not known at the moment what is in stock, try again later")
            },
            CreateOrderError::Taken => Self::new(409, "There is an order of this id already, for something else"),
            CreateOrderError::Failed(problem) => problem,
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
        let problem = Problem::from(CreateOrderError::InsufficientInventory(too_few));
        assert_eq!(problem.status, 409);
        assert_eq!(problem.errors, [FieldError::new("items", "Only 2 of tea are available, 3 are wanted")]);
        assert_eq!(Problem::from(CreateOrderError::InventoryUnavailable("disk".into())).status, 503);
    }
}
