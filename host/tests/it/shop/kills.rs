//! Thirty times SIGKILL, ten on each bus, while buyers order, give up, and order again what they had no answer to:
//! every order happens once, every order ends, and the books balance.
//!
//! A service of the test, the ledger, keeps every event that it is given: what happened twice, it has twice.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::task::JoinSet;

use super::books::{Books, export};
use super::buyers::{Known, Random, Wish, buy, note};
use super::{SHOP, Shop, pause};
use crate::nats::server::{NatsServer, Release};
use crate::process::{Host, fixture, signal};

const ROUNDS: u64 = 10;
const BUYERS: u64 = 4;
/// Milliseconds from the moment that a host is ready to its end: the earliest, and by how much it may be later.
const KILL: (u64, u64) = (20, 700);
/// How long a host that was killed may take until it serves again, on the average.
const BACK: Duration = Duration::from_secs(3);

/// The ledger, which hears of everything.
fn ledger() -> String {
    let mut text = format!(
        "[app]\nname = \"ledger\"\n[service.ledger]\ncomponent = \"{}\"\nversion = \"1.0.0\"\n",
        fixture("handler").display()
    );
    for subject in ["orders.*", "inventory.*", "payments.*"] {
        let subscribe = format!("subject = \"{subject}\"\nconcurrency = 2\n");
        write!(text, "[[service.ledger.subscribe]]\n{subscribe}").unwrap();
    }
    text
}

/// A round: buyers, something that happens to the bus, and a kill, each at any moment. What buyers know afterwards.
async fn round(
    shop: Shop,
    round: u64,
    open: Vec<Wish>,
    random: &mut Random,
    disturb: &mut impl FnMut(u64),
) -> (tempfile::TempDir, Known) {
    let mut buyers = JoinSet::new();
    let mut open = [Some(open), None, None, None].into_iter();
    for buyer in 0..BUYERS {
        let known = Known { open: open.next().flatten().unwrap_or_default(), ..Known::default() };
        let own = Random(random.below(1 << 30));
        buyers.spawn(buy(shop.client.clone(), format!("w-{round}-{buyer}"), own, known));
    }
    // moments that are not waited for: they are the point of the test
    let moment = KILL.0 + random.below(KILL.1);
    let before = random.below(moment);
    tokio::time::sleep(Duration::from_millis(before)).await;
    disturb(round);
    tokio::time::sleep(Duration::from_millis(moment - before)).await;
    signal(shop.host.pid(), "KILL");
    let mut known = Known::default();
    buyers.join_all().await.into_iter().for_each(|other| known.add(other));
    (shop.host.kill(), known)
}

/// Orders, kills and comes back; `arguments` say on which bus, and `disturb` does something to that in each round.
async fn rounds(arguments: &[&str], mut disturb: impl FnMut(u64)) -> (Shop, Known) {
    let mut random = Random(20_261_122);
    let host = Host::start_in(tempfile::tempdir().unwrap(), arguments);
    host.done(&["deploy", SHOP]);
    host.deploy_manifest(&ledger());
    let mut shop = Shop::on(host);
    for (sku, on_hand) in [("tea", 1_000_000), ("cup", 1_000_000), ("rare", 20)] {
        shop.count(sku, on_hand).await;
    }
    let (mut known, mut starts) = (Known::default(), Vec::new());
    for number in 0..ROUNDS {
        let open = std::mem::take(&mut known.open);
        let (dir, new) = round(shop, number, open, &mut random, &mut disturb).await;
        known.add(new);
        let began = Instant::now();
        shop = Shop::on(Host::start_in(dir, arguments));
        starts.push(began.elapsed());
    }
    while let Some(wish) = known.open.pop() {
        let answer = wish.send(&shop.client).await.unwrap();
        note(&mut known, wish, &answer);
        pause().await;
    }
    println!("{} orders taken, {} wishes refused, {ROUNDS} kills", known.taken.len(), known.refused.len());
    println!("the slowest start took {:?}", starts.iter().max().unwrap());
    assert!(starts.iter().sum::<Duration>() < BACK * starts.len() as u32, "{starts:?}");
    (shop, known)
}

