//! What a manifest says about calls, and every kind of mistake in it.

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::settings::{BulkheadSettings, CallSettings, Fallback};

const ORDERS: &str = r#"
[defaults]
timeout = "3s"
breaker = { error_threshold = 40, window = "5s" }
retry = { attempts = 3, budget = 1 }

[service.users]
component = "users.wasm"
version = "1.0.0"

[service.orders]
component = "orders.wasm"
version = "1.0.0"
breaker = { reset_timeout = "1s" }
grants = { services = ["mailer", "users"] }

[service.orders.calls."shop:inventory/stock@1.0.0"]
service = "inventory"
timeout = "2s"
idempotent = ["check-availability", "list"]
retry = { backoff = "10ms" }
breaker = { volume_threshold = 3 }
bulkhead = { concurrency = 16, queue = 4 }

[[service.orders.calls."shop:inventory/stock@1.0.0".fallback]]
function = "check-availability"
value = { ok = { id = "{item-id}", host = "${PORT}", n = [1, -2, 0xff, 1.5, inf, true], at = 2026-11-22 } }
[[service.orders.calls."shop:inventory/stock@1.0.0".fallback]]
service = "spare"

[service.orders.calls.mailer]
bulkhead = { concurrency = 2 }
fallback = { service = "users" }
"#;

#[test]
fn what_is_said_about_calls_has_no_effect() {
    let manifest = parse(ORDERS).unwrap();
    let orders = &manifest.services["orders"].settings;
    assert_eq!(orders.grants.services, ["mailer".parse().unwrap(), "users".parse().unwrap()]);
    let stock = &orders.calls[&"shop:inventory/stock@1.0.0".parse().unwrap()];
    assert_eq!(stock.service, Some("inventory".parse().unwrap()));
    assert_eq!(stock.timeout, Some(Duration::from_secs(2)));
    assert_eq!(stock.idempotent, ["check-availability".parse().unwrap(), "list".parse().unwrap()]);
    assert_eq!(stock.bulkhead, Some(BulkheadSettings { concurrency: 16, queue: 4 }));
    let [Fallback::Value { function, value }, Fallback::Service { service }] = stock.fallback.as_slice() else {
        panic!("{:?}", stock.fallback);
    };
    assert_eq!((function.as_str(), service.as_str()), ("check-availability", "spare"));
    let n = json!([1, -2, 255, 1.5, "Infinity", true]);
    assert_eq!(*value.source(), json!({"ok": {"id": "{item-id}", "host": "8080", "n": n, "at": "2026-11-22"}}));
    let mailer = CallSettings {
        bulkhead: Some(BulkheadSettings { concurrency: 2, queue: 0 }),
        fallback: vec![Fallback::Service { service: "users".parse().unwrap() }],
        ..CallSettings::default()
    };
    assert_eq!(orders.calls[&"mailer".parse().unwrap()], mailer);
}

#[test]
fn a_call_does_not_inherit_what_is_said_above_it() {
    let manifest = parse(ORDERS).unwrap();
    let rules = |service: &str, target: &str| {
        let rules = manifest.services[service].settings.call_rules(&target.parse().unwrap());
        let (breaker, retry) = (rules.breaker, rules.retry);
        (
            (breaker.error_threshold, breaker.volume_threshold, breaker.window, breaker.reset_timeout),
            (retry.attempts, retry.backoff, retry.budget),
        )
    };
    let (ms, s) = (Duration::from_millis, Duration::from_secs);
    assert_eq!(rules("users", "a:b/c"), ((40, 10, s(5), s(30)), (3, ms(50), 1.0)));
    assert_eq!(rules("orders", "a:b/c"), ((40, 10, s(5), s(1)), (3, ms(50), 1.0)));
    assert_eq!(rules("orders", "shop:inventory/stock@1.0.0"), ((40, 3, s(5), s(1)), (3, ms(10), 1.0)));
}

const USERS: &str = "[service.users]\ncomponent = \"users.wasm\"\nversion = \"1.0.0\"\n";

/// What is said about a service with these lines below `[service.users]`, three lines down.
fn problems(lines: &str) -> String {
    parse(&format!("{USERS}{lines}")).unwrap_err().to_string()
}

