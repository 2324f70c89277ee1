//! What a manifest says about events, and every kind of mistake in it.

use std::time::Duration;

use super::*;
use crate::event::nats::{NatsLogin, NkeySeed};
use crate::settings::{Order, Start, Subscribe};

const INVENTORY: &str = "[service.inventory]\ncomponent = \"inventory.wasm\"\nversion = \"1.0.0\"\n";

/// What is said about a service with these lines below `[service.inventory]`, three lines down.
fn problems(lines: &str) -> String {
    parse(&format!("{INVENTORY}{lines}")).unwrap_err().to_string()
}

#[test]
fn what_is_said_about_events_has_no_effect() {
    let lines = r#"
grants = { publish = ["stock.*", "audit.>"] }
[[service.inventory.subscribe]]
subject = "orders.created"
max_deliver = 3
backoff = ["10ms", "1m"]
ack_wait = "5s"
concurrency = 4
order = "none"
start = "2026-11-22T09:30:00Z"
[[service.inventory.subscribe]]
subject = "orders.*"
backoff = []
start = "all"
[[service.inventory.subscribe]]
subject = "payments.*"
"#;
    let manifest = parse(&format!("{INVENTORY}{lines}")).unwrap();
    let settings = &manifest.services["inventory"].settings;
    assert_eq!(settings.grants.publish, ["stock.*".parse().unwrap(), "audit.>".parse().unwrap()]);
    let [first, second, third] = settings.subscribe.as_slice() else { panic!("{:?}", settings.subscribe) };
    let expected = Subscribe {
        subject: "orders.created".parse().unwrap(),
        max_deliver: 3,
        backoff: vec![Duration::from_millis(10), Duration::from_secs(60)],
        ack_wait: Duration::from_secs(5),
        concurrency: 4,
        order: Order::None,
        start: Start::Time(1_795_339_800_000),
    };
    assert_eq!(*first, expected);
    let plain = |subject: &str| Subscribe::new(subject.parse().unwrap());
    assert_eq!(*second, Subscribe { backoff: Vec::new(), start: Start::All, ..plain("orders.*") });
    assert_eq!(*third, plain("payments.*"));
}

#[test]
fn a_mistake_about_events_is_accepted() {
    for (lines, expected) in [
        (
            "subscribe = [{ max_deliver = 1 }]",
            "4:14: `service.inventory.subscribe` has no `subject`\n  help: add it, for example `subject = \"orders.created\"`",
        ),
        (
            "subscribe = [{ subject = \"orders..x\" }]",
            "4:26: `orders..x` is not a subject: it has an empty token; write it as in `orders.created`\n  help: for example `subject = \"orders.created\"`",
        ),
        (
            "subscribe = [{ subject = \"a\" }, { subject = \"b\", ackwait = \"1s\" }]",
            "4:50: unknown key `ackwait` in `service.inventory.subscribe`\n  help: did you mean `ack_wait`?",
        ),
        (
            "subscribe = [{ subject = \"a\" }, { subject = \"b\", ack_wait = \"0s\" }]",
            "4:61: `ack_wait` is 0s, but must be from 100ms to 1h\n  help: a shorter one delivers again what is still being handled, a longer one keeps what a dead host held",
        ),
        (
            "subscribe = [{ subject = \"a\" }, { subject = \"a\" }]",
            "4:45: there are two subscriptions to `a`\n  help: each event is delivered once to each subscription; remove one of them",
        ),
        (
            "subscribe = [{ subject = \"a\", start = \"today\" }]",
            "4:39: `today` is no start; write `new`, `all` or a time in UTC after RFC 3339 and 1970, as in `2026-11-22T09:30:00Z`\n  help: for example `start = \"new\"`",
        ),
        (
            "subscribe = [{ subject = \"a\", order = \"subject\" }]",
            "4:39: `subject` is no order; write `key` (events of one key one after the other) or `none`\n  help: for example `order = \"key\"`",
        ),
        (
            "grants.publish = [\"$JS.>\"]",
            "4:18: `$JS.>` cannot be granted\n  help: subjects that begin with `$` or `_` are the broker's and Holm's own; name others",
        ),
        (
            "grants.publish = [\"orders*\"]",
            "4:19: `orders*` is not a subject: `*` and `>` stand for whole tokens; write them alone, as in `orders.*.created`\n  help: for example `publish = [\"orders.*\"]`",
        ),
    ] {
        assert_eq!(problems(lines), format!("holm.toml:{expected}"), "{lines}");
    }
}