/// What was answered, is: each wish has become one order or none, as its buyer was told.
fn check_answers(books: &Books, known: &Known) {
    let mut orders = BTreeMap::<&str, Vec<&Value>>::new();
    for order in books.orders() {
        orders.entry(order["user_id"].as_str().unwrap()).or_default().push(order);
    }
    for (name, id) in &known.taken {
        let found = orders.remove(name.as_str()).unwrap_or_default();
        assert!(found.len() == 1 && found[0]["id"] == **id, "{name} is the order {id}, and there is {found:?}");
        if known.given_up.contains(id) {
            assert_eq!(found[0]["status"], "cancelled", "its buyer was told that it is given up: {}", found[0]);
        }
    }
    assert!(orders.is_empty(), "nobody has ordered this: {orders:?}");
}

/// The subjects of all events about each order, as the ledger has been given them.
fn told(shop: &Shop) -> BTreeMap<String, Vec<String>> {
    let kept = export(&shop.host, "ledger");
    for (key, count) in kept.iter().filter(|(key, _)| key.starts_with("handled/")) {
        assert_eq!(count, b"1", "{key} has taken effect more than once");
    }
    let mut told = BTreeMap::<String, Vec<String>>::new();
    for (_, seen) in kept.iter().filter(|(key, _)| key.starts_with("seen/")) {
        let seen = String::from_utf8_lossy(seen);
        let word = |name: &str| seen.split_whitespace().find_map(|word| word.strip_prefix(name)).unwrap();
        let order = word("key=Some(").trim_end_matches(')').trim_matches('"').to_owned();
        told.entry(order).or_default().push(word("subject=").to_owned());
    }
    told
}

/// Nothing was said twice of an order, and what it came to was said.
fn check_events(books: &Books, told: &BTreeMap<String, Vec<String>>) {
    for order in books.orders() {
        let (id, status) = (order["id"].as_str().unwrap(), order["status"].as_str().unwrap());
        let told = told.get(id).cloned().unwrap_or_default();
        let times = |subject: &str| told.iter().filter(|told| *told == subject).count();
        assert!(told.iter().all(|subject| times(subject) == 1), "something was said twice: {order} {told:?}");
        assert!(times("orders.created") == 1 && times(&format!("orders.{status}")) == 1, "{order} {told:?}");
        assert_eq!(times("inventory.reserved") + times("inventory.refused"), 1, "{order} {told:?}");
        assert!(times("payments.charged") >= times("payments.refunded"), "{order} {told:?}");
    }
    assert_eq!(told.len(), books.orders().count(), "events of orders that there are not");
}

async fn check(shop: &Shop, known: &Known) {
    let books = shop.until_settled().await;
    check_answers(&books, known);
    check_events(&books, &told(shop));
    assert!(shop.dead_letters().is_empty(), "{:?}", shop.dead_letters());
    println!("{} orders confirmed, {} given up", books.confirmed(), books.cancelled());
    assert!(known.taken.len() > 60, "only {} orders were taken", known.taken.len());
    // the test would be worth little if one of the ways that an order can go were never taken
    let given_up_for =
        |why: &str| books.orders().any(|order| order["reason"].as_str().is_some_and(|it| it.contains(why)));
    assert!(given_up_for("by the buyer") && given_up_for("declined") && books.confirmed() > 30);
    assert!(given_up_for("Only 0 of rare") || !known.refused.is_empty());
    for (sku, stock) in books.stocks() {
        let shown = shop.client.get(&format!("/api/stock/{sku}")).await.json();
        assert_eq!((&shown["reserved"], &shown["on_hand"]), (&stock["reserved"], &stock["on_hand"]));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_loses_an_order_or_does_something_twice() {
    let (shop, known) = rounds(&[], |_| ()).await;
    check(&shop, &known).await;
}

/// In every third round the server is killed, and is away until the next: services go on, and so does what they tell.
async fn rounds_on_nats(release: Release) {
    let mut server = NatsServer::start(release);
    let url = server.url();
    let disturb = |round| match round % 3 {
        1 => server.kill(),
        2 => server.start_again(),
        _ => {}
    };
    let (shop, known) = rounds(&["--nats", &url], disturb).await;
    check(&shop, &known).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_of_a_host_or_of_its_nats_server_loses_an_order_or_does_something_twice() {
    rounds_on_nats(Release::Current).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_of_a_host_or_of_its_old_nats_server_loses_an_order_or_does_something_twice() {
    rounds_on_nats(Release::Old).await;
}
