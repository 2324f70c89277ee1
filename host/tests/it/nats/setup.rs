//! What Holm makes on a server, and what it refuses.

use holm::events::bus::Bus;
use holm::events::nats::Tier;
use serde_json::json;

use super::rig::{Rig, Stranger, content, next, number, subscription};
use super::server::{NatsServer, Release};

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_not_known_for_what_it_is() {
    for (release, version, tier) in
        [(Release::Old, "2.9.10", Tier::Events), (Release::Current, "2.15.1", Tier::Batches)]
    {
        let server = NatsServer::start(release);
        let rig = Rig::ready(&server.url()).await;
        let found = rig.bus.server().unwrap();
        assert_eq!((found.version.to_string().as_str(), found.tier()), (version, tier));
        let stranger = Stranger::at(&server.url()).await;
        let config = stranger.stream("HOLM_EVENTS").await;
        let read = |field: &str| config[field].clone();
        assert_eq!(
            (read("retention"), read("storage"), read("discard")),
            (json!("limits"), json!("file"), json!("old"))
        );
        assert_eq!((read("max_msgs_per_subject"), read("num_replicas")), (json!(-1), json!(1)));
        assert_eq!(read("max_age"), json!(7 * 24 * 3600 * 1_000_000_000_u64));
        assert_eq!(stranger.stream("HOLM_DEAD").await["subjects"], json!(["_holm.dead.>"]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_server_the_host_does_not_go_on() {
    for release in Release::BOTH {
        let mut server = NatsServer::start(release);
        server.kill();
        let rig = Rig::new(&server.url()).await;
        let why = rig.until_degraded("IO error").await;
        assert!(why.starts_with(&format!("NATS cannot be reached at {}", server.url())), "{why}");
        let refused = rig.bus.subscribe(&subscription("orders.*")).await.map(|_| ()).unwrap_err().to_string();
        assert!(refused.contains("NATS cannot be reached"), "{refused}");
        rig.publish(&[content("orders.created", None, 1)]).await;
        assert_eq!(rig.waiting(), 1);
        server.start_again();
        rig.until_ready().await;
        rig.until_sent().await;
        let mut consumer = rig.subscribe(&subscription("orders.*")).await;
        assert_eq!(number(&next(&mut consumer).await), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_jetstream_fails_without_saying_why() {
    for release in Release::BOTH {
        let server = NatsServer::with(release, "");
        let rig = Rig::new(&server.url()).await;
        let why = rig.until_degraded("JetStream").await;
        assert!(why.starts_with("the NATS server has no JetStream") && why.contains("start it with `-js`"), "{why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_without_jetstream_fails_without_saying_why() {
    let accounts = "jetstream { store_dir: \"DIR/js\" }
        accounts { A { users: [{ user: a, password: a }] }, B { jetstream: enabled, users: [{ user: b, password: b }] } }";
    for release in Release::BOTH {
        let server = NatsServer::with(release, accounts);
        let rig = Rig::new(&format!("nats://a:a@{}", server.address())).await;
        let why = rig.until_degraded("the account").await;
        assert!(why.contains("add `jetstream: enabled` to the account"), "{why}");
        rig.publish(&[content("orders.created", None, 1)]).await;
        let allowed = Rig::ready(&format!("nats://b:b@{}", server.address())).await;
        assert_eq!((rig.waiting(), allowed.waiting()), (1, 0), "an event was dropped");
        let refused = Rig::new(&format!("nats://b:wrong@{}", server.address())).await;
        refused.until_degraded("authorization violation").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn somebodys_stream_is_overwritten() {
    for release in Release::BOTH {
        let server = NatsServer::start(release);
        let stranger = Stranger::at(&server.url()).await;
        let mine = json!({ "subjects": ["mine.*"], "retention": "workqueue", "storage": "memory", "max_age": 0 });
        stranger.make("HOLM_EVENTS", mine).await;
        let before = stranger.stream("HOLM_EVENTS").await;
        let rig = Rig::new(&server.url()).await;
        let why = rig.until_degraded("HOLM_EVENTS").await;
        let named = "`retention` is \"workqueue\" and not \"limits\", `storage` is \"memory\" and not \"file\"";
        assert!(why.contains(named) && why.contains("Nothing was changed"), "{why}");
        assert_eq!(stranger.stream("HOLM_EVENTS").await, before);
        let refused = rig.bus.subscribe(&subscription("orders.*")).await.map(|_| ()).unwrap_err().to_string();
        assert!(refused.contains(named), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_that_an_operator_has_set_are_overwritten() {
    for release in Release::BOTH {
        let server = NatsServer::start(release);
        let stranger = Stranger::at(&server.url()).await;
        let hour = 3600 * 1_000_000_000_u64;
        let mine = json!({ "subjects": ["orders.created"], "retention": "limits", "storage": "file", "max_age": hour });
        stranger.make("HOLM_EVENTS", mine).await;
        let rig = Rig::ready(&server.url()).await;
        assert_eq!(rig.bus.repeats_within(), Some(std::time::Duration::from_secs(3600)));
        rig.subscribe(&subscription("orders.*")).await;
        let config = stranger.stream("HOLM_EVENTS").await;
        assert_eq!((config["max_age"].clone(), config["subjects"].clone()), (json!(hour), json!(["orders.*"])));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn holms_stream_takes_what_nobody_publishes_or_subscribes_to() {
    for release in Release::BOTH {
        let server = NatsServer::start(release);
        let rig = Rig::ready(&server.url()).await;
        let stranger = Stranger::at(&server.url()).await;
        rig.subscribe(&subscription("orders.created")).await;
        rig.subscribe(&subscription("orders.*")).await;
        rig.subscribe(&subscription("*.created")).await;
        rig.subscribe(&subscription(">")).await;
        let one = |subject| content(subject, None, 1);
        rig.publish(&[one("granted.a"), one("granted.b"), one("ungranted.a"), one("orders.created")]).await;
        rig.until_sent().await;
        let subjects = stranger.stream("HOLM_EVENTS").await["subjects"].clone();
        assert_eq!(subjects, json!(["_holm.events", "granted.*", "orders.*", "ungranted.a"]));
        assert_eq!(stranger.messages("HOLM_EVENTS").await, 4);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subject_that_another_stream_takes_is_taken_away_from_it() {
    for release in Release::BOTH {
        let server = NatsServer::start(release);
        let stranger = Stranger::at(&server.url()).await;
        stranger
            .make("SHOP", json!({ "subjects": ["orders.created", "cart.>"], "retention": "limits", "storage": "file" }))
            .await;
        let rig = Rig::ready(&server.url()).await;
        let mut consumer = rig.subscribe(&subscription("cart.*")).await;
        stranger.publish("cart.filled", &[], b"7").await;
        let delivery = next(&mut consumer).await;
        assert_eq!((number(&delivery), delivery.event.id.as_str()), (7, "SHOP-1"));
        delivery.ack().await.unwrap();
        rig.publish(&[content("orders.created", None, 1), content("orders.paid", None, 2)]).await;
        rig.until_sent().await;
        assert_eq!((stranger.messages("SHOP").await, stranger.messages("HOLM_EVENTS").await), (2, 1));
        let refused = rig.bus.subscribe(&subscription("orders.*")).await.map(|_| ()).unwrap_err().to_string();
        assert!(
            refused.starts_with("the stream SHOP takes `orders.created` already, which is a part of `orders.*`"),
            "{refused}"
        );
        assert_eq!(stranger.stream("HOLM_EVENTS").await["subjects"], json!(["_holm.events", "orders.paid"]));
        let names: Vec<String> = rig.bus.streams().await.unwrap().into_iter().map(|stream| stream.name).collect();
        assert_eq!(names, ["HOLM_DEAD", "HOLM_EVENTS", "SHOP"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_servers_configuration_in_the_examples_is_refused_by_a_server() {
    let example = include_str!("../../../../examples/nats/nats.conf");
    let own = |line: &&str| !line.starts_with("listen") && !line.trim().starts_with("store_dir");
    let lines: Vec<&str> = example.lines().filter(own).collect();
    let server = NatsServer::with(
        Release::Current,
        &lines.join("\n").replace("jetstream {", "jetstream {\nstore_dir: \"DIR/js\""),
    );
    let rig = Rig::ready(&server.url()).await;
    rig.publish(&[content("orders.created", None, 1)]).await;
    rig.until_sent().await;
}
