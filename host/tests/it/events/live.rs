//! Events between components of a running host: once, whatever is swapped, killed or refused meanwhile.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::StatusCode;

use super::under_test::PATIENCE;
use crate::client::Client;
use crate::process::{Host, fixture, signal};

/// Two services: `p` publishes whatever it is asked to, `h` handles it.
pub(crate) fn manifest(version: &str, subscribe: &str) -> String {
    let mut text = String::from("[app]\nname = \"events\"\n");
    for (service, component, settings) in [
        ("p", "publish", "grants = { publish = [\"orders.>\"] }\n".to_owned()),
        ("h", "handler", format!("grants = {{ publish = [\"done.>\"] }}\n{subscribe}")),
    ] {
        let version = if service == "h" { version } else { "1.0.0" };
        let component = fixture(component).display().to_string();
        write!(text, "[service.{service}]\ncomponent = \"{component}\"\nversion = \"{version}\"\n{settings}").unwrap();
        let route = format!("path = \"/{service}/{{*rest}}\"\nrewrite = \"/{{rest}}\"\nservice = \"{service}\"\n");
        write!(text, "[[gateway.route]]\n{route}").unwrap();
    }
    text
}

pub(crate) const ORDERS: &str = "[[service.h.subscribe]]\nsubject = \"orders.*\"\n";
pub(crate) const QUICK: &str =
    "[[service.h.subscribe]]\nsubject = \"orders.*\"\nmax_deliver = 3\nbackoff = [\"20ms\"]\nack_wait = \"5s\"\n";

/// Both, live.
fn serve(subscribe: &str) -> (Host, Client) {
    let host = Host::start();
    host.deploy_manifest(&manifest("1.0.0", subscribe));
    let client = Client::new(&host.gateway);
    (host, client)
}

pub(crate) async fn publish(client: &Client, query: &str) {
    let answer = client.get(&format!("/p/?subject=orders.created&{query}")).await;
    assert!(answer.body.lines().all(|line| line == "ok"), "{}", answer.body);
}

/// All that a service keeps, as text.
pub(crate) fn kept(host: &Host, service: &str) -> BTreeMap<String, String> {
    let lines = host.done(&["state", "export", service]);
    let record = |line: &str| {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        let value = BASE64_STANDARD.decode(record["value"].as_str().unwrap()).unwrap();
        (record["key"].as_str().unwrap().to_owned(), String::from_utf8_lossy(&value).into_owned())
    };
    lines.lines().map(record).collect()
}

/// How many events of a subject have taken effect.
pub(crate) fn effects(kept: &BTreeMap<String, String>, subject: &str) -> u64 {
    kept.get(&format!("count/{subject}")).map_or(0, |count| count.parse().unwrap())
}

/// How often each event was handled.
pub(crate) fn handled(kept: &BTreeMap<String, String>) -> impl Iterator<Item = &String> {
    kept.iter().filter(|(key, _)| key.starts_with("handled/")).map(|(_, count)| count)
}

