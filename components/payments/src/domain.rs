//! What may become of a payment: every order has one, and every cent of it is in its transactions.

use holm_guest::problem::FieldError;
use serde::{Deserialize, Serialize};

/// The payment of one order, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// Its order's id: an order is paid once.
    pub order_id: String,
    pub user_id: String,
    pub status: Status,
    pub amount_cents: u64,
    /// What was booked, the oldest first.
    pub transactions: Vec<Transaction>,
}

/// What became of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    Charged,
    Declined,
    /// Charged, and given back.
    Refunded,
    /// Its order was given up before anything was charged.
    Void,
}

/// One movement of money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transaction {
    pub kind: Kind,
    pub amount_cents: u64,
    /// RFC 3339.
    pub at: String,
}

/// Which way the money went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Charge,
    Refund,
}

/// Why nothing is given back.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no charge that anything could be given back of.
    NotCharged(Status),
    /// So much cannot be given back.
    Amount(FieldError),
}

/// An order that is to be paid.
#[derive(Debug, Clone, Deserialize)]
pub struct Due {
    pub order_id: String,
    pub user_id: String,
    pub total_cents: u64,
}

impl Payment {
    /// Charges what is due, up to `limit` in cents: what the shop lets anybody buy at once. Nothing to pay is paid.
    pub fn charge(due: Due, limit: u64, now: String) -> Self {
        let Due { order_id, user_id, total_cents: amount_cents } = due;
        if amount_cents > limit {
            return Self { order_id, user_id, status: Status::Declined, amount_cents, transactions: Vec::new() };
        }
        let transactions = vec![Transaction { kind: Kind::Charge, amount_cents, at: now }];
        Self { order_id, user_id, status: Status::Charged, amount_cents, transactions }
    }

    /// The payment of an order that was given up before it could be paid.
    pub fn void(order_id: String) -> Self {
        Self { order_id, user_id: String::new(), status: Status::Void, amount_cents: 0, transactions: Vec::new() }
    }

    /// Gives back what is left of the charge. `None`: nothing is to be given back.
    pub fn refunded(self, now: String) -> Option<Self> {
        if self.status != Status::Charged {
            return None;
        }
        let left = self.left_cents();
        Some(self.give_back(left, now))
    }

    /// Gives back a part of the charge, or, without an amount, all that is left of it.
    pub fn refund(self, amount_cents: Option<u64>, now: String) -> Result<Self, Refusal> {
        if self.status != Status::Charged {
            return Err(Refusal::NotCharged(self.status));
        }
        let left = self.left_cents();
        let amount = amount_cents.unwrap_or(left);
        if amount == 0 || amount > left {
            let detail = format!("must be 1 to {left}: so much is left of the charge");
            return Err(Refusal::Amount(FieldError::new("amount_cents", detail)));
        }
        Ok(self.give_back(amount, now))
    }

    /// What was charged and not given back.
    pub fn left_cents(&self) -> u64 {
        let of = |kind| self.transactions.iter().filter(move |one| one.kind == kind).map(|one| one.amount_cents);
        of(Kind::Charge).sum::<u64>().saturating_sub(of(Kind::Refund).sum())
    }

    fn give_back(mut self, amount_cents: u64, now: String) -> Self {
        self.transactions.push(Transaction { kind: Kind::Refund, amount_cents, at: now });
        let status = if self.left_cents() == 0 { Status::Refunded } else { Status::Charged };
        Self { status, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paid(total_cents: u64) -> Payment {
        let due = Due { order_id: "7".into(), user_id: "ada".into(), total_cents };
        Payment::charge(due, 1000, "2026-11-22T09:30:00Z".into())
    }

    fn balance(payment: &Payment) -> i64 {
        let signed = |booked: &Transaction| match booked.kind {
            Kind::Charge => booked.amount_cents as i64,
            Kind::Refund => -(booked.amount_cents as i64),
        };
        payment.transactions.iter().map(signed).sum()
    }

    #[test]
    fn somebody_is_charged_more_than_he_may_spend() {
        assert_eq!((paid(1001).status, balance(&paid(1001))), (Status::Declined, 0));
        assert_eq!((paid(1000).status, balance(&paid(1000))), (Status::Charged, 1000));
    }

    #[test]
    fn more_is_given_back_than_was_taken() {
        let part = paid(900).refund(Some(400), "2026-11-22T10:00:00Z".into()).unwrap();
        assert_eq!((part.status, balance(&part), part.left_cents()), (Status::Charged, 500, 500));
        assert!(matches!(part.clone().refund(Some(501), String::new()), Err(Refusal::Amount(_))));
        assert!(matches!(part.clone().refund(Some(0), String::new()), Err(Refusal::Amount(_))));
        // its order is given up: what is left comes back, and no more
        assert_eq!(balance(&part.clone().refunded(String::new()).unwrap()), 0);
        let rest = part.refund(None, String::new()).unwrap();
        assert_eq!((rest.status, balance(&rest)), (Status::Refunded, 0));
        assert_eq!(rest.refund(None, String::new()), Err(Refusal::NotCharged(Status::Refunded)));
    }

    #[test]
    fn money_is_given_back_twice_or_without_having_been_taken() {
        let refunded = paid(900).refunded("2026-11-22T10:00:00Z".into()).unwrap();
        assert_eq!((refunded.status, balance(&refunded)), (Status::Refunded, 0));
        assert_eq!(refunded.refunded(String::new()), None);
        assert_eq!(paid(1001).refunded(String::new()), None);
        assert_eq!(Payment::void("7".into()).refunded(String::new()), None);
    }
}
