//! What may become of a payment: every order has one, and every cent of it is in its transactions.

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

    /// Gives back what was charged. `None`: nothing is to be given back.
    pub fn refunded(mut self, now: String) -> Option<Self> {
        if self.status != Status::Charged {
            return None;
        }
        self.transactions.push(Transaction { kind: Kind::Refund, amount_cents: self.amount_cents, at: now });
        Some(Self { status: Status::Refunded, ..self })
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
    fn money_is_given_back_twice_or_without_having_been_taken() {
        let refunded = paid(900).refunded("2026-11-22T10:00:00Z".into()).unwrap();
        assert_eq!((refunded.status, balance(&refunded)), (Status::Refunded, 0));
        assert_eq!(refunded.refunded(String::new()), None);
        assert_eq!(paid(1001).refunded(String::new()), None);
        assert_eq!(Payment::void("7".into()).refunded(String::new()), None);
    }
}