#[test]
fn a_mistake_about_calls_is_accepted() {
    for (lines, expected) in [
        (
            "calls.\"shop:inventory\" = {}",
            "4:7: `shop:inventory` is not an interface; write it as in `shop:inventory/stock` or `shop:inventory/stock@1.0.0`\n  help: for example `[service.orders.calls.\"shop:inventory/stock\"]`, or `[service.orders.calls.inventory]` for http://inventory/",
        ),
        (
            "calls.\"a:b/c\".timeuot = \"2s\"",
            "4:15: unknown key `timeuot` in `service.users.calls.a:b/c`\n  help: did you mean `timeout`?",
        ),
        (
            "calls.\"a:b/c@1.0.0\".timeout = \"0s\"",
            "4:31: `calls.\"a:b/c@1.0.0\".timeout` is 0s, but must be from 1ms to 24h\n  help: a call needs some time, and one that never ends would hold its caller for ever",
        ),
        (
            "calls.\"a:b/c\".idempotent = [\"get_it\"]",
            "4:29: `get_it` is not a function; write its name as WIT does, in kebab-case, as in `check-availability`\n  help: for example `idempotent = [\"check-availability\"]`",
        ),
        (
            "calls.\"a:b/c\".bulkhead = { queue = 3 }",
            "4:15: `service.users.calls.a:b/c.bulkhead` has no `concurrency`\n  help: add it, for example `concurrency = 16`",
        ),
        (
            "retry = { budget = \"20%\" }",
            "4:20: `budget` is a string, but must be a number from 0 to 1\n  help: for example `budget = 0.2`",
        ),
        (
            "retry = { budget = nan }",
            "4:20: `retry.budget` is NaN, but must be from 0 to 1\n  help: it is the share of calls that may be retried: 0.2 lets two of ten be tried again",
        ),
        (
            "breaker = { treshold = 3 }",
            "4:13: unknown key `treshold` in `service.users.breaker`\n  help: the keys in `service.users.breaker` are `error_threshold`, `volume_threshold`, `window`, `reset_timeout`",
        ),
        (
            "calls.inventory = {}",
            "4:19: `calls.inventory` is about http://inventory/, which this service may not reach\n  help: add `inventory` to `grants.services`, or name an interface, as in `shop:inventory/stock`",
        ),
        (
            "grants = { services = [\"127\"] }",
            "4:24: `127` is not a service name: a number would be read as an IP address; put a letter in front, as in `s127`\n  help: for example `services = [\"inventory\"]`",
        ),
    ] {
        assert_eq!(problems(lines), format!("holm.toml:{expected}"), "{lines}");
    }
    let calls = "[service.users.calls.\"a:b/c\"]\nbreaker = { volume_threshold = 3 }\n";
    let defaults = format!("[defaults]\nbreaker = {{ window = \"1ms\" }}\n{USERS}{calls}");
    let problems = parse(&defaults).unwrap_err();
    assert_eq!(problems.items.len(), 1, "a default that two sections inherit is told of once: {problems}");
    let defaults = problems.to_string();
    assert!(
        defaults.starts_with("holm.toml:2:22: `breaker.window` is 1ms, but must be from 100ms to 1h"),
        "{defaults}"
    );
}

#[test]
fn a_fallback_that_says_nothing_is_accepted() {
    for (fallback, expected) in [
        (
            "{ function = \"get\" }",
            "4:15: a fallback is an answer, as in `{ function = \"check-availability\", value = { ok = false } }`, or another service, as in `{ service = \"spare\" }`\n  help: write one of the two",
        ),
        (
            "{ function = \"get\", value = { id = \"{id\" } }",
            "4:54: `{id` has a `{` without its `}`; write `{{` for the brace itself\n  help: `{param}` is a parameter of the call, as in `value = { id = \"{user-id}\" }`",
        ),
        (
            "{ function = \"get\", value = 99999999999999999999 }",
            "4:54: `value` is 99999999999999999999, but must be a number of at most 64 bits\n  help: for example `value = 7`",
        ),
        (
            "[\"spare\"]",
            "4:27: `fallback` is a string, but must be a table\n  help: for example `fallback = { function = \"check-availability\", value = { ok = false } }`",
        ),
    ] {
        let lines = format!("calls.\"a:b/c\".fallback = {fallback}");
        assert_eq!(problems(&lines), format!("holm.toml:{expected}"), "{lines}");
    }
}
