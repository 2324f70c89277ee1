//! Each kind of mistake gets its full text.

use proptest::prelude::*;

use super::*;

const USERS: &str = "[service.users]\ncomponent = \"users.wasm\"\nversion = \"1.0.0\"\n";

fn problems(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

/// What is said about a service that has these lines besides the required ones.
fn service_problems(lines: &str) -> String {
    problems(&format!("{USERS}{lines}"))
}

#[test]
fn a_syntax_error_has_no_place() {
    for (text, line) in [
        ("[app\nname = 1", "holm.toml:1:5: this is not TOML: unclosed table, expected `]`"),
        ("a = 1\na = 2\n", "holm.toml:2:1: this is not TOML: duplicate key"),
        ("# ü\nx = ", "holm.toml:2:5: this is not TOML: string values must be quoted, expected literal string"),
    ] {
        assert_eq!(
            problems(text),
            format!("{line}\n  help: correct it here; the rest is checked once the file can be read")
        );
    }
}

#[test]
fn an_unknown_key_is_ignored() {
    let text = format!("[servce.users]\n{USERS}timeouts = \"3s\"\ncolour = 1\n[host]\nlisten_on = \"x\"\n");
    assert_eq!(
        problems(&text),
        "\
holm.toml:1:2: unknown key `servce` at the top of the manifest
  help: did you mean `service`?
holm.toml:5:1: unknown key `timeouts` in `service.users`
  help: did you mean `timeout`?
holm.toml:6:1: unknown key `colour` in `service.users`
  help: the keys in `service.users` are `component`, `version`, `isolation`, `reuse`, `instances`, `timeout`, \
`health`, `config`, `limits`, `grants`, `breaker`, `retry`, `calls`, `subscribe`, `grpc`
holm.toml:8:1: unknown key `listen_on` in `host`
  help: did you mean `listen`?"
    );
}

#[test]
fn a_service_without_a_component_or_a_good_name_is_accepted() {
    assert_eq!(
        problems("[service.users]\n[service.Orders]\ncomponent = \"\"\nversion = \"1.0\"\n"),
        "\
holm.toml:1:10: `service.users` has no `component`
  help: add it, for example `component = \"users.wasm\"`
holm.toml:1:10: `service.users` has no `version`
  help: add it, for example `version = \"1.0.0\"`
holm.toml:2:10: `Orders` is not a service name: it is a DNS label, which has no `O`; use a-z, 0-9 and `-`, as in `order-items`
  help: for example `[service.order-items]`
holm.toml:3:13: the component is empty; name its .wasm file, relative to the manifest, or its digest
  help: for example `component = \"users.wasm\"`
holm.toml:4:11: `1.0` is not a semantic version: unexpected end of input while parsing minor version number
  help: for example `version = \"1.0.0\"`"
    );
    let digest = problems("[service.a]\ncomponent = \"sha256:00\"\nversion = \"1.0.0\"\n");
    assert!(
        digest.starts_with("holm.toml:2:13: `sha256:00` is not a digest: after `sha256:` come 64 digits"),
        "{digest}"
    );
}

#[test]
fn a_bad_value_is_accepted() {
    for (lines, expected) in [
        (
            "timeout = \"3sec\"",
            "4:11: `3sec` is not a duration; write a whole number and a unit, as in `3s`: ns, us, ms, s, m or h\n  help: for example `timeout = \"3s\"`",
        ),
        (
            "limits = { memory = \"32M\" }",
            "4:21: `32M` is not a size; write a whole number and a unit, as in `64MiB`: B, kB, KiB, MB, MiB, GB or GiB\n  help: for example `memory = \"64MiB\"`",
        ),
        (
            "isolation = \"re-use\"",
            "4:13: `re-use` is no isolation; write `reuse` (an instance serves many invocations) or `invocation` (a fresh one each)\n  help: for example `isolation = \"reuse\"`",
        ),
        (
            "health = { interval = \"1s\" }",
            "4:1: `service.users.health` has no `path`\n  help: add it, for example `path = \"/health\"`",
        ),
        (
            "grants = { files = [\"/tmp\"] }",
            "4:20: `service.users.grants.files` must be empty: components have no files; keep data in wasi:keyvalue\n  help: for example `files = []`",
        ),
        (
            "grants = { http = [\"a.test\"] }",
            "4:20: `a.test` is not a URL grant: it begins with neither `http://` nor `https://`; write it as in `https://api.example.com/v1/`\n  help: for example `http = [\"https://api.example.com/v1/\"]`",
        ),
        (
            "[host]\nadmin = \"localhost:1\"",
            "5:9: `localhost:1` is not an address to listen on: it needs an IP address and a port\n  help: for example `admin = \"127.0.0.1:7070\"`",
        ),
        (
            "[app]\nname = \"My Shop\"",
            "5:8: an app is named like a service: `My Shop` is not a service name: it is a DNS label, which has no `M`; use a-z, 0-9 and `-`, as in `order-items`\n  help: for example `name = \"shop\"`",
        ),
    ] {
        assert_eq!(service_problems(lines), format!("holm.toml:{expected}"), "{lines}");
    }
}

#[test]
fn a_value_of_another_type_is_accepted() {
    for (lines, expected) in [
        ("timeout = 3", "4:11: `timeout` is 3, but must be a string\n  help: for example `timeout = \"3s\"`"),
        (
            "reuse = -1",
            "4:9: `reuse` is -1, but must be a whole number from 0 to 4294967295\n  help: for example `reuse = 64`",
        ),
        (
            "instances = [1]",
            "4:13: `instances` is an array, but must be a table\n  help: for example `instances = { max = 64, warm = 1 }`",
        ),
        ("config = { n = true }", "4:16: `n` is a boolean, but must be a string\n  help: for example `n = \"text\"`"),
        (
            "grants = { http = [1.5] }",
            "4:20: `http` contains a float, but must contain only strings\n  help: for example `http = [\"https://api.example.com/v1/\"]`",
        ),
        (
            "grants = { http = \"https://a\" }",
            "4:19: `http` is a string, but must be an array\n  help: for example `http = [\"https://api.example.com/v1/\"]`",
        ),
        (
            "limits = { memory = -5 }",
            "4:21: `memory` is -5, but must be a string\n  help: for example `memory = \"64MiB\"`",
        ),
        (
            "[gateway]\nroute = [1]",
            "5:10: `route` is 1, but must be a table\n  help: for example `route = [{ path = \"/users/{*rest}\", service = \"users\" }]`",
        ),
    ] {
        assert_eq!(service_problems(lines), format!("holm.toml:{expected}"), "{lines}");
    }
    let service = problems("[service]\nusers = 1\n");
    assert!(service.starts_with("holm.toml:2:9: `service.users` is 1, but must be a table"), "{service}");
}

#[test]
fn a_value_out_of_bounds_is_shown_elsewhere() {
    let text = format!(
        "[defaults]\ntimeout = \"0s\"\n{USERS}limits.memory = \"5GiB\"\ninstances.warm = 70\n[service.b]\ncomponent = \"b.wasm\"\nversion = \"1.0.0\"\n"
    );
    assert_eq!(
        problems(&text),
        "\
holm.toml:2:11: `timeout` is 0s, but must be from 1ms to 24h
  help: an invocation needs some time, and one that never ends would hold its permit for ever
holm.toml:6:17: `limits.memory` is 5GiB, but must be from 64KiB to 4GiB
  help: a component has at least one page, and addresses of 32 bits
holm.toml:7:18: `instances.warm` is 70, but must be from 0 to 64
  help: no more instances can wait than may live (`instances.max`)"
    );
}

#[test]
fn an_undefined_variable_becomes_an_empty_value() {
    assert_eq!(
        service_problems("config = { a = \"x-${NOPE}\", b = \"${\" }"),
        "\
holm.toml:4:16: the environment has no variable `NOPE`
  help: set it before starting, or write `$${` for a literal `${`
holm.toml:4:33: a `${` has no `}`
  help: write `${NAME}` for a variable, or `$${` for a literal `${`"
    );
}

#[test]
fn a_route_that_cannot_work_is_accepted() {
    let routes = r#"[[gateway.route]]
path = "/users/{id}"
service = "users"
[[gateway.route]]
path = "/users/{user}"
service = "usres"
rewrite = "/{rest}"
methods = ["get"]
timeout = "0s"
[[gateway.route]]
path = "users"
"#;
    assert_eq!(
        service_problems(routes),
        "\
holm.toml:9:11: this manifest has no service `usres`
  help: did you mean `users`?
holm.toml:10:11: the rewrite `/{rest}` uses `{rest}`, which the path `/users/{user}` does not have; use one of `{user}`
  help: a rewrite puts in what the path captured, as `/{rest}` for `/users/{*rest}`
holm.toml:11:12: `get` is not a method that a rule can name: did you mean `GET`?
  help: for example `methods = [\"GET\", \"POST\"]`
holm.toml:12:11: a route's timeout is 0s, but must be from 1ms to 24h; write it as in `3s`
  help: leave it away for the service's own timeout
holm.toml:13:1: `gateway.route` has no `service`
  help: add it, for example `service = \"users\"`
holm.toml:14:8: `users` is not a path pattern: at character 1, it does not begin with `/`; write it as in `/users/{id}` or `/files/{*rest}`
  help: for example `path = \"/users/{*rest}\"`"
    );
    let elsewhere = service_problems("[[gateway.route]]\npath = \"/\"\nservice = \"billing\"\n");
    assert!(
        elsewhere.ends_with(
            "help: add `[service.billing]` or an `[[external]]` of this name, or name a service that is there"
        ),
        "{elsewhere}"
    );
}

#[test]
fn a_tie_is_decided_by_the_order_of_the_file() {
    let route = |path: &str| format!("[[gateway.route]]\npath = \"{path}\"\nservice = \"users\"\n");
    assert_eq!(
        service_problems(&(route("/users/{id}") + &route("/users/{user}") + &route("/users/me"))),
        "\
holm.toml:8:8: this route and `/users/{id}` on line 5 match the same requests: same host, same path but for its names, a method in common
  help: remove one of them, or give them different methods"
    );
}

#[test]
fn a_bad_external_is_deployed() {
    let external = |more: &str| format!("[[external]]\nname = \"billing\"\nurl = \"http://127.0.0.1:3000\"\n{more}");
    assert_eq!(
        service_problems("[[external]]\nname = \"users\"\nurl = \"ftp://a/\"\n"),
        "holm.toml:6:7: \"ftp://a/\" is neither an http:// nor an https:// URL\n  \
         help: for example `url = \"http://127.0.0.1:3000\"`"
    );
    assert_eq!(
        service_problems("[[external]]\nname = \"users\"\nurl = \"http://127.0.0.1:3000\"\n"),
        "holm.toml:5:8: `users` is a service of this manifest already\n  \
         help: a name leads to one place: give one of the two another name"
    );
    assert!(service_problems(&(external("") + &external(""))).contains("`billing` is another external"));
    assert!(service_problems(&external("health = { path = \"x\" }\n")).contains("`health.path` is `x`"));
    assert!(service_problems(&external("healt = 1\n")).contains("did you mean `health`?"));
    assert!(service_problems("[[external]]\n").contains("`external` has no `name`"));
    assert!(service_problems("[[external]]\nname = \"b\"\nurl = \"http://a/?x=1\"\n").contains("no query"));
}

#[test]
fn a_bad_way_to_discover_is_accepted() {
    let discovery = |line: &str| service_problems(&format!("[discovery]\n{line}\n"));
    assert!(discovery("listen = \"8500\"").contains("`8500` is not an address to listen on"));
    assert!(discovery("token = \"\"").contains("the token is empty"));
    assert!(discovery("allow = [\"localhost\"]").contains("`localhost` is neither an IP address nor a network"));
    assert!(discovery("balance = \"random\"").contains("`random` is no way to balance"));
    assert!(discovery("alow = []").contains("did you mean `allow`?"));
}

#[test]
fn a_key_that_signs_nothing_lets_everybody_deploy() {
    assert_eq!(
        problems("[deploy]\nrequire_signature = []\n"),
        "\
holm.toml:2:1: `require_signature` is empty, which would let every component in
  help: name a key, as `holm keys new` prints it, or take the line away"
    );
    let told = problems("[deploy]\nrequire_signature = [\"ed25519:x\"]\n");
    assert!(told.contains("`ed25519:x` is not a public key; write `ed25519:` and 64 hex digits"), "{told}");
}

#[test]
fn a_manifest_nested_without_end_ends_the_host() {
    for open in ["[", "{a="] {
        assert!(problems(&format!("a = {}", open.repeat(100_000))).contains("this is not TOML"));
    }
    assert!(parse(&format!("[{}a]", "a.".repeat(10_000))).is_err());
}

proptest! {
    #[test]
    fn a_damaged_manifest_ends_the_host(at in 0..SHOP.len(), len in 0usize..40, put in "[a-z0-9\\[\\]{}=\"$/*.\n ü]{0,6}") {
        let mut text = SHOP.to_owned();
        text.replace_range(at..(at + len).min(SHOP.len()), &put);
        if let Err(diagnostics) = parse(&text) {
            prop_assert!(!diagnostics.items.is_empty());
            for item in &diagnostics.items {
                let span = item.span.clone().unwrap();
                prop_assert!(text.get(span.clone()).is_some(), "{:?} {}", span, item.message);
                prop_assert!(!item.message.contains('\n') && item.help.is_some(), "{}", item.message);
            }
        }
    }
}
