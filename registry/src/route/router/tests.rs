//! The table against a scan of all rules, and the cases that people complain of.

use http::HeaderValue;
use proptest::prelude::*;

use super::*;
use crate::route::{Origin, Target, check_ties};

fn router_of(rules: &[RouteSpec]) -> Router<RouteSpec> {
    Router::new(rules.to_vec())
}

fn rule(host: &str, path: &str, methods: &str) -> RouteSpec {
    let (target, origin) = (Target::Service("users".parse().unwrap()), Origin::Manifest("shop".to_owned()));
    RouteSpec {
        host: (!host.is_empty()).then(|| host.parse().unwrap()),
        methods: methods.split_whitespace().map(|method| method.parse().unwrap()).collect(),
        ..RouteSpec::new(path.parse().unwrap(), target, origin)
    }
}

fn find(router: &Router<RouteSpec>, host: &str, method: &str, path: &str) -> String {
    ask(router, host, method, path, &[])
}

fn ask(
    router: &Router<RouteSpec>,
    host: &str,
    method: &str,
    target: &str,
    fields: &[(&'static str, &'static str)],
) -> String {
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let (path, method) = (CanonicalPath::parse(path).unwrap(), method.parse().unwrap());
    let headers = fields.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)));
    let headers = headers.collect();
    match router.find(Head { host, path: &path, method: &method, headers: &headers, query }) {
        Found::Rule(rule) => rule.path.to_string(),
        Found::NoRule => "404".to_owned(),
        Found::MethodNotAllowed(methods) => {
            format!("405 {}", methods.iter().map(Method::as_str).collect::<Vec<_>>().join(","))
        }
    }
}

#[test]
fn the_most_specific_rule_wins() {
    let router = router_of(&[
        rule("", "/{*rest}", ""),
        rule("", "/users/{*rest}", ""),
        rule("", "/users/{id}", ""),
        rule("", "/users/me", ""),
        rule("", "/users", ""),
        rule("", "/{other}/orders", ""),
    ]);
    for (path, expected) in [
        ("/", "/{*rest}"),
        ("/users", "/users"),
        ("/users/", "/users/{*rest}"),
        ("/users/me", "/users/me"),
        ("/users/%6de", "/users/me"),
        ("/users/7", "/users/{id}"),
        ("/users/7/", "/users/{*rest}"),
        ("/users/7/orders", "/users/{*rest}"),
        ("/carts/orders", "/{other}/orders"),
        ("/carts/x", "/{*rest}"),
    ] {
        assert_eq!(find(&router, "h", "GET", path), expected, "{path}");
    }
}

#[test]
fn a_rule_with_the_wrong_method_does_not_hide_a_wider_one() {
    let router = router_of(&[
        rule("", "/users/{id}", "GET"),
        rule("", "/users/{id}", "PUT"),
        rule("", "/users/{*rest}", "DELETE"),
        rule("a.test", "/users/{id}", "PATCH"),
    ]);
    assert_eq!(find(&router, "b", "DELETE", "/users/7"), "/users/{*rest}");
    assert_eq!(find(&router, "b", "HEAD", "/users/7"), "/users/{id}");
    assert_eq!(find(&router, "b", "POST", "/users/7"), "405 GET,HEAD,PUT,DELETE");
    assert_eq!(find(&router, "A.test.", "POST", "/users/7"), "405 PATCH,GET,HEAD,PUT,DELETE");
    assert_eq!(find(&router, "b", "POST", "/users/7/x"), "405 DELETE");
    assert_eq!(find(&router, "b", "POST", "/carts"), "404");
}

