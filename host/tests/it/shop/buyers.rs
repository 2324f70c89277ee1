//! Buyers who do not give up: each wish is sent with an `Idempotency-Key`, and again with the same one when there was
//! no answer to it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use http::Method;

use super::body;
use crate::client::{Answer, Client};

/// Milliseconds between two wishes of a buyer, at most. It bounds how much there is to settle in the end.
const THOUGHT: u64 = 25;

/// Numbers that follow from a seed, so that what was found once is found again.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }
}

/// What somebody wants to buy.
pub(super) struct Wish {
    /// Names the wish: it is the idempotency key, and who it is that buys.
    name: String,
    body: String,
}

impl Wish {
    fn new(name: String, random: &mut Random) -> Self {
        let mut items = vec![("tea", 1 + random.below(3) as u32)];
        if random.one_in(3) {
            items.push(("cup", 1));
        }
        if random.one_in(6) {
            items.push(("rare", 1));
        }
        // one in ten costs more than the shop lets anybody buy at once
        let price = if random.one_in(10) { 200_000 } else { 1 + random.below(500) };
        Self { body: body(&name, &items, price), name }
    }

    pub(super) async fn send(&self, client: &Client) -> Result<Answer, String> {
        let headers = [("content-type", "application/json"), ("idempotency-key", self.name.as_str())];
        client.try_send_with(Method::POST, "/api/orders", &headers, &self.body).await
    }
}

/// What buyers know.
#[derive(Default)]
pub(super) struct Known {
    /// Orders that were taken: their ids by the name of the wish.
    pub(super) taken: BTreeMap<String, String>,
    /// Wishes that were refused: there was too little in stock.
    pub(super) refused: BTreeSet<String>,
    /// Orders whose buyers were told that they are given up.
    pub(super) given_up: BTreeSet<String>,
    /// Without an answer.
    pub(super) open: Vec<Wish>,
}

impl Known {
    pub(super) fn add(&mut self, other: Self) {
        self.taken.extend(other.taken);
        self.refused.extend(other.refused);
        self.given_up.extend(other.given_up);
        self.open.extend(other.open);
    }
}

/// One buyer, until the host is gone. First comes what he had no answer to before.
pub(super) async fn buy(client: Client, prefix: String, mut random: Random, mut known: Known) -> Known {
    for number in 0_u64.. {
        let wish = known.open.pop().unwrap_or_else(|| Wish::new(format!("{prefix}-{number}"), &mut random));
        let Ok(answer) = wish.send(&client).await else {
            known.open.push(wish);
            break;
        };
        note(&mut known, wish, &answer);
        if random.one_in(5) && give_up(&client, &mut known, &mut random).await.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(random.below(THOUGHT))).await;
    }
    known
}

/// What an answer to a wish says.
pub(super) fn note(known: &mut Known, wish: Wish, answer: &Answer) {
    match answer.status.as_u16() {
        201 => {
            let id = answer.json()["id"].as_str().unwrap().to_owned();
            let before = known.taken.insert(wish.name, id.clone());
            assert!(before.is_none_or(|before| before == id), "one wish has become two orders: {answer:?}");
        }
        409 if answer.body.contains("There are too few") => drop(known.refused.insert(wish.name)),
        // nobody could say, or the first sending is still under way: a wish that is still open
        409 | 503 => known.open.push(wish),
        _ => panic!("{}: {answer:?}", wish.name),
    }
}

/// Gives an order up that was taken, if there is one.
async fn give_up(client: &Client, known: &mut Known, random: &mut Random) -> Result<(), String> {
    let Some(id) = known.taken.values().nth(random.below(known.taken.len().max(1) as u64) as usize) else {
        return Ok(());
    };
    let answer = client.try_send(Method::POST, &format!("/api/orders/{id}/cancel"), "").await?;
    assert!([200, 409, 503].contains(&answer.status.as_u16()), "{id}: {answer:?}");
    if answer.status == 200 {
        known.given_up.insert(id.clone());
    }
    Ok(())
}
