//! Whole hosts with `--nats`: what their services notice of it, and what they lose when host or server are killed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use http::{Method, StatusCode};
use tokio::task::JoinSet;

use super::server::{NatsServer, Release};
use crate::client::Client;
use crate::door::PATIENCE;
use crate::events::live::{ORDERS, QUICK, effects, handled, json, kept, manifest, publish, until};
use crate::process::{Host, fixture, signal};

/// A host on a server, with a service that publishes and one that handles.
fn serve(server: &NatsServer, subscribe: &str) -> (Host, Client) {
    let host = start(server, tempfile::tempdir().unwrap());
    host.deploy_manifest(&manifest("1.0.0", subscribe));
    let client = Client::new(&host.gateway);
    (host, client)
}

fn start(server: &NatsServer, dir: tempfile::TempDir) -> Host {
    Host::start_in(dir, &["--nats", &server.url()])
}

/// Polls until `/readyz` answers so, with a status of 200.
async fn until_readyz(host: &Host, so: impl Fn(&str) -> bool) -> String {
    let (client, end) = (Client::new(&host.admin), Instant::now() + 2 * PATIENCE);
    loop {
        let told = client.get("/readyz").await;
        if told.status == StatusCode::OK && so(&told.body) {
            return told.body;
        }
        assert!(Instant::now() < end, "it still answers {}", told.body);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn an_event_says_something_else_when_it_went_over_nats() {
    for release in Release::BOTH {
        let server = NatsServer::start(release);
        let (host, client) = serve(&server, ORDERS);
        let query = "key=o-1&type=made&content-type=text/plain&payload=set=x%20publish=done.a&header=x-tenant:7";
        let path = format!("/p/?subject=orders.created&{query}");
        let headers = [("x-correlation-id", "basket-9")];
        assert_eq!(client.try_send_with(Method::GET, &path, &headers, "").await.unwrap().body, "ok");
        let kept = until(&host, "the event", |kept| kept.contains_key("x")).await;
        let (_, seen) = kept.iter().find(|(key, _)| key.starts_with("seen/")).unwrap();
        for part in [
            "source=p type=made subject=orders.created",
            "content-type=Some(\"text/plain\") key=Some(\"o-1\") correlation=basket-9 attempt=1",
            "headers=[(\"x-tenant\", \"7\")] payload=set=x",
        ] {
            assert!(seen.contains(part), "{part}: {seen}");
        }
        let streams = |count: usize| {
            let streams = json(&host.done(&["events", "streams", "--json"]));
            streams.iter().any(|stream| stream["stream"] == "HOLM_EVENTS" && stream["events"] == count)
        };
        let end = Instant::now() + PATIENCE;
        while !streams(2) {
            assert!(Instant::now() < end, "{}", host.done(&["events", "streams"]));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(host.done(&["events", "consumers"]).contains("h        orders.*  0    0          0"));
        until_readyz(&host, |body| body == "ready\n").await;
    }
}

#[tokio::test]
async fn services_stop_or_nobody_sees_it_when_nats_is_away() {
    for release in Release::BOTH {
        let mut server = NatsServer::start(release);
        server.kill();
        // not there when the host begins, and not there again later
        let (host, client) = serve(&server, ORDERS);
        let why = until_readyz(&host, |body| body.contains("degraded: events: NATS cannot be reached")).await;
        assert!(why.starts_with("ready\n") && why.contains(&server.url()), "{why}");
        publish(&client, "payload=x&times=5").await;
        let refused = host.cli(&["events", "streams"]);
        assert!(!refused.status.success(), "an answer without a server");
        server.start_again();
        // new: what was published before it could be made is not for it
        until_readyz(&host, |body| body == "ready\n").await;
        let confirmed = || json(&host.done(&["events", "consumers", "--json"])).len() == 1;
        let end = Instant::now() + PATIENCE;
        while !host.cli(&["events", "consumers"]).status.success() || !confirmed() {
            assert!(Instant::now() < end, "the subscription never began");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        server.kill();
        until_readyz(&host, |body| body.contains("degraded")).await;
        publish(&client, "payload=set=away&times=20").await;
        host.deploy_manifest(&manifest("1.1.0", ORDERS));
        server.start_again();
        let kept = until(&host, "the events of the meantime", |kept| kept.contains_key("away")).await;
        assert!(handled(&kept).all(|count| count == "1"), "{kept:#?}");
        until(&host, "all of them", |kept| handled(kept).count() >= 20).await;
        until_readyz(&host, |body| body == "ready\n").await;
    }
}

#[tokio::test]
async fn a_poisonous_event_is_not_counted_or_stops_its_neighbours_on_nats() {
    for release in Release::BOTH {
        let server = NatsServer::start(release);
        let (host, client) = serve(&server, QUICK);
        let (good, rejected, traps) = (60, 7, 5);
        publish(&client, &format!("key=k{{n}}&payload=x&times={good}")).await;
        publish(&client, &format!("key=k{{n}}&payload=reject=no&times={rejected}")).await;
        publish(&client, &format!("key=k{{n}}&payload=trap&times={traps}")).await;
        publish(&client, &format!("key=k{{n}}&payload=until=3&times={good}")).await;
        let dead = || json(&host.done(&["events", "dlq", "ls", "--json"]));
        let end = Instant::now() + 2 * PATIENCE;
        while dead().len() < rejected + traps {
            assert!(Instant::now() < end, "{} are dead", dead().len());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let kept = until(&host, "all others", |kept| effects(kept, "orders.created") >= 2 * good).await;
        assert_eq!((effects(&kept, "orders.created"), dead().len()), (2 * good, rejected + traps));
        let attempts = |wanted: u64| dead().iter().filter(|letter| letter["attempts"] == wanted).count();
        assert_eq!((attempts(1), attempts(3)), (rejected, traps));
        // replayed, each dies once more, and nothing else is delivered again
        let number = |letter: &serde_json::Value| letter["number"].as_str().unwrap().to_owned();
        let first: Vec<String> = dead().iter().map(number).collect();
        first.iter().for_each(|number| drop(host.done(&["events", "dlq", "replay", number])));
        let again = || dead().iter().filter(|letter| !first.contains(&number(letter))).count();
        while again() < rejected + traps {
            assert!(Instant::now() < end + PATIENCE, "{} have died again", again());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(effects(&kept_now(&host), "orders.created"), 2 * good);
    }
}

fn kept_now(host: &Host) -> BTreeMap<String, String> {
    kept(host, "h")
}

/// Asks until the host is gone; how often it was answered well.
async fn write(client: Client, path: String) -> u64 {
    let mut acknowledged = 0;
    while client.try_send(Method::GET, &path, "").await.is_ok_and(|told| told.status == StatusCode::OK) {
        acknowledged += 1;
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_of_host_or_server_loses_an_event_on_nats_or_applies_one_twice() {
    for release in Release::BOTH {
        let mut server = NatsServer::start(release);
        let hurried = format!("{ORDERS}ack_wait = \"1s\"\n");
        let (mut host, _) = serve(&server, &hurried);
        let (mut sure, mut perhaps) = (0, 0);
        for round in 0..4 {
            let mut writers = JoinSet::new();
            for writer in 0..3 {
                let path = format!("/p/?subject=orders.created&key=k{writer}&payload=x");
                writers.spawn(write(Client::new(&host.gateway), path));
            }
            // moments that differ from round to round: that is the point of the test, not a wait
            tokio::time::sleep(Duration::from_millis(150 + 97 * round)).await;
            if round % 2 == 1 {
                server.kill();
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            signal(host.pid(), "KILL");
            let acknowledged: u64 = writers.join_all().await.into_iter().sum();
            (sure, perhaps) = (sure + acknowledged, perhaps + 3);
            if round % 2 == 1 {
                server.start_again();
            }
            host = start(&server, host.kill());
        }
        assert!(sure > 50, "{sure} were acknowledged");
        let whole = |kept: &BTreeMap<String, String>| handled(kept).count() as u64 == effects(kept, "orders.created");
        let end = Instant::now() + 2 * PATIENCE;
        let mut kept = kept_now(&host);
        while effects(&kept, "orders.created") < sure || !whole(&kept) {
            let (seen, consumers) = (effects(&kept, "orders.created"), host.done(&["events", "consumers"]));
            let streams = host.done(&["events", "streams"]);
            assert!(Instant::now() < end, "{release:?}: {seen} of {sure}\n{consumers}{streams}");
            tokio::time::sleep(Duration::from_millis(50)).await;
            kept = kept_now(&host);
        }
        let seen = effects(&kept, "orders.created");
        assert!((sure..=sure + perhaps).contains(&seen), "{seen} took effect, {sure} were acknowledged");
        assert!(handled(&kept).all(|count| count == "1"));
    }
}

#[tokio::test]
pub(crate) async fn a_handler_that_notes_every_event_misses_one_or_notes_it_twice() {
    let server = NatsServer::start(Release::Current);
    for arguments in [vec!["--nats".to_owned(), server.url()], vec![]] {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let host = Host::start_in(tempfile::tempdir().unwrap(), &arguments);
        let (publishes, jots) = (fixture("publish"), fixture("jot"));
        host.deploy_manifest(&format!(
            "[app]\nname = \"noted\"\n[service.p]\ncomponent = \"{}\"\nversion = \"1.0.0\"\n\
             grants = {{ publish = [\"noted.*\"] }}\n[service.h]\ncomponent = \"{}\"\nversion = \"1.0.0\"\n\
             [[service.h.subscribe]]\nsubject = \"noted.*\"\norder = \"none\"\n\
             [[gateway.route]]\npath = \"/p/{{*rest}}\"\nrewrite = \"/{{rest}}\"\nservice = \"p\"\n",
            publishes.display(),
            jots.display()
        ));
        let path = "/p/?subject=noted.a&size=256&times=100";
        assert_eq!(Client::new(&host.gateway).get(path).await.body.matches("ok").count(), 100);
        let noted = until(&host, "the last note", |kept| kept.len() >= 100).await;
        assert!(noted.len() == 100 && noted.values().all(|length| length == "256"), "{noted:#?}");
    }
}
