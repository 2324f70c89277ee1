//! Why a request goes where it goes: for people, by the same matcher that the gateway uses.

use std::collections::BTreeMap;

use http::{HeaderMap, Method, Request};
use serde::Serialize;

use super::authority::{authority, hostname};
use super::router::{Found, Head, Router};
use super::{CanonicalPath, Origin, RouteSpec, sort_by_specificity};
use crate::gateway::{AuthSettings, GatewaySettings, PartName};
use crate::units::format_duration;

/// What becomes of a request, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Where.
    pub stage: &'static str,
    /// What.
    pub what: String,
}

/// Goes through the stages of the rule that takes the request, and says of the others why they do
/// not.
pub fn explain(rules: &[RouteSpec], settings: &BTreeMap<String, GatewaySettings>, request: &Request<()>) -> Vec<Step> {
    let path = CanonicalPath::parse(request.uri().path());
    let (authority, path) = match (authority(request), path) {
        (Ok(authority), Ok(path)) => (authority, path),
        (Err(reason), _) => return vec![step("head", format!("400: {reason}"))],
        (_, Err(error)) => return vec![step("head", format!("400: {}", error.reason()))],
    };
    let head = Head {
        host: hostname(&authority).unwrap_or_default(),
        path: &path,
        method: request.method(),
        headers: request.headers(),
        query: request.uri().query(),
    };
    let router = Router::new(rules.to_vec());
    let (rule, mut steps) = match router.find(head) {
        Found::Rule(rule) => (rule, vec![step("route", name(rule))]),
        Found::NoRule => {
            return with_others(vec![step("route", "404: no rule takes it".to_owned())], rules, None, head);
        }
        Found::MethodNotAllowed(methods) => {
            let methods: Vec<&str> = methods.iter().map(Method::as_str).collect();
            let text = format!("405: the rules of this path take {}", methods.join(", "));
            return with_others(vec![step("route", text)], rules, None, head);
        }
    };
    let nothing = GatewaySettings::default();
    let app = match &rule.origin {
        Origin::Manifest(app) => settings.get(app).unwrap_or(&nothing),
        Origin::Service(_) => &nothing,
    };
    steps.extend(stages(rule, app, request.headers()));
    steps.extend(path_and_target(rule, request));
    with_others(steps, rules, Some(rule), head)
}

fn step(stage: &'static str, what: String) -> Step {
    Step { stage, what }
}

/// What stands in front of the target.
fn stages(rule: &RouteSpec, app: &GatewaySettings, headers: &HeaderMap) -> Vec<Step> {
    let chain = &rule.chain;
    let cors = chain.cors.as_ref().map(|cors| step("cors", format!("pages of {}", cors.origins.join(", "))));
    let (after, before): (Vec<_>, Vec<_>) =
        chain.rate.iter().partition(|name| app.rate.get(*name).is_some_and(|rate| rate.by.needs_identity()));
    let rate = |names: Vec<&PartName>| names.into_iter().map(|name| limit(name, app)).collect::<Vec<_>>();
    let auth = (!chain.auth.is_empty()).then(|| authentication(rule, app, headers));
    cors.into_iter().chain(rate(before)).chain(auth).chain(rate(after)).collect()
}

fn limit(name: &PartName, app: &GatewaySettings) -> Step {
    let Some(rate) = app.rate.get(name) else { return step("rate", name.to_string()) };
    let text = format!("{name}: {} in {} by {}", rate.requests, format_duration(rate.per), rate.by);
    step("rate", text)
}

