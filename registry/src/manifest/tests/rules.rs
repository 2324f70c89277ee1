//! `[[gateway.route]]`: what a rule asks for, who answers, and what stands around them.

use std::time::Duration;

use super::*;
use crate::gateway::tls::{CertificateSource, Demand};
use crate::route::{Target, Wanted};

const USERS: &str = "[service.users]\ncomponent = \"users.wasm\"\nversion = \"1.0.0\"\n";

fn manifest(lines: &str) -> Manifest {
    parse(&format!("{USERS}{lines}")).unwrap_or_else(|error| panic!("{error}"))
}

fn problems(lines: &str) -> String {
    parse(&format!("{USERS}{lines}")).unwrap_err().to_string().replace("holm.toml:", "")
}

fn rule(lines: &str) -> RouteSpec {
    manifest(&format!("[[gateway.route]]\npath = \"/a/{{*rest}}\"\n{lines}\n")).routes.remove(0)
}

#[test]
fn a_rule_has_another_target_than_it_says() {
    let target = |line: &str| rule(line).target;
    assert_eq!(target("service = \"users\""), Target::Service("users".parse().unwrap()));
    assert_eq!(target("upstream = \"https://a.test/v1\"").to_string(), "https://a.test/v1");
    assert_eq!(target("redirect = \"/b/{rest}\"").to_string(), "308 to /b/{rest}");
    assert_eq!(target("redirect = { to = \"https://{host}/\", status = 301 }").to_string(), "301 to https://{host}/");
    let Target::Respond(answer) = target("respond = { json = { a = [1, true] } }") else { panic!() };
    assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"a":[1,true]}"#));
    assert_eq!(answer.headers.values().collect::<Vec<_>>(), ["application/json"]);
}

#[test]
fn a_key_of_a_rule_has_no_effect() {
    let full = rule(
        "service = \"users\"\nheaders = { X-Beta = \"*\", x-v = \"2\" }\nquery = { q = \"a b\" }\ncompress = true\n\
         cors = { origins = \"https://a.test\", headers = [\"x-a\"], expose = [\"x-b\"], credentials = true, max_age = \"5m\" }\n\
         request = { set = { x-a = \"1\" }, add = { x-b = \"2\" }, remove = [\"cookie\"] }\n\
         response = { remove = [\"server-timing\"] }\n\
         retry = { attempts = 3 }\nbreaker = { volume_threshold = 3 }\nbulkhead = { concurrency = 8 }\n\
         fallback = { upstream = \"http://127.0.0.1:1\" }\n",
    );
    assert_eq!(full.when.headers[&"x-beta".parse().unwrap()], Wanted::Any);
    assert_eq!(full.when.query["q"], Wanted::Text("a b".to_owned()));
    let cors = full.chain.cors.unwrap();
    assert_eq!((cors.origins.len(), cors.credentials, cors.max_age), (1, true, Duration::from_secs(300)));
    assert!(full.chain.compress);
    assert_eq!((full.chain.request.remove.len(), full.chain.response.remove.len()), (1, 1));
    let policy = full.policy;
    assert_eq!(policy.retry.map(|retry| (retry.attempts, retry.backoff)), Some((3, Duration::from_millis(50))));
    assert_eq!(policy.breaker.map(|breaker| (breaker.volume_threshold, breaker.error_threshold)), Some((3, 50)));
    assert_eq!(policy.bulkhead.map(|bulkhead| (bulkhead.concurrency, bulkhead.queue)), Some((8, 0)));
    assert_eq!(policy.fallback.map(|target| target.to_string()).as_deref(), Some("http://127.0.0.1:1/"));
}

#[test]
fn a_default_reaches_no_rule_or_cannot_be_taken_back() {
    let text = "[gateway.defaults]\ncors = { origins = [\"*\"] }\ncompress = true\nretry = { attempts = 4 }\n\
                breaker = { volume_threshold = 7 }\nresponse = { set = { x-a = \"1\" } }\n\
                [[gateway.route]]\npath = \"/a\"\nservice = \"users\"\n\
                [[gateway.route]]\npath = \"/b\"\nservice = \"users\"\ncors = false\ncompress = false\nretry = { backoff = \"1ms\" }\n";
    let [a, b] = manifest(text).routes.try_into().unwrap();
    assert!(a.chain.cors.is_some() && a.chain.compress && !a.chain.response.is_empty());
    assert_eq!(a.policy.retry.clone().map(|retry| retry.attempts), Some(4));
    assert!(b.chain.cors.is_none() && !b.chain.compress && !b.chain.response.is_empty());
    assert_eq!(b.policy.retry.map(|retry| (retry.attempts, retry.backoff)), Some((4, Duration::from_millis(1))));
    assert_eq!(b.policy.breaker, a.policy.breaker);
    assert!(rule("service = \"users\"").policy.is_empty());
}

