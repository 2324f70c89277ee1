//! What must hold when nothing is under way any more: every order is confirmed and paid once, and what is reserved is
//! what was ordered.

use std::collections::BTreeMap;

use anyhow::ensure;
use http::Method;
use serde_json::{Value, json};

use super::buyer::{Buyer, Visit};
use super::sku;

/// How many orders there were.
///
/// # Errors
/// What does not add up.
pub async fn balance(keeper: &Buyer, visits: &[Visit]) -> anyhow::Result<usize> {
    let orders: Vec<_> = visits.iter().flat_map(|visit| &visit.orders).collect();
    let mut promised = BTreeMap::<u32, u64>::new();
    for (id, article, quantity) in &orders {
        *promised.entry(*article).or_default() += u64::from(*quantity);
        let order = keeper.must(Method::GET, &format!("/api/orders/{id}"), &Value::Null).await?;
        ensure!(order.get("status") == Some(&json!("confirmed")), "an order is not settled: {order}");
        let payment = keeper.must(Method::GET, &format!("/api/payments/{id}"), &Value::Null).await?;
        let booked = payment.get("transactions").and_then(Value::as_array).map_or(0, Vec::len);
        let same = payment.get("amount_cents") == order.get("total_cents");
        ensure!(booked == 1 && same, "an order is not paid once: {order}, {payment}");
    }
    for (article, promised) in promised {
        let stock = keeper.must(Method::GET, &format!("/api/stock/{}", sku(article)), &Value::Null).await?;
        ensure!(stock.get("reserved") == Some(&json!(promised)), "{promised} were ordered: {stock}");
    }
    Ok(orders.len())
}