fn authentication(rule: &RouteSpec, app: &GatewaySettings, headers: &HeaderMap) -> Step {
    let schemes: Vec<_> = rule.chain.auth.iter().filter_map(|name| Some((name, app.auth.get(name)?))).collect();
    let shown = schemes.iter().any(|(_, scheme)| match scheme {
        AuthSettings::Jwt(_) => headers.contains_key(http::header::AUTHORIZATION),
        AuthSettings::ApiKeys(keys) => headers.contains_key(keys.header.as_header()),
    });
    let asked: Vec<String> = schemes.iter().map(|(name, scheme)| format!("{name}, {}", credentials(scheme))).collect();
    let scopes = match rule.chain.scopes.as_slice() {
        [] => String::new(),
        scopes => format!(", with the scopes {}", scopes.join(" ")),
    };
    let outcome = if shown { "the request has one: 403 unless it holds" } else { "the request has none: 401" };
    step("auth", format!("{}{scopes}; {outcome}", asked.join("; or ")))
}

fn credentials(scheme: &AuthSettings) -> String {
    match scheme {
        AuthSettings::Jwt(jwt) => {
            let names: Vec<&str> = jwt.algorithms.iter().map(|algorithm| algorithm.as_str()).collect();
            let issuer = if jwt.issuer.is_empty() { String::new() } else { format!(" of {}", jwt.issuer.join(" or ")) };
            format!("a token ({}){issuer}", names.join(", "))
        }
        AuthSettings::ApiKeys(keys) => format!("a key in `{}`", keys.header),
    }
}

fn path_and_target(rule: &RouteSpec, request: &Request<()>) -> Vec<Step> {
    let captures = rule.path.captures(request.uri().path()).unwrap_or_default();
    let rewrite = rule.rewrite.as_ref().map(|rewrite| step("rewrite", rewrite.apply(&captures)));
    let edits = (!rule.chain.request.is_empty()).then(|| step("request", edited(&rule.chain.request)));
    let timeout = rule.timeout.map(|timeout| step("timeout", format_duration(timeout)));
    let target = step(rule.target.kind(), rule.target.to_string());
    let policy = &rule.policy;
    let retry = policy.retry.as_ref().map(|retry| format!("{} attempts", retry.attempts));
    let breaker = policy
        .breaker
        .as_ref()
        .map(|breaker| format!("opens above {} % of {} failed", breaker.error_threshold, breaker.volume_threshold));
    let bulkhead = policy.bulkhead.as_ref().map(|bulkhead| format!("{} at once", bulkhead.concurrency));
    let fallback = policy.fallback.as_ref().map(|target| format!("{} {target}", target.kind()));
    let policies = [("retry", retry), ("breaker", breaker), ("bulkhead", bulkhead), ("fallback", fallback)];
    let policies = policies.into_iter().filter_map(|(stage, what)| Some(step(stage, what?)));
    let response = (!rule.chain.response.is_empty()).then(|| step("response", edited(&rule.chain.response)));
    let compress = rule.chain.compress.then(|| step("compress", "gzip, br or zstd".to_owned()));
    let before = rewrite.into_iter().chain(edits).chain(timeout).chain([target]);
    before.chain(policies).chain(response).chain(compress).collect()
}

fn edited(edits: &crate::gateway::Edits) -> String {
    let remove = edits.remove.iter().map(|name| format!("without {name}"));
    let set = edits.set.iter().map(|(name, value)| format!("{name}: {value}"));
    let add = edits.add.iter().map(|(name, value)| format!("and {name}: {value}"));
    remove.chain(set).chain(add).collect::<Vec<_>>().join("; ")
}

/// Adds the other rules that have the path, the most specific first.
fn with_others(mut steps: Vec<Step>, rules: &[RouteSpec], winner: Option<&RouteSpec>, head: Head<'_>) -> Vec<Step> {
    let mut others: Vec<RouteSpec> =
        rules.iter().filter(|rule| Some(*rule) != winner && has_path(rule, head)).cloned().collect();
    sort_by_specificity(&mut others);
    let line = |rule: &RouteSpec| step("not", format!("{}: {}", name(rule), why_not(rule, head)));
    steps.extend(others.iter().map(line));
    steps
}

fn has_path(rule: &RouteSpec, head: Head<'_>) -> bool {
    let path = format!("/{}", head.path.decoded().unwrap_or_default());
    rule.path.captures(&path).is_some()
}

