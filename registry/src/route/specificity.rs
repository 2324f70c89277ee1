//! Which of two rules is more specific, and which two cannot both stand.

use std::cmp::Reverse;

use http::Method;

use super::{PathPattern, RouteSpec, Segment};
use crate::host::HostPattern;

/// How closely a rule describes the requests that it wants; the greater one wins. Compared in
/// this order: host, then the path's segments from left to right, then how many conditions it has
/// on header fields and query, then methods.
///
/// Two rules that match one request compare equal only if they tie in the sense of
/// [`RouteSpec::conflicts_with`] or share no method.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Specificity {
    host: HostRank,
    path: Vec<SegmentRank>,
    conditions: usize,
    methods: MethodsRank,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum HostRank {
    Any,
    /// A longer domain describes fewer hosts.
    Below {
        labels: usize,
    },
    Exact,
}

/// A path that ends is closer than a tail that may be empty: `/users` beats `/users/{*rest}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum SegmentRank {
    Tail,
    End,
    Parameter,
    Literal,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum MethodsRank {
    Any,
    Listed,
}

impl RouteSpec {
    /// How specific this rule is.
    pub fn specificity(&self) -> Specificity {
        Specificity {
            host: host_rank(self.host.as_ref()),
            path: path_rank(&self.path),
            conditions: self.when.count(),
            methods: methods_rank(&self.methods),
        }
    }

    /// Whether some request matches both rules and neither is more specific: the same host, the
    /// same path but for the names in it, a method in common, and as many conditions that do not
    /// exclude each other. Such a tie is refused rather than decided by the order of a file, because
    /// the order of two files means nothing.
    pub fn conflicts_with(&self, other: &Self) -> bool {
        self.host == other.host
            && self.path.same_shape(&other.path)
            && methods_tie(&self.methods, &other.methods)
            && self.when.count() == other.when.count()
            && !self.when.exclude(&other.when)
    }
}

/// Puts the most specific rule first. Among equals the order stays.
pub fn sort_by_specificity(routes: &mut [RouteSpec]) {
    routes.sort_by_cached_key(|route| Reverse(route.specificity()));
}

fn host_rank(host: Option<&HostPattern>) -> HostRank {
    match host {
        None => HostRank::Any,
        Some(HostPattern::Below(domain)) => HostRank::Below { labels: domain.split('.').count() },
        Some(HostPattern::Exact(_)) => HostRank::Exact,
    }
}

fn path_rank(path: &PathPattern) -> Vec<SegmentRank> {
    let rank = |segment: &Segment| match segment {
        Segment::Literal(_) => SegmentRank::Literal,
        Segment::Parameter(_) => SegmentRank::Parameter,
        Segment::Tail(_) => SegmentRank::Tail,
    };
    let ranks = path.segments().iter().map(rank);
    let open = matches!(path.segments().last(), Some(Segment::Tail(_)));
    ranks.chain((!open).then_some(SegmentRank::End)).collect()
}

fn methods_rank(methods: &[Method]) -> MethodsRank {
    if methods.is_empty() { MethodsRank::Any } else { MethodsRank::Listed }
}

