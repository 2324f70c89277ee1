//! The routes of the service. Nobody charges by a request: payments follow from events. Only what is given back beside
//! that, people decide.

use crate::domain::{Kind, Payment, Refusal, Transaction};
use crate::{events, store};
use holm_guest::{Problem, Request, Response, Route, clock, kv};
use serde::{Deserialize, Serialize};

pub const ROUTES: &[Route] = &[
    Route::get("/health", kv::health),
    Route::get("/payments", list),
    Route::get("/payments/{order_id}", show),
    Route::post("/payments/{order_id}/refunds", refund),
    Route::get("/transactions", transactions),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refund {
    /// All that is left, if it does not say.
    amount_cents: Option<u64>,
}

/// A movement of money, as a list of those of many orders shows it.
#[derive(Serialize)]
struct Booked {
    order_id: String,
    kind: Kind,
    amount_cents: u64,
    at: String,
}

fn list(request: &Request) -> Result<Response, Problem> {
    Ok(store::list(&kv::open()?, request)?.into_response(request))
}

fn show(request: &Request) -> Result<Response, Problem> {
    let payment = store::find(&kv::open()?, request.param("order_id"))?;
    Ok(Response::json(200, &payment.ok_or_else(|| Problem::not_found("Payment not found"))?))
}

/// Sent twice it is done twice, unless both have the same `Idempotency-Key`: the host sees to that.
fn refund(request: &Request) -> Result<Response, Problem> {
    let Refund { amount_cents } = request.json()?;
    let bucket = kv::open()?;
    let payment = store::find(&bucket, request.param("order_id"))?;
    let payment = payment.ok_or_else(|| Problem::not_found("Payment not found"))?;
    let refunded = payment.refund(amount_cents, clock::now().to_string()).map_err(refused)?;
    store::save(&bucket, &refunded)?;
    events::refunded(&refunded)?;
    Ok(Response::json(201, &refunded))
}

/// What was booked, order by order; `limit` counts orders.
fn transactions(request: &Request) -> Result<Response, Problem> {
    let page = store::list(&kv::open()?, request)?;
    Ok(page.flat_map(booked).into_response(request))
}

fn booked(payment: Payment) -> impl Iterator<Item = Booked> {
    let Payment { order_id, transactions, .. } = payment;
    let of_the_order =
        move |Transaction { kind, amount_cents, at }| Booked { order_id: order_id.clone(), kind, amount_cents, at };
    transactions.into_iter().map(of_the_order)
}

fn refused(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::NotCharged(_) => Problem::new(409, "There is no charge that anything could be given back of"),
        Refusal::Amount(error) => Problem::invalid(vec![error]),
    }
}
