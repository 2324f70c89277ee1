//! Rules of the gateway and a request: the first line is `METHOD host path`, every other one a rule,
//! `host path [METHOD,…] [rewrite]` with `-` for any host.

use holm_registry::host::HostPattern;
use holm_registry::route::authority::{authority, hostname};
use holm_registry::route::{
    CanonicalPath, Found, Head, PathPattern, Rewrite, RouteSpec, Router, check_ties, parse_method, sort_by_specificity,
};
use http::{Method, Request, header};

/// What a rule captures it can put together again, and of the rules that take a request one is the
/// most specific, or they tie and are refused.
pub fn run(data: &[u8]) {
    let Some((request, rules)) = crate::text(data).and_then(|text| text.split_once('\n')) else { return };
    let rules: Vec<RouteSpec> = rules.lines().filter_map(rule).collect();
    for rule in &rules {
        crate::reads_itself(&rule.path);
        crate::survives_json(rule);
    }
    let mut words = request.splitn(3, ' ');
    let (Some(Ok(method)), Some(host), Some(path)) = (words.next().map(str::parse), words.next(), words.next()) else {
        return;
    };
    for rule in &rules {
        captures(rule, path);
    }
    if check_ties(&rules).is_ok() {
        routed(&rules, &method, host, path);
        one_wins(rules, &method, host, path);
    }
}

/// From a head to its rule: whatever is sent, it has one host and one path or is refused, and the
/// table finds what a scan of all rules finds.
fn routed(rules: &[RouteSpec], method: &Method, host: &str, target: &str) {
    let request = Request::builder().method(method).uri(target).header(header::HOST, host).body(());
    let Some((request, authority)) = request.ok().and_then(|request| {
        let authority = authority(&request).ok()?;
        Some((request, authority))
    }) else {
        return;
    };
    let (Some(host), Ok(path)) = (hostname(&authority), CanonicalPath::parse(request.uri().path())) else { return };
    let head = Head { host, path: &path, method, headers: request.headers(), query: request.uri().query() };
    let router = Router::new(rules.to_vec());
    let Found::Rule(found) = router.find(head) else { return };
    assert!(found.host.as_ref().is_none_or(|pattern| pattern.matches(host)), "{found:?} has not the host {host:?}");
    let closer = |rule: &&RouteSpec| {
        let fits = rule.host.as_ref().is_none_or(|pattern| pattern.matches(host))
            && (rule.methods.is_empty() || rule.methods.contains(method))
            && rule.path.captures(request.uri().path()).is_some();
        fits && rule.specificity() > found.specificity()
    };
    if let Some(closer) = rules.iter().find(closer) {
        panic!("{closer:?} is closer to {method} {host} {target} than {found:?}");
    }
}

fn rule(line: &str) -> Option<RouteSpec> {
    let mut words = line.split(' ');
    let host = words.next().filter(|host| *host != "-").map(str::parse::<HostPattern>).transpose().ok()?;
    let path: PathPattern = words.next()?.parse().ok()?;
    let methods = words.next().filter(|list| !list.is_empty()).map(|list| list.split(',').map(parse_method).collect());
    let rewrite = words.next().map(str::parse::<Rewrite>).transpose().ok()?;
    let rule = RouteSpec {
        host,
        path,
        methods: methods.transpose().ok()?.unwrap_or_default(),
        rewrite,
        ..RouteSpec::default_for("s".parse().ok()?)
    };
    rule.check().is_ok().then_some(rule)
}

/// A capture is a part of the path, and a rewrite of captures is a path.
fn captures(rule: &RouteSpec, path: &str) {
    let Some(captures) = rule.path.captures(path) else { return };
    let names: Vec<&str> = rule.path.names().collect();
    assert_eq!(captures.iter().map(|(name, _)| *name).collect::<Vec<_>>(), names, "{}", rule.path);
    for (name, value) in &captures {
        assert!(path.contains(value), "{name} of {} captured {value:?}, which is not in {path:?}", rule.path);
    }
    if let Some(rewrite) = &rule.rewrite {
        let rewritten = rewrite.apply(&captures);
        assert!(rewritten.starts_with('/'), "{} of {path:?} is {rewritten:?}", rule.path);
    }
}

fn one_wins(mut rules: Vec<RouteSpec>, method: &Method, host: &str, path: &str) {
    sort_by_specificity(&mut rules);
    let takes = |rule: &&RouteSpec| {
        rule.host.as_ref().is_none_or(|pattern| pattern.matches(host))
            && (rule.methods.is_empty() || rule.methods.contains(method))
            && rule.path.captures(path).is_some()
    };
    let matching: Vec<&RouteSpec> = rules.iter().filter(takes).collect();
    if let [first, second, ..] = matching.as_slice() {
        assert!(
            first.specificity() > second.specificity(),
            "{first:?} and {second:?} both take {method} {host} {path}"
        );
    }
}