/// Rules with and without methods never tie: the one with methods is more specific.
fn methods_tie(one: &[Method], other: &[Method]) -> bool {
    (one.is_empty() && other.is_empty()) || one.iter().any(|method| other.contains(method))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::route::{Origin, Target};

    fn route(host: &str, path: &str, methods: &str) -> RouteSpec {
        let (target, origin) = (Target::Service("users".parse().unwrap()), Origin::Manifest("shop".to_owned()));
        RouteSpec {
            host: (!host.is_empty()).then(|| host.parse().unwrap()),
            methods: methods.split_whitespace().map(|method| method.parse().unwrap()).collect(),
            ..RouteSpec::new(path.parse().unwrap(), target, origin)
        }
    }

    fn beta(route: RouteSpec) -> RouteSpec {
        let headers = [("x-beta".parse().unwrap(), crate::route::Wanted::Any)].into();
        RouteSpec { when: crate::route::Conditions { headers, ..Default::default() }, ..route }
    }

    #[test]
    fn the_less_specific_rule_wins() {
        let ordered = [
            route("a.test", "/{*rest}", ""),
            route("*.x.test", "/users", ""),
            route("*.test", "/users", ""),
            route("", "/users/new/{*rest}", ""),
            route("", "/users/{id}/orders", ""),
            beta(route("", "/users/{id}", "")),
            route("", "/users/{id}", "GET"),
            route("", "/users/{id}", ""),
            route("", "/users", ""),
            route("", "/users/{*rest}", "GET"),
            route("", "/users/{*rest}", ""),
            route("", "/{service}/all", ""),
            route("", "/", ""),
            route("", "/{*rest}", ""),
        ];
        for pair in ordered.windows(2) {
            assert!(pair[0].specificity() > pair[1].specificity(), "{pair:?}");
        }
        let mut shuffled: Vec<_> = ordered.iter().rev().cloned().collect();
        sort_by_specificity(&mut shuffled);
        assert_eq!(shuffled, ordered);
    }

    #[test]
    fn a_tie_is_not_seen() {
        let base = route("", "/users/{id}", "GET POST");
        assert!(base.conflicts_with(&route("", "/users/{user}", "POST PUT")));
        assert!(beta(base.clone()).conflicts_with(&beta(route("", "/users/{user}", "POST"))));
        assert!(route("*.test", "/", "").conflicts_with(&route("*.TEST", "/", "")));
        for other in [
            route("", "/users/{id}", "PUT"),
            route("", "/users/{id}", ""),
            route("", "/users/{*id}", "GET"),
            route("", "/users/me", "GET"),
            route("a.test", "/users/{id}", "GET"),
            beta(route("", "/users/{id}", "GET")),
        ] {
            assert!(!base.conflicts_with(&other), "{other:?}");
        }
    }

    fn any_route() -> impl Strategy<Value = RouteSpec> {
        let host = prop::sample::select(vec!["", "a.x", "b.a.x", "*.x", "*.a.x"]);
        let path = "(/(a|b|\\{P\\})){0,3}(/\\{\\*T\\})?";
        let methods = prop::sample::select(vec!["", "GET", "POST", "GET POST"]);
        (host, path, methods).prop_map(|(host, path, methods)| route(host, &unique_names(&path), methods))
    }

    fn unique_names(path: &str) -> String {
        let numbered = |(index, segment): (usize, &str)| segment.replace('P', &format!("p{index}"));
        let path = path.split('/').enumerate().map(numbered).collect::<Vec<_>>().join("/");
        if path.is_empty() { "/".to_owned() } else { path }
    }

    fn matches(route: &RouteSpec, host: &str, path: &str, method: &str) -> bool {
        route.host.as_ref().is_none_or(|pattern| pattern.matches(host))
            && route.path.captures(path).is_some()
            && (route.methods.is_empty() || route.methods.iter().any(|known| known == method))
    }

    proptest! {
        #[test]
        fn specificity_is_no_total_order(a in any_route(), b in any_route(), c in any_route()) {
            let (a, b, c) = (a.specificity(), b.specificity(), c.specificity());
            prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
            prop_assert!(!(a <= b && b <= c) || a <= c);
        }

        #[test]
        fn a_request_has_two_best_rules_that_do_not_conflict(
            one in any_route(),
            other in any_route(),
            host in prop::sample::select(vec!["a.x", "b.a.x", "x"]),
            path in "(/(a|b|c)){0,4}/?",
            method in prop::sample::select(vec!["GET", "POST"]),
        ) {
            let both = matches(&one, host, &path, method) && matches(&other, host, &path, method);
            let tie = both && one.specificity() == other.specificity();
            prop_assert!(!tie || one.conflicts_with(&other));
            prop_assert_eq!(one.conflicts_with(&other), other.conflicts_with(&one));
            prop_assert!(!one.conflicts_with(&other) || one.specificity() == other.specificity());
        }
    }
}
