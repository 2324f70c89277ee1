//! Whether everything that the shop's services keep fits together, recomputed from outside: from the exports of their
//! state, and with nothing of their own sums.
//!
//! Of every order follows what the others must have kept of it; and nothing else may be there.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::process::Host;

type Records = BTreeMap<String, Value>;

/// What the shop's services keep.
pub(super) struct Books {
    orders: Records,
    stocks: Records,
    reservations: Records,
    payments: Records,
}

impl Books {
    /// As they are now. While something is under way they need not fit.
    pub(super) fn of(host: &Host) -> Self {
        let (orders, payments) = (export(host, "orders"), export(host, "payments"));
        let inventory = export(host, "inventory");
        Self {
            orders: below(&orders, "order/"),
            stocks: below(&inventory, "stock/"),
            reservations: below(&inventory, "reservation/"),
            payments: below(&payments, "payment/"),
        }
    }

    pub(super) fn orders(&self) -> impl Iterator<Item = &Value> {
        self.orders.values()
    }

    /// What is kept of each article, by its number.
    pub(super) fn stocks(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.stocks.iter()
    }

    fn with(&self, status: &str) -> impl Iterator<Item = &Value> {
        self.orders().filter(move |order| order["status"] == status)
    }

    /// Orders that are neither confirmed nor given up.
    pub(super) fn open(&self) -> usize {
        self.with("created").count()
    }

    pub(super) fn confirmed(&self) -> usize {
        self.with("confirmed").count()
    }

    pub(super) fn cancelled(&self) -> usize {
        self.with("cancelled").count()
    }

    /// What was charged and not given back, in cents.
    pub(super) fn takings(&self) -> i64 {
        self.payments.values().map(balance).sum()
    }

    /// What does not fit, each as a sentence.
    pub(super) fn wrong(&self) -> Vec<String> {
        let mut wrong: Vec<String> = self.orders.iter().filter_map(|(id, order)| self.wrong_of(id, order)).collect();
        for (what, kept) in [("reservation", &self.reservations), ("payment", &self.payments)] {
            wrong.extend(kept.keys().filter(|id| !self.orders.contains_key(*id)).map(|id| format!("a {what} of {id}")));
        }
        let (promised, total) = (self.promised(), self.with("confirmed").map(total).sum::<i64>());
        for (sku, stock) in &self.stocks {
            let promised = promised.get(sku.as_str()).copied().unwrap_or_default();
            if stock["reserved"] != promised || stock["reserved"].as_u64() > stock["on_hand"].as_u64() {
                wrong.push(format!("{promised} of {sku} are promised, and this is reserved: {stock}"));
            }
        }
        if self.takings() != total {
            wrong.push(format!("{} cents were taken, and what is confirmed costs {total}", self.takings()));
        }
        wrong
    }

    /// What was confirmed of each article.
    fn promised(&self) -> BTreeMap<&str, u64> {
        let mut promised = BTreeMap::new();
        for item in self.with("confirmed").flat_map(items) {
            *promised.entry(item["sku"].as_str().unwrap()).or_default() += item["quantity"].as_u64().unwrap();
        }
        promised
    }

    /// What is wrong with what others keep of an order that is settled.
    fn wrong_of(&self, id: &str, order: &Value) -> Option<String> {
        let (reservation, payment) = (self.reservations.get(id), self.payments.get(id));
        let fits = match order["status"].as_str() {
            Some("confirmed") => reservation == Some(&basket(order)) && payment.is_some_and(|it| is_paid(it, order)),
            Some("cancelled") => reservation.is_none() && payment.is_none_or(|it| is_given_back(it, order)),
            _ => true,
        };
        (!fits).then(|| format!("{order} has the reservation {reservation:?} and the payment {payment:?}"))
    }
}

/// One charge, of what it costs.
fn is_paid(payment: &Value, order: &Value) -> bool {
    payment["status"] == "charged" && booked(payment) == [("charge", total(order))]
}