#[test]
fn a_rule_that_cannot_work_is_deployed() {
    for (lines, expected) in [
        ("service = \"users\"\nredirect = \"/\"", "a rule has one target, and this one has `service` and `redirect`"),
        ("", "`gateway.route` has no `service`"),
        ("upstream = \"http://a.test/?b\"", "the upstream http://a.test/?b has a query"),
        ("upstream = \"users:80\"", "is neither an http:// nor an https:// URL"),
        ("redirect = \"/{id}\"", "uses `{id}`, which the path `/a/{*rest}` does not have"),
        ("redirect = { to = \"/\", status = 200 }", "a redirect's status is 200"),
        ("respond = { status = 101 }", "an answer's status is 101"),
        ("respond = { status = 70000 }", "`status` is 70000, and a status of HTTP has three digits"),
        ("respond = { body = \"a\", json = 1 }", "a `body` or a `json`, not both"),
        ("respond = { headers = { content-length = \"1\" } }", "an answer cannot set `content-length`"),
        ("service = \"users\"\nfallback = { service = \"spare\" }", "this manifest has no service `spare`"),
        ("service = \"users\"\nfallback = { function = \"a\" }", "`function` is a string, but must be a table"),
        ("service = \"users\"\nretry = { attempts = 0 }", "`retry.attempts`"),
        ("service = \"users\"\nbreaker = { error_threshold = 101 }", "`breaker.error_threshold`"),
        ("service = \"users\"\nbulkhead = { queue = 1 }", "`gateway.route.bulkhead` has no `concurrency`"),
        ("service = \"users\"\ncors = true", "`cors = true` does not say which origins may ask"),
        ("service = \"users\"\ncors = { origins = [\"a.test\"] }", "`a.test` is no origin"),
        ("service = \"users\"\nrequest = { set = { host = \"a\" } }", "`request` cannot change `host`"),
        ("service = \"users\"\nresponse = { add = { x-a = \"a\\r\\nb: c\" } }", "a text that no header field can hold"),
        ("service = \"users\"\nheaders = { \"a b\" = \"1\" }", "`a b` is no name of a header field"),
        ("service = \"users\"\ncompress = \"yes\"", "`true` or `false`"),
    ] {
        let told = problems(&format!("[[gateway.route]]\npath = \"/a/{{*rest}}\"\n{lines}\n"));
        assert!(told.contains(expected), "{lines}: {told}");
    }
}

#[test]
fn two_rules_that_nobody_can_tell_apart_are_deployed() {
    let both = |one: &str, other: &str| {
        let rule = |lines: &str| format!("[[gateway.route]]\npath = \"/a\"\nservice = \"users\"\n{lines}\n");
        parse(&format!("{USERS}{}{}", rule(one), rule(other))).is_ok()
    };
    assert!(both("", "headers = { x-v = \"1\" }"));
    assert!(both("headers = { x-v = \"1\" }", "headers = { x-v = \"2\" }"));
    assert!(both("headers = { x-v = \"1\" }", "headers = { x-v = \"1\" }\nquery = { q = \"*\" }"));
    assert!(!both("headers = { x-v = \"1\" }", "headers = { x-v = \"*\" }"));
    assert!(!both("headers = { x-v = \"1\" }", "query = { q = \"1\" }"));
}

#[test]
fn a_certificate_is_looked_for_elsewhere() {
    let tls = manifest(
        "[gateway.tls]\ncertificate = \"tls/a.pem\"\nkey = \"/etc/a-key.pem\"\nclient_ca = \"ca.pem\"\nclient = \"optional\"\n\
         [[gateway.tls.sni]]\ncertificate = \"b.pem\"\nkey = \"b-key.pem\"\n",
    )
    .tls
    .unwrap();
    let files: Vec<_> = tls.files().iter().map(|path| path.display().to_string()).collect();
    assert_eq!(
        files,
        ["/apps/shop/tls/a.pem", "/etc/a-key.pem", "/apps/shop/b.pem", "/apps/shop/b-key.pem", "/apps/shop/ca.pem"]
    );
    assert_eq!(tls.clients.unwrap().demand, Demand::Optional);
    assert_eq!(manifest("[gateway.tls]\ndevelopment = true\n").tls.unwrap().source, CertificateSource::Development);
    for (lines, expected) in [
        ("", "`gateway.tls` has no `certificate`"),
        ("certificate = \"a\"", "`gateway.tls` has no `key`"),
        ("development = true\nkey = \"a\"", "`development` makes a certificate, and another one is named"),
        ("development = true\nclient = \"required\"", "`client` without `client_ca`"),
        ("development = true\nclient_ca = \"a\"\nclient = \"maybe\"", "`client` is `required`"),
    ] {
        let told = problems(&format!("[gateway.tls]\n{lines}\n"));
        assert!(told.contains(expected), "{lines}: {told}");
    }
}

#[test]
fn a_limit_of_the_door_has_no_effect() {
    let limits = manifest(
        "[gateway.limits]\nconnections = 500\nconnections_per_client = 50\nrequests_per_connection = 1000\n\
         header_timeout = \"5s\"\nidle_timeout = \"30s\"\nwrite_timeout = \"20s\"\nwebsocket_timeout = \"1h\"\n",
    )
    .limits;
    assert_eq!((limits.connections, limits.connections_per_client), (Some(500), Some(50)));
    assert_eq!(
        (limits.requests_per_connection, limits.websocket_timeout),
        (Some(1000), Some(Duration::from_secs(3600)))
    );
    assert!(manifest("").limits.is_empty());
    for (line, expected) in [
        ("connections = 0", "`connections` is 0, so nobody could ever ask"),
        ("idle_timeout = \"0s\"", "`idle_timeout` must be from 1ms to 24h"),
        ("conections = 1", "did you mean `connections`?"),
    ] {
        let told = problems(&format!("[gateway.limits]\n{line}\n"));
        assert!(told.contains(expected), "{line}: {told}");
    }
}
