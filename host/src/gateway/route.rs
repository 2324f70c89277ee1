//! Which rule a request belongs to: pure.
//!
//! Of all rules that match host, path *and* method, the most specific wins
//! ([`holm_registry::route::Specificity`]). A rule that fits better but does not take the
//! method does not stand in the way of a wider one, as in Kong and Traefik: a team moves
//! `GET /users/{id}` to a service and the rest stays behind `/{*rest}`. Only when no rule takes
//! the method is the answer 405, with the methods of every rule that has the path.
//!
//! The trie is ours since matchit, which is faster on large tables, refuses rules of two apps
//! that name a parameter differently at one place, has no empty tails, and stops at the first
//! path that fits. Searching it depth first (literal, parameter, end, tail) visits rules from
//! the most specific on.

use std::collections::HashMap;
use std::sync::Arc;

use holm_registry::host::HostPattern;
use holm_registry::route::{METHODS, RouteSpec, Segment};
use http::Method;

use super::path::CanonicalPath;
use super::rule::Rule;

/// All rules, ready for matching.
#[derive(Debug, Default)]
pub(super) struct Router {
    rules: Vec<Arc<Rule>>,
    exact_hosts: HashMap<String, Node>,
    /// The longest domain first.
    domains: Vec<Domain>,
    any_host: Node,
}

/// The rules for all hosts below a domain.
#[derive(Debug)]
struct Domain {
    pattern: HostPattern,
    paths: Node,
}

/// What routing found.
#[derive(Debug)]
pub(super) enum Found<'a> {
    /// This rule.
    Rule(&'a Arc<Rule>),
    /// No rule has the path.
    NoRule,
    /// Rules have the path, but none takes the method; they take these.
    MethodNotAllowed(Vec<Method>),
}

/// One place between two slashes, and what may follow it.
#[derive(Debug, Default)]
struct Node {
    literals: HashMap<String, Node>,
    parameter: Option<Box<Node>>,
    /// Rules whose path ends here.
    end: Vec<usize>,
    /// Rules with a tail here.
    tail: Vec<usize>,
}

impl Router {
    /// Builds the table. Among rules that tie the first wins; [`check_ties`](holm_registry::route::check_ties) refuses ties.
    pub(super) fn new(rules: Vec<Rule>) -> Self {
        let mut router = Self::default();
        for (index, rule) in rules.iter().map(|rule| &rule.spec).enumerate() {
            router.host_mut(rule.host.as_ref()).leaf_mut(rule.path.segments()).push(index);
        }
        router.domains.sort_by_key(|domain| std::cmp::Reverse(domain.pattern.to_string().len()));
        router.rules = rules.into_iter().map(Arc::new).collect();
        router
    }

    fn host_mut(&mut self, host: Option<&HostPattern>) -> &mut Node {
        match host {
            None => &mut self.any_host,
            Some(HostPattern::Exact(name)) => self.exact_hosts.entry(name.clone()).or_default(),
            Some(below) => {
                let place = self.domains.iter().position(|domain| domain.pattern == *below);
                let place = place.unwrap_or_else(|| {
                    self.domains.push(Domain { pattern: below.clone(), paths: Node::default() });
                    self.domains.len() - 1
                });
                self.domains.get_mut(place).map_or(&mut self.any_host, |domain| &mut domain.paths)
            }
        }
    }

    /// Finds the rule for a request. `host` is without its port.
    pub(super) fn find<'a>(&'a self, host: &str, path: &CanonicalPath<'_>, method: &Method) -> Found<'a> {
        let mut search = Search { rules: &self.rules, method, allowed: Vec::new() };
        let for_host = self.for_host(host).find_map(|node| search.node(node, path.decoded()));
        match for_host.or_else(|| search.node(&self.any_host, path.decoded())) {
            Some(rule) => Found::Rule(rule),
            None if search.allowed.is_empty() => Found::NoRule,
            None => Found::MethodNotAllowed(search.allowed),
        }
    }

    /// The parts of the table that are for this host, the closest first.
    fn for_host(&self, host: &str) -> impl Iterator<Item = &Node> {
        // the name in its one spelling; not needed by most tables
        let exact = if self.exact_hosts.is_empty() { None } else { host.parse::<HostPattern>().ok() };
        let exact = exact.and_then(|exact| self.exact_hosts.get(&exact.to_string()));
        let domains = self.domains.iter().filter(move |domain| domain.pattern.matches(host));
        exact.into_iter().chain(domains.map(|domain| &domain.paths))
    }
}

impl Node {
    fn leaf_mut(&mut self, segments: &[Segment]) -> &mut Vec<usize> {
        match segments.split_first() {
            None => &mut self.end,
            Some((Segment::Tail(_), _)) => &mut self.tail,
            Some((Segment::Literal(text), rest)) => self.literals.entry(text.clone()).or_default().leaf_mut(rest),
            Some((Segment::Parameter(_), rest)) => self.parameter.get_or_insert_default().leaf_mut(rest),
        }
    }
}

/// One walk through the table, from the most specific rule on.
struct Search<'a, 'm> {
    rules: &'a [Arc<Rule>],
    method: &'m Method,
    /// Methods of the rules that have the path but not the method.
    allowed: Vec<Method>,
}