/// Nothing was ever charged, or it was charged once and given back once.
fn is_given_back(payment: &Value, order: &Value) -> bool {
    let (cost, booked) = (total(order), booked(payment));
    match payment["status"].as_str() {
        Some("declined" | "void") => booked.is_empty(),
        Some("refunded") => booked == [("charge", cost), ("refund", cost)],
        _ => false,
    }
}

fn booked(payment: &Value) -> Vec<(&str, i64)> {
    let transactions = payment["transactions"].as_array().unwrap().iter();
    transactions.map(|one| (one["kind"].as_str().unwrap(), one["amount_cents"].as_i64().unwrap())).collect()
}

fn balance(payment: &Value) -> i64 {
    booked(payment).into_iter().map(|(kind, amount)| if kind == "refund" { -amount } else { amount }).sum()
}

fn items(order: &Value) -> impl Iterator<Item = &Value> {
    order["items"].as_array().unwrap().iter()
}

/// What an order costs, from its items alone.
fn total(order: &Value) -> i64 {
    items(order).map(|item| item["quantity"].as_i64().unwrap() * item["price_cents"].as_i64().unwrap()).sum()
}

/// What must be reserved for an order.
fn basket(order: &Value) -> Value {
    items(order).map(|item| (item["sku"].as_str().unwrap().to_owned(), item["quantity"].clone())).collect::<Value>()
}

/// All that a service keeps.
pub(super) fn export(host: &Host, service: &str) -> BTreeMap<String, Vec<u8>> {
    let record = |line: &str| {
        let record: Value = serde_json::from_str(line).unwrap();
        let value = BASE64_STANDARD.decode(record["value"].as_str().unwrap()).unwrap();
        (record["key"].as_str().unwrap().to_owned(), value)
    };
    host.done(&["state", "export", service]).lines().map(record).collect()
}

fn below(kept: &BTreeMap<String, Vec<u8>>, prefix: &str) -> Records {
    let record = |(key, value): (&String, &Vec<u8>)| {
        Some((key.strip_prefix(prefix)?.to_owned(), serde_json::from_slice(value).unwrap()))
    };
    kept.iter().filter_map(record).collect()
}

/// An order for two pieces of tea, what the others must keep of it, and the stock.
fn balanced() -> Books {
    let order = json!({"status": "confirmed", "items": [{"sku": "tea", "quantity": 2, "price_cents": 5}]});
    let payment = json!({"status": "charged", "transactions": [{"kind": "charge", "amount_cents": 10}]});
    let one = |value: Value| Records::from([("7".to_owned(), value)]);
    let stocks = Records::from([("tea".to_owned(), json!({"on_hand": 3, "reserved": 2}))]);
    Books { orders: one(order), stocks, reservations: one(json!({"tea": 2})), payments: one(payment) }
}

/// Makes something wrong.
type Spoil = fn(&mut Books);

#[test]
fn the_checker_of_the_books_sees_nothing() {
    assert_eq!(balanced().wrong(), Vec::<String>::new());
    let spoil: [(&str, Spoil); 7] = [
        ("2 of tea are promised", |books| books.stocks.get_mut("tea").unwrap()["reserved"] = 4.into()),
        ("a payment of 8", |books| drop(books.payments.insert("8".into(), books.payments["7"].clone()))),
        ("a reservation of 8", |books| drop(books.reservations.insert("8".into(), json!({})))),
        ("has the reservation None", |books| drop(books.reservations.remove("7"))),
        ("the payment None", |books| drop(books.payments.remove("7"))),
        ("what is confirmed costs 0", |books| books.orders.get_mut("7").unwrap()["status"] = "cancelled".into()),
        ("20 cents were taken", |books| {
            let booked = books.payments.get_mut("7").unwrap()["transactions"].as_array_mut().unwrap();
            booked.push(booked[0].clone());
        }),
    ];
    for (expected, spoil) in spoil {
        let mut books = balanced();
        spoil(&mut books);
        let wrong = books.wrong();
        assert!(wrong.iter().any(|sentence| sentence.contains(expected)), "{expected}: {wrong:#?}");
    }
}