/// Polls until something holds of what the handler keeps.
pub(crate) async fn until(
    host: &Host,
    what: &str,
    holds: impl Fn(&BTreeMap<String, String>) -> bool,
) -> BTreeMap<String, String> {
    let end = Instant::now() + PATIENCE;
    loop {
        let kept = kept(host, "h");
        if holds(&kept) {
            return kept;
        }
        assert!(Instant::now() < end, "{what} never happened: {kept:#?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub(crate) fn json(text: &str) -> Vec<serde_json::Value> {
    serde_json::from_str(text).unwrap()
}

#[tokio::test]
async fn an_event_does_not_arrive_or_says_something_else() {
    let (host, client) = serve(ORDERS);
    let query = "key=o-1&type=made&content-type=text/plain&payload=set=x&header=x-tenant:7";
    let headers = [("x-correlation-id", "basket-9")];
    let path = format!("/p/?subject=orders.created&{query}");
    let answer = client.try_send_with(http::Method::GET, &path, &headers, "").await.unwrap();
    assert_eq!(answer.body, "ok");
    let kept = until(&host, "the event", |kept| kept.contains_key("x")).await;
    let (_, seen) = kept.iter().find(|(key, _)| key.starts_with("seen/")).unwrap();
    for part in [
        "source=p type=made subject=orders.created",
        "content-type=Some(\"text/plain\") key=Some(\"o-1\") correlation=basket-9 attempt=1",
        "headers=[(\"x-tenant\", \"7\")] payload=set=x",
    ] {
        assert!(seen.contains(part), "{part}: {seen}");
    }
    let metrics = Client::new(&host.admin).get("/metrics").await.body;
    let counted = r#"holm_events_delivered_total{service="h",subscription="orders.*",outcome="acked"} 1"#;
    assert!(metrics.contains(counted), "{metrics}");
    assert!(host.done(&["events", "consumers"]).contains("h        orders.*  0    0          0"));
}

#[tokio::test]
async fn an_event_is_published_although_its_invocation_failed() {
    let (host, client) = serve(ORDERS);
    for failing in ["status=500", "trap=1"] {
        client.get(&format!("/p/?subject=orders.created&payload=set=never&{failing}")).await;
    }
    publish(&client, "payload=set=after").await;
    let kept = until(&host, "the last event", |kept| kept.contains_key("after")).await;
    assert!(effects(&kept, "orders.created") == 1 && !kept.contains_key("never"), "{kept:#?}");
}

#[tokio::test]
async fn an_event_that_follows_from_another_is_lost_or_belongs_to_something_else() {
    let subscribe = format!("{ORDERS}[[service.h.subscribe]]\nsubject = \"done.>\"\n");
    let (host, client) = serve(&subscribe);
    let path = "/p/?subject=orders.created&key=k&payload=publish=done.a%20publish=done.b.c";
    client.try_send_with(http::Method::GET, path, &[("x-correlation-id", "c-1")], "").await.unwrap();
    let both = |kept: &BTreeMap<String, String>| effects(kept, "done.a") == 1 && effects(kept, "done.b.c") == 1;
    let kept = until(&host, "what follows", both).await;
    let follows = kept.values().filter(|seen| seen.contains("source=h"));
    assert!(follows.clone().count() == 2 && follows.clone().all(|seen| seen.contains("correlation=c-1")), "{kept:#?}");
}

#[tokio::test]
async fn a_handler_that_fails_leaves_something_behind_or_stops_others() {
    let (host, client) = serve(QUICK);
    publish(&client, "key=a&payload=set=poison%20trap").await;
    publish(&client, "key=a&payload=set=behind").await;
    publish(&client, "key=b&payload=until=3%20set=third").await;
    publish(&client, "payload=set=rejected%20reject=because").await;
    let all = |kept: &BTreeMap<String, String>| kept.contains_key("behind") && kept.contains_key("third");
    let kept = until(&host, "the others", all).await;
    assert!(!kept.contains_key("poison") && !kept.contains_key("rejected"), "{kept:#?}");
    assert_eq!(effects(&kept, "orders.created"), 2);
    let letters = json(&host.done(&["events", "dlq", "ls", "--json"]));
    let mut told: Vec<(u64, String)> = letters
        .iter()
        .map(|letter| (letter["attempts"].as_u64().unwrap(), letter["reason"].as_str().unwrap().to_owned()))
        .collect();
    told.sort();
    assert_eq!(told[0], (1, "because".to_owned()));
    assert!(told[1].0 == 3 && told[1].1.contains("attempt 3 was the last one: trap"), "{told:?}");
}

#[tokio::test]
async fn a_dead_letter_cannot_be_looked_at_replayed_or_dropped() {
    let (host, client) = serve(QUICK);
    publish(&client, "key=k&payload=reject=no&times=3").await;
    let end = Instant::now() + PATIENCE;
    let letters = loop {
        let letters = json(&host.done(&["events", "dlq", "ls", "--json", "--service", "h"]));
        if letters.len() == 3 {
            break letters;
        }
        assert!(Instant::now() < end, "{letters:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let number = |at: usize| letters[at]["number"].as_str().unwrap();
    let shown: serde_json::Value = serde_json::from_str(&host.done(&["events", "dlq", "show", number(0)])).unwrap();
    assert_eq!((&shown["event"]["data"], &shown["event"]["key"]), (&"reject=no".into(), &"k".into()), "{shown:#}");
    assert_eq!((&shown["service"], &shown["subscription"]), (&"h".into(), &"orders.*".into()));
    let told = host.done(&["events", "dlq", "replay", number(0)]);
    assert!(told.starts_with(&format!("{} is published again as ", number(0))), "{told}");
    assert!(!host.cli(&["events", "dlq", "replay", number(0)]).status.success(), "it was replayed already");
    assert!(host.done(&["events", "dlq", "drop", number(1)]).contains("is dropped"));
    // the replayed one dies again
    let end = Instant::now() + PATIENCE;
    while json(&host.done(&["events", "dlq", "ls", "--json"])).len() != 2 {
        assert!(Instant::now() < end, "the replay never died");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(host.done(&["events", "dlq", "drop", "--all", "--service", "p"]), "");
    assert_eq!(host.done(&["events", "dlq", "drop", "--all"]).lines().count(), 2);
    let wrong = host.cli(&["events", "dlq", "show", "../tokens"]);
    assert_eq!(wrong.status.code(), Some(2), "{}", crate::process::stderr(&wrong));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_swap_of_a_handler_loses_an_event_or_repeats_its_effects() {
    const EVENTS: u64 = 300;
    let (host, client) = serve(ORDERS);
    let host = Arc::new(host);
    let publishing = tokio::task::JoinSet::from_iter([async move {
        for _ in 0..EVENTS / 10 {
            publish(&client, "key=k{n}&payload=sleep=2&times=10").await;
        }
    }]);
    for round in 1..=5 {
        let swapped = Arc::clone(&host);
        let text = manifest(&format!("1.{round}.0"), ORDERS);
        tokio::task::spawn_blocking(move || swapped.deploy_manifest(&text)).await.unwrap();
    }
    publishing.join_all().await;
    let kept = until(&host, "the end", |kept| effects(kept, "orders.created") >= EVENTS).await;
    assert_eq!(effects(&kept, "orders.created"), EVENTS);
    assert!(kept.iter().filter(|(key, _)| key.starts_with("handled/")).all(|(_, count)| count == "1"));
    assert_eq!(host.service("h")["revision"], 6);
    // a service that is taken away takes its subscription with it
    host.done(&["remove", "h"]);
    assert_eq!(host.done(&["events", "consumers", "--json"]).trim(), "[]");
}

#[tokio::test]
async fn a_swap_cuts_off_what_the_old_revision_has_begun_or_lets_others_wait_for_it() {
    let patient = format!("timeout = \"20s\"\n{ORDERS}");
    let (host, client) = serve(&patient);
    publish(&client, "key=slow&payload=sleep=4000%20set=slow").await;
    host.until("h", "the begin", |service| service["in_flight"] == 1);
    host.deploy_manifest(&manifest("1.1.0", &patient));
    publish(&client, "key=quick&payload=set=quick").await;
    let kept = until(&host, "the event for the new revision", |kept| kept.contains_key("quick")).await;
    assert!(!kept.contains_key("slow"), "the old revision was not waited for: {kept:#?}");
    let kept = until(&host, "the end of the old revision's event", |kept| kept.contains_key("slow")).await;
    assert!(handled(&kept).count() == 2 && handled(&kept).all(|count| count == "1"), "{kept:#?}");
    let metrics = Client::new(&host.admin).get("/metrics").await.body;
    let counted = r#"holm_events_delivered_total{service="h",subscription="orders.*",outcome="acked"} 2"#;
    assert!(metrics.contains(counted), "{metrics}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_ends_loses_an_event_or_repeats_its_effects() {
    let (mut host, mut client) = serve(ORDERS);
    let mut sure = 0;
    for round in 0..3 {
        publish(&client, "key=k{n}&payload=sleep=5&times=100").await;
        sure += 100;
        until(&host, "a begin", |kept| effects(kept, "orders.created") > sure - 100).await;
        let dir = if round % 2 == 0 { host.kill() } else { host.terminate().1 };
        host = Host::start_in(dir, &[]);
        client = Client::new(&host.gateway);
    }
    let kept = until(&host, "the end", |kept| effects(kept, "orders.created") >= sure).await;
    assert_eq!(effects(&kept, "orders.created"), sure);
    let handled: Vec<_> = kept.iter().filter(|(key, _)| key.starts_with("handled/")).collect();
    assert!(handled.len() as u64 == sure && handled.iter().all(|(_, count)| *count == "1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_at_any_moment_loses_an_event_that_was_acknowledged_or_applies_one_twice() {
    const ROUNDS: u64 = 6;
    let (mut host, _) = serve(ORDERS);
    let (mut sure, mut perhaps) = (0, 0);
    for round in 0..ROUNDS {
        let mut writers = tokio::task::JoinSet::new();
        for writer in 0..3 {
            let client = Client::new(&host.gateway);
            let path = format!("/p/?subject=orders.created&key=k{writer}&payload=x");
            writers.spawn(async move {
                let mut acknowledged = 0;
                while client
                    .try_send(http::Method::GET, &path, "")
                    .await
                    .is_ok_and(|told| told.status == StatusCode::OK)
                {
                    acknowledged += 1;
                }
                acknowledged
            });
        }
        // a moment that differs from round to round: that is the point of the test, not a wait
        tokio::time::sleep(Duration::from_millis(200 + 97 * round)).await;
        signal(host.pid(), "KILL");
        let acknowledged: u64 = writers.join_all().await.into_iter().sum();
        (sure, perhaps) = (sure + acknowledged, perhaps + 3);
        host = Host::start_in(host.kill(), &[]);
    }
    assert!(sure > 100, "{sure} were acknowledged");
    // a listing while events are handled may see one of them in part
    let whole = |kept: &BTreeMap<String, String>| handled(kept).count() as u64 == effects(kept, "orders.created");
    let kept = until(&host, "the end", |kept| effects(kept, "orders.created") >= sure && whole(kept)).await;
    let seen = effects(&kept, "orders.created");
    assert!((sure..=sure + perhaps).contains(&seen), "{seen} took effect, {sure} were acknowledged");
    assert!(handled(&kept).all(|count| count == "1"));
}
