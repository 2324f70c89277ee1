//! Which rule a request belongs to: pure.
//!
//! Of all rules that match host, path, method *and* conditions, the most specific wins
//! ([`Specificity`](super::Specificity)). A rule that fits better but does not take the
//! method does not stand in the way of a wider one, as in Kong and Traefik: a team moves
//! `GET /users/{id}` to a service and the rest stays behind `/{*rest}`. Only when no rule takes
//! the method is the answer 405, with the methods of every rule that has all else.
//!
//! The trie is ours since matchit, which is faster on large tables, refuses rules of two apps
//! that name a parameter differently at one place, has no empty tails, and stops at the first
//! path that fits. Searching it depth first (literal, parameter, end, tail) visits rules from
//! the most specific on.

use std::collections::HashMap;
use std::sync::Arc;

use http::{HeaderMap, Method};

use super::canonical::CanonicalPath;
use super::{METHODS, RouteSpec, Segment};
use crate::host::HostPattern;

/// All rules, ready for matching. `R` is a rule with whatever else is kept with it.
#[derive(Debug)]
pub struct Router<R> {
    rules: Vec<Arc<R>>,
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

/// What of a request decides about its rule.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// The host that was asked for, without its port.
    pub host: &'a str,
    /// Its path.
    pub path: &'a CanonicalPath<'a>,
    /// Its method.
    pub method: &'a Method,
    /// Its fields, for conditions.
    pub headers: &'a HeaderMap,
    /// Its query, for conditions.
    pub query: Option<&'a str>,
}

/// What routing found.
#[derive(Debug)]
pub enum Found<'a, R> {
    /// This rule.
    Rule(&'a Arc<R>),
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

impl<R> Default for Router<R> {
    fn default() -> Self {
        Self { rules: Vec::new(), exact_hosts: HashMap::new(), domains: Vec::new(), any_host: Node::default() }
    }
}

impl<R: AsRef<RouteSpec>> Router<R> {
    /// Builds the table. Among rules that tie the first wins; [`check_ties`](super::check_ties) refuses ties.
    pub fn new(rules: Vec<R>) -> Self {
        let mut router = Self::default();
        for (index, rule) in rules.iter().map(AsRef::as_ref).enumerate() {
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

    /// Finds the rule for a request.
    pub fn find(&self, head: Head<'_>) -> Found<'_, R> {
        let mut search = Search { rules: &self.rules, head, allowed: Vec::new() };
        let for_host = self.for_host(head.host).find_map(|node| search.node(node, head.path.decoded()));
        match for_host.or_else(|| search.node(&self.any_host, head.path.decoded())) {
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
struct Search<'a, 'h, R> {
    rules: &'a [Arc<R>],
    head: Head<'h>,
    /// Methods of the rules that have all but the method.
    allowed: Vec<Method>,
}

impl<'a, R: AsRef<RouteSpec>> Search<'a, '_, R> {
    /// `left` is the path that is not matched yet; `None`: it has ended.
    fn node(&mut self, node: &Node, left: Option<&str>) -> Option<&'a Arc<R>> {
        let Some(left) = left else {
            return self.leaf(&node.end).or_else(|| self.leaf(&node.tail));
        };
        let (segment, rest) = left.split_once('/').map_or((left, None), |(segment, rest)| (segment, Some(rest)));
        let literal = node.literals.get(segment).and_then(|next| self.node(next, rest));
        let parameter = || node.parameter.as_deref().filter(|_| !segment.is_empty());
        literal.or_else(|| self.node(parameter()?, rest)).or_else(|| self.leaf(&node.tail))
    }

    /// Of the rules at one place whose conditions hold: the one with the most of them; of these the
    /// one that names the method, then the one for `GET` if it is `HEAD`, then the one for all.
    fn leaf(&mut self, rules: &[usize]) -> Option<&'a Arc<R>> {
        let (table, head) = (self.rules, self.head);
        let hold = |rule: &&'a Arc<R>| spec(rule).when.hold(head.headers, head.query);
        let fitting = || rules.iter().filter_map(|index| table.get(*index)).filter(hold);
        let ranked =
            fitting().filter_map(|rule| Some((spec(rule).when.count(), takes(spec(rule), head.method)?, rule)));
        let best = ranked.max_by_key(|(conditions, method, _)| (*conditions, *method));
        if best.is_none() {
            fitting().for_each(|rule| self.allow(spec(rule)));
        }
        best.map(|(.., rule)| rule)
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

fn spec<R: AsRef<RouteSpec>>(rule: &Arc<R>) -> &RouteSpec {
    rule.as_ref().as_ref()
}

/// How closely a rule's methods describe one; `None`: not at all.
fn takes(rule: &RouteSpec, method: &Method) -> Option<u8> {
    match *method {
        Method::CONNECT | Method::TRACE => None,
        _ if rule.methods.contains(method) => Some(3),
        Method::HEAD if rule.methods.contains(&Method::GET) => Some(2),
        _ => rule.methods.is_empty().then_some(1),
    }
}

#[cfg(test)]
mod tests;