impl<'a> Search<'a, '_> {
    /// `left` is the path that is not matched yet; `None`: it has ended.
    fn node(&mut self, node: &Node, left: Option<&str>) -> Option<&'a Arc<Rule>> {
        let Some(left) = left else {
            return self.leaf(&node.end).or_else(|| self.leaf(&node.tail));
        };
        let (segment, rest) = left.split_once('/').map_or((left, None), |(segment, rest)| (segment, Some(rest)));
        let literal = node.literals.get(segment).and_then(|next| self.node(next, rest));
        let parameter = || node.parameter.as_deref().filter(|_| !segment.is_empty());
        literal.or_else(|| self.node(parameter()?, rest)).or_else(|| self.leaf(&node.tail))
    }

    /// Of the rules at one place: the one that names the method, then the one for `GET` if it
    /// is `HEAD`, then the one for all methods.
    fn leaf(&mut self, rules: &[usize]) -> Option<&'a Arc<Rule>> {
        let table = self.rules;
        let rules = || rules.iter().filter_map(|index| table.get(*index));
        let naming = |method: &Method| rules().find(|rule| rule.spec.methods.contains(method));
        let found = naming(self.method)
            .or_else(|| if *self.method == Method::HEAD { naming(&Method::GET) } else { None })
            .or_else(|| rules().find(|rule| rule.spec.methods.is_empty()))
            .filter(|_| !matches!(*self.method, Method::CONNECT | Method::TRACE));
        if found.is_none() {
            rules().for_each(|rule| self.allow(&rule.spec));
        }
        found
    }

    fn allow(&mut self, rule: &RouteSpec) {
        let named = if rule.methods.is_empty() { METHODS.as_slice() } else { &rule.methods };
        let head = named.contains(&Method::GET).then_some(&Method::HEAD);
        for method in named.iter().chain(head) {
            if !self.allowed.contains(method) {
                self.allowed.push(method.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use holm_registry::route::Target;
    use proptest::prelude::*;

    use holm_registry::route::{Origin, check_ties};

    use super::*;
    use crate::gateway::shared::Shared;
    use crate::telemetry::metrics::Metrics;

    fn router_of(rules: &[RouteSpec]) -> Router {
        let (shared, metrics) = (Shared::default(), Metrics::new());
        Router::new(rules.iter().map(|spec| Rule::new(spec, &shared, &metrics).unwrap()).collect())
    }

    fn rule(host: &str, path: &str, methods: &str) -> RouteSpec {
        let (target, origin) = (Target::Service("users".parse().unwrap()), Origin::Manifest("shop".to_owned()));
        RouteSpec {
            host: (!host.is_empty()).then(|| host.parse().unwrap()),
            methods: methods.split_whitespace().map(|method| method.parse().unwrap()).collect(),
            ..RouteSpec::new(path.parse().unwrap(), target, origin)
        }
    }

    fn find(router: &Router, host: &str, method: &str, path: &str) -> String {
        let path = CanonicalPath::parse(path).unwrap();
        match router.find(host, &path, &method.parse().unwrap()) {
            Found::Rule(rule) => rule.label.to_string(),
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
    fn model<'a>(rules: &'a [RouteSpec], host: &str, path: &str, method: &Method) -> Option<&'a RouteSpec> {
        let takes = |rule: &RouteSpec, method: &Method| rule.methods.contains(method);
        let rank = |rule: &RouteSpec| {
            let by_get = *method == Method::HEAD && takes(rule, &Method::GET);
            (takes(rule, method) || by_get || rule.methods.is_empty())
                .then(|| (rule.specificity(), takes(rule, method)))
        };
        let fits = |rule: &&RouteSpec| {
            rule.host.as_ref().is_none_or(|pattern| pattern.matches(host)) && rule.path.captures(path).is_some()
        };
        let ranked = rules.iter().filter(fits).filter_map(|rule| Some((rank(rule)?, rule)));
        ranked.max_by(|(one, _), (other, _)| one.cmp(other)).map(|(_, rule)| rule)
    }

    fn any_rule() -> impl Strategy<Value = RouteSpec> {
        let host = prop::sample::select(vec!["", "", "a.x", "b.a.x", "*.x", "*.a.x"]);
        let segment = prop::sample::select(vec!["a", "b", "c", "{}", "{}"]);
        let tail = prop::sample::select(vec!["", "", "/{*t}"]);
        let methods = prop::sample::select(vec!["", "GET", "POST", "GET POST", "HEAD"]);
        (host, prop::collection::vec(segment, 0..4), tail, methods).prop_map(|(host, segments, tail, methods)| {
            let numbered =
                segments.iter().enumerate().map(|(i, s)| format!("/{}", s.replace("{}", &format!("{{p{i}}}"))));
            let path = numbered.collect::<String>() + tail;
            rule(host, if path.is_empty() { "/" } else { &path }, methods)
        })
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
        ) {
            let rules = without_ties(rules);
            prop_assert_eq!(check_ties(&rules), Ok(()));
            let (router, method) = (router_of(&rules), method.parse().unwrap());
            let Ok(canonical) = CanonicalPath::parse(&path) else { return Ok(()) };
            let found = match router.find(host, &canonical, &method) {
                Found::Rule(rule) => Some(rule.spec.clone()),
                Found::NoRule | Found::MethodNotAllowed(_) => None,
            };
            prop_assert_eq!(found.as_ref(), model(&rules, host, &path, &method));
        }
    }
}