#[test]
fn a_rule_for_some_requests_takes_all_or_none() {
    let when = |rule: RouteSpec, json: &str| RouteSpec { when: serde_json::from_str(json).unwrap(), ..rule };
    let router = router_of(&[
        rule("", "/users/{a}", "GET"),
        when(rule("", "/users/{b}", ""), r#"{"headers":{"x-beta":"*"}}"#),
        when(rule("", "/users/{c}", ""), r#"{"headers":{"x-beta":"*"},"query":{"v":"2"}}"#),
        when(rule("", "/users/me", "POST"), r#"{"query":{"v":"2"}}"#),
        rule("", "/{*rest}", ""),
    ]);
    let beta = [("x-beta", "")];
    for (method, target, fields, expected) in [
        ("GET", "/users/7", &[][..], "/users/{a}"),
        ("GET", "/users/7", &beta, "/users/{b}"),
        ("GET", "/users/7?v=2", &beta, "/users/{c}"),
        ("GET", "/users/7?v=2", &[], "/users/{a}"),
        ("PUT", "/users/7", &[], "/{*rest}"),
        ("POST", "/users/me?v=2", &[], "/users/me"),
        ("POST", "/users/me?v=1", &[], "/{*rest}"),
        ("POST", "/users/me?v=1", &beta, "/users/{b}"),
    ] {
        assert_eq!(ask(&router, "h", method, target, fields), expected, "{method} {target} {fields:?}");
    }
}

#[test]
fn connect_and_trace_never_reach_a_service() {
    let router = router_of(&[rule("", "/{*rest}", "")]);
    assert_eq!(find(&router, "h", "TRACE", "/a"), "405 GET,HEAD,POST,PUT,PATCH,DELETE,OPTIONS");
    assert_eq!(find(&router, "h", "PROPFIND", "/a"), "/{*rest}");
}

#[test]
fn two_rules_for_the_same_requests_are_refused() {
    let mut other = rule("", "/users/{user}", "GET PUT");
    other.origin = Origin::Service("accounts".parse().unwrap());
    let ties = check_ties(&[rule("", "/users/{id}", "GET"), other, rule("", "/users/me", "")]).unwrap_err();
    assert_eq!(
        ties,
        ["the route `/users/{id}` of app `shop` is claimed by service `accounts` too, as `/users/{user}`; \
          change the path, the host or the methods of one"]
    );
    assert_eq!(check_ties(&[rule("", "/a", "GET"), rule("", "/a", "PUT"), rule("", "/a", "")]), Ok(()));
}

/// Looks at every rule: what the trie must agree with.
fn model<'a>(rules: &'a [RouteSpec], head: Head<'_>, path: &str) -> Option<&'a RouteSpec> {
    let Head { host, method, .. } = head;
    let takes = |rule: &RouteSpec, method: &Method| rule.methods.contains(method);
    let rank = |rule: &RouteSpec| {
        let by_get = *method == Method::HEAD && takes(rule, &Method::GET);
        (takes(rule, method) || by_get || rule.methods.is_empty()).then(|| (rule.specificity(), takes(rule, method)))
    };
    let fits = |rule: &&RouteSpec| {
        rule.host.as_ref().is_none_or(|pattern| pattern.matches(host))
            && rule.path.captures(path).is_some()
            && rule.when.hold(head.headers, head.query)
    };
    let ranked = rules.iter().filter(fits).filter_map(|rule| Some((rank(rule)?, rule)));
    ranked.max_by(|(one, _), (other, _)| one.cmp(other)).map(|(_, rule)| rule)
}

fn any_rule() -> impl Strategy<Value = RouteSpec> {
    let host = prop::sample::select(vec!["", "", "a.x", "b.a.x", "*.x", "*.a.x"]);
    let segment = prop::sample::select(vec!["a", "b", "c", "{}", "{}"]);
    let tail = prop::sample::select(vec!["", "", "/{*t}"]);
    let methods = prop::sample::select(vec!["", "GET", "POST", "GET POST", "HEAD"]);
    let when = prop::sample::select(vec![
        "{}",
        "{}",
        r#"{"query":{"v":"1"}}"#,
        r#"{"query":{"v":"2"}}"#,
        r#"{"query":{"v":"*","w":"*"}}"#,
    ]);
    (host, prop::collection::vec(segment, 0..4), tail, methods, when).prop_map(
        |(host, segments, tail, methods, when)| {
            let numbered =
                segments.iter().enumerate().map(|(i, s)| format!("/{}", s.replace("{}", &format!("{{p{i}}}"))));
            let path = numbered.collect::<String>() + tail;
            let when = serde_json::from_str(when).unwrap();
            RouteSpec { when, ..rule(host, if path.is_empty() { "/" } else { &path }, methods) }
        },
    )
}

fn without_ties(rules: Vec<RouteSpec>) -> Vec<RouteSpec> {
    rules.into_iter().fold(Vec::new(), |mut kept: Vec<RouteSpec>, rule| {
        if kept.iter().all(|known| !known.conflicts_with(&rule)) {
            kept.push(rule);
        }
        kept
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn the_trie_and_a_scan_of_all_rules_agree(
        rules in prop::collection::vec(any_rule(), 0..12),
        host in prop::sample::select(vec!["a.x", "b.a.x", "c.b.a.x", "x", "[::1]", ""]),
        path in "(/(a|b|c|d|%61)){0,4}/?",
        method in prop::sample::select(vec!["GET", "POST", "HEAD", "PUT"]),
        query in prop::sample::select(vec![None, Some("v=1"), Some("v=2&w"), Some("w=&v=1")]),
    ) {
        let rules = without_ties(rules);
        prop_assert_eq!(check_ties(&rules), Ok(()));
        let (router, method) = (router_of(&rules), method.parse().unwrap());
        let Ok(canonical) = CanonicalPath::parse(&path) else { return Ok(()) };
        let head = Head { host, path: &canonical, method: &method, headers: &HeaderMap::new(), query };
        let found = match router.find(head) {
            Found::Rule(rule) => Some(rule.as_ref().clone()),
            Found::NoRule | Found::MethodNotAllowed(_) => None,
        };
        prop_assert_eq!(found.as_ref(), model(&rules, head, &path));
    }
}