fn why_not(rule: &RouteSpec, head: Head<'_>) -> String {
    if let Some(host) = rule.host.as_ref().filter(|host| !host.matches(head.host)) {
        return format!("is for the host {host}");
    }
    if !rule.when.hold(head.headers, head.query) {
        return format!("wants {}", rule.when);
    }
    if !rule.methods.is_empty() && !rule.methods.contains(head.method) {
        return format!("does not take {}", head.method);
    }
    "takes it, too, but is less specific".to_owned()
}

fn name(rule: &RouteSpec) -> String {
    let methods: Vec<&str> = rule.methods.iter().map(Method::as_str).collect();
    let methods = if methods.is_empty() { String::new() } else { format!("{} ", methods.join(",")) };
    let host = rule.host.as_ref().map_or_else(String::new, ToString::to_string);
    let owner = match &rule.origin {
        Origin::Manifest(app) => format!("app {app}"),
        Origin::Service(service) => format!("service {service}"),
    };
    format!("{methods}{host}{} of {owner}", rule.path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Vec<RouteSpec> {
        let rule = |json: &str| serde_json::from_str(json).unwrap();
        vec![
            rule(
                r#"{"path":"/api/users/{*rest}","methods":["GET"],"rewrite":"/users/{rest}","target":{"service":"users"},
                   "timeout":"3s","chain":{"auth":["jwt"],"rate":["default","each"]},
                   "policy":{"fallback":{"respond":{"status":200}}},"origin":{"manifest":"shop"}}"#,
            ),
            rule(
                r#"{"path":"/api/{*rest}","target":{"redirect":{"to":"/{rest}","status":308}},"origin":{"manifest":"shop"}}"#,
            ),
            rule(
                r#"{"host":"a.test","path":"/api/users/{id}","target":{"service":"users"},"origin":{"service":"users"}}"#,
            ),
        ]
    }

    fn settings() -> BTreeMap<String, GatewaySettings> {
        let json = r#"{"auth":{"jwt":{"jwt":{"algorithms":["HS256"],"key":{"secret":"0123456789abcdef0123456789abcdef"}}}},
            "rate":{"default":{"requests":100,"per":"15m","burst":100,"by":"address"},
                    "each":{"requests":5,"per":"1s","burst":5,"by":"principal"}}}"#;
        [("shop".to_owned(), serde_json::from_str(json).unwrap())].into()
    }

    fn ask(method: &str, uri: &str) -> Vec<String> {
        let request = Request::builder().method(method).uri(uri).header("host", "b.test").body(()).unwrap();
        explain(&rules(), &settings(), &request).iter().map(|step| format!("{}: {}", step.stage, step.what)).collect()
    }

    #[test]
    fn nobody_knows_why_a_request_goes_where_it_goes() {
        assert_eq!(
            ask("GET", "/api/users/7"),
            [
                "route: GET /api/users/{*rest} of app shop",
                "rate: default: 100 in 15m by address",
                "auth: jwt, a token (HS256); the request has none: 401",
                "rate: each: 5 in 1s by principal",
                "rewrite: /users/7",
                "timeout: 3s",
                "service: users",
                "fallback: respond answer 200",
                "not: a.test/api/users/{id} of service users: is for the host a.test",
                "not: /api/{*rest} of app shop: takes it, too, but is less specific",
            ]
        );
    }

    #[test]
    fn a_request_that_goes_nowhere_has_no_reason() {
        assert_eq!(ask("GET", "/other"), ["route: 404: no rule takes it"]);
        assert_eq!(ask("GET", "/api/../x"), ["head: 400: the path has a segment `.` or `..`"]);
        let other = ask("POST", "/api/users/7");
        assert_eq!(other[..2], ["route: /api/{*rest} of app shop", "redirect: 308 to /{rest}"]);
        assert!(other.contains(&"not: GET /api/users/{*rest} of app shop: does not take POST".to_owned()), "{other:?}");
    }
}