#[test]
fn a_broker_of_the_manifest_is_not_reached() {
    let nats =
        |lines: &str| parse(&format!("[nats]\nurl = \"nats://127.0.0.1:${{PORT}}\"\n{lines}")).unwrap().nats.unwrap();
    assert_eq!(nats("").to_string(), "nats://127.0.0.1:8080");
    assert_eq!(nats("credentials = \"holm.creds\"").login, NatsLogin::Credentials("/apps/shop/holm.creds".into()));
    let NatsLogin::Password { user, password } = nats("user = \"holm\"\npassword = \"${DB_TOKEN}\"").login else {
        panic!("no password");
    };
    assert_eq!((user.as_str(), password.reveal()), ("holm", "s3cret"));
    assert_eq!(nats("nkey = \"user.nk\"").login, NatsLogin::Nkey(NkeySeed::File("/apps/shop/user.nk".into())));
    let tls = nats("tls = { ca = \"ca.pem\", certificate = \"/c.pem\", key = \"k.pem\" }").tls;
    assert_eq!(tls.ca, Some("/apps/shop/ca.pem".into()));
    assert_eq!(tls.certificate, Some(("/c.pem".into(), "/apps/shop/k.pem".into())));
    let shown = format!("{:?}", nats("token = \"${DB_TOKEN}\""));
    assert!(!shown.contains("s3cret"), "{shown}");
    assert_eq!(parse("").unwrap().nats, None);
}

#[test]
fn a_broker_that_cannot_be_reached_is_accepted() {
    let seed = "SUAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    for (lines, expected) in [
        ("[nats]\n", "1:2: `nats` has no `url`\n  help: add it, for example `url = \"nats://127.0.0.1:4222\"`"),
        (
            "[nats]\nurl = \"http://hunter2@a\"\n",
            "2:7: an address of NATS begins with `nats://` or `tls://`; write it as in `nats://127.0.0.1:4222`\n  help: for example `url = \"nats://127.0.0.1:4222\"`",
        ),
        (
            "[nats]\nurl = \"nats://a\"\ncredential = \"x\"\n",
            "3:1: unknown key `credential` in `nats`\n  help: did you mean `credentials`?",
        ),
        (
            "[nats]\nurl = \"nats://a\"\nuser = \"holm\"\n",
            "1:2: `nats` has no `password`, and one is nothing without the other\n  help: add `password`; a token alone is `token`",
        ),
        (
            "[nats]\nurl = \"nats://a\"\ntoken = \"\"\n",
            "3:9: this is empty; leave it away if there is none\n  help: for example `token = \"${NATS_TOKEN}\"`",
        ),
        (
            "[nats]\nurl = \"nats://a\"\ntoken = \"x\"\ncredentials = \"y\"\n",
            "1:2: `nats` has several ways to log in, and a server takes one\n  help: keep `credentials`, `user` and `password`, `token` or `nkey`",
        ),
        (
            "[nats]\nurl = \"nats://hunter2@a\"\ntoken = \"x\"\n",
            "2:7: `nats.url` holds a login, and there is another one beside it\n  help: remove one of them",
        ),
        (
            "[nats]\nurl = \"nats://a\"\ntls = { key = \"k.pem\" }\n",
            "3:1: `nats.tls` has no `certificate`, and one is nothing without the other\n  help: add `certificate`, for example `certificate = \"certificate.pem\"`",
        ),
        (
            &format!("[nats]\nurl = \"nats://a\"\nnkey = \"{seed}\"\n"),
            "3:8: an nkey is the seed of a user, `SU` and 56 more characters, or the path of a file that holds it\n  help: for example `nkey = \"${NATS_NKEY}\"`",
        ),
    ] {
        assert_eq!(parse(lines).unwrap_err().to_string(), format!("holm.toml:{expected}"), "{lines}");
    }
}
