//! Gateway rules as data: which requests go where.
//!
//! | module | holds |
//! | --- | --- |
//! | [`pattern`] | path patterns and what matching means |
//! | [`conditions`] | what else a rule asks of a request |
//! | [`policy`] | what stands between a rule and a target that fails |
//! | [`rewrite`] | the path that the target sees |
//! | [`specificity`] | which of two matching rules wins, and which two are refused together |
//! | [`targets`] | who answers |
//! | [`ties`] | what is said of two that are refused together |
//! | [`authority`], [`canonical`] | the one host and the one path of a request |
//! | [`router`] | which rule a request belongs to |
//! | [`explain`] | why, for people |
//!
//! Everything here is pure.

use std::time::Duration;

use http::Method;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::gateway::Chain;
use crate::host::HostPattern;
use crate::name::ServiceName;
use crate::nearest::nearest;
use crate::settings::bounds::TIME;
use crate::units::{ByteSize, duration_text, format_duration};

pub mod authority;
pub mod canonical;
pub mod conditions;
pub mod explain;
pub mod pattern;
pub mod policy;
pub mod rewrite;
pub mod router;
pub mod specificity;
pub mod targets;
pub mod ties;

pub use canonical::CanonicalPath;
pub use conditions::{Conditions, Wanted};
pub use explain::{Step, explain};
pub use pattern::{PathPattern, Segment};
pub use policy::RoutePolicy;
pub use rewrite::Rewrite;
pub use router::{Found, Head, Router};
pub use specificity::{Specificity, sort_by_specificity};
pub use targets::{FixedAnswer, FunctionTarget, Redirect, Target};
pub use ties::check_ties;

/// The methods that a rule can name. `CONNECT` and `TRACE` never reach a service; a rule without
/// methods takes all others, also those that are not listed here.
pub const METHODS: [Method; 7] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];

/// One rule. In JSON its rewrite is checked against its path.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct RouteSpec {
    /// The hosts it is for; `None`: all.
    pub host: Option<HostPattern>,
    /// The paths it is for.
    pub path: PathPattern,
    /// The methods it is for; empty: all.
    #[serde(with = "methods_text")]
    pub methods: Vec<Method>,
    /// What else a request must have.
    #[serde(skip_serializing_if = "Conditions::is_empty")]
    pub when: Conditions,
    /// The path that the target sees; `None`: the one that was asked for.
    pub rewrite: Option<Rewrite>,
    /// Who answers.
    pub target: Target,
    /// Wall time of the whole request; `None`: the target's own timeout.
    #[serde(with = "duration_text::option")]
    pub timeout: Option<Duration>,
    /// Largest request body; `None`: the gateway's limit.
    pub body_limit: Option<ByteSize>,
    /// What a request goes through before it is handed over.
    #[serde(skip_serializing_if = "Chain::is_empty")]
    pub chain: Chain,
    /// What happens when the target is slow, full or down.
    #[serde(skip_serializing_if = "RoutePolicy::is_empty")]
    pub policy: RoutePolicy,
    /// Who owns the rule, and takes it away by leaving.
    pub origin: Origin,
}

/// A rule as JSON has it, before its parts are checked against each other.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    #[serde(default)]
    host: Option<HostPattern>,
    path: PathPattern,
    #[serde(default, with = "methods_text")]
    methods: Vec<Method>,
    #[serde(default)]
    when: Conditions,
    #[serde(default)]
    rewrite: Option<Rewrite>,
    target: Target,
    #[serde(default, with = "duration_text::option")]
    timeout: Option<Duration>,
    #[serde(default)]
    body_limit: Option<ByteSize>,
    #[serde(default)]
    chain: Chain,
    #[serde(default)]
    policy: RoutePolicy,
    origin: Origin,
}

impl AsRef<Self> for RouteSpec {
    fn as_ref(&self) -> &Self {
        self
    }
}

/// Who owns a rule: deploying again replaces all rules of one owner.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// The manifest of this app.
    Manifest(String),
    /// The default rule of a service that was deployed without a manifest.
    Service(ServiceName),
}

/// What is wrong with a rule.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RouteError {
    /// A path that is no pattern.
    #[error(
        "`{text}` is not a path pattern: at character {at}, {reason}; write it as in `/users/{{id}}` or `/files/{{*rest}}`"
    )]
    Pattern {
        /// The text.
        text: String,
        /// Where, in characters, counted from one.
        at: usize,
        /// What is wrong.
        reason: &'static str,
    },
    /// A text that is no rewrite.
    #[error("`{text}` is not a rewrite: at character {at}, {reason}; write it as in `/users/{{id}}`")]
    Rewrite {
        /// The text.
        text: String,
        /// Where, in characters, counted from one.
        at: usize,
        /// What is wrong.
        reason: &'static str,
    },
    /// A name in the rewrite that the path does not have.
    #[error("the rewrite `{rewrite}` uses `{{{name}}}`, which the path `{pattern}` does not have; {hint}")]
    UnknownName {
        /// The template.
        rewrite: String,
        /// The name.
        name: String,
        /// The pattern.
        pattern: String,
        /// What to do.
        hint: String,
    },
    /// A timeout that no request could keep, or that would hold its resources for ever.
    #[error("a route's timeout is {}, but must be from {} to {}; write it as in `3s`", format_duration(*timeout), format_duration(*TIME.start()), format_duration(*TIME.end()))]
    Timeout {
        /// The timeout.
        timeout: Duration,
    },
    /// A target that cannot be.
    #[error("{message}")]
    Target {
        /// What is wrong with it.
        message: String,
    },
    /// A method that no rule can name.
    #[error("`{text}` is not a method that a rule can name: {hint}")]
    Method {
        /// The text.
        text: String,
        /// What to do.
        hint: String,
    },
}

impl RouteSpec {
    /// The rule of a service deployed without a manifest: `/S/{*rest}` rewritten to `/{rest}`.
    /// Since a tail may be empty it serves `/S` and `/S/` too, both as `/`.
    pub fn default_for(service: ServiceName) -> Self {
        let path = PathPattern::below(service.as_str(), "rest");
        let rewrite = Some(Rewrite::root("rest"));
        Self { rewrite, ..Self::new(path, Target::Service(service.clone()), Origin::Service(service)) }
    }

    /// A rule for all hosts and methods, with nothing between it and its target.
    pub fn new(path: PathPattern, target: Target, origin: Origin) -> Self {
        Self {
            host: None,
            path,
            methods: Vec::new(),
            when: Conditions::default(),
            rewrite: None,
            target,
            timeout: None,
            body_limit: None,
            chain: Chain::default(),
            policy: RoutePolicy::default(),
            origin,
        }
    }

    /// The services that it needs: those of its target, and those of what stands in for it.
    pub fn services(&self) -> impl Iterator<Item = &ServiceName> {
        self.target.services().chain(self.policy.fallback.iter().flat_map(|fallback| fallback.services()))
    }

    /// The services without which it has no answer: of what stands in for another, all.
    pub fn needs(&self) -> impl Iterator<Item = &ServiceName> {
        self.target.needs().chain(self.policy.fallback.iter().flat_map(|fallback| fallback.services()))
    }

    /// Checks what the types of the parts leave open.
    ///
    /// # Errors
    /// [`RouteError::UnknownName`] when the rewrite uses a name that the path does not have,
    /// [`RouteError::Timeout`] as [`check_timeout`], [`RouteError::Target`] when the target cannot be.
    pub fn check(&self) -> Result<(), RouteError> {
        self.rewrite.as_ref().map_or(Ok(()), |rewrite| rewrite.check(&self.path))?;
        self.target.check(&self.path)?;
        self.policy.check(&self.path)?;
        self.timeout.map_or(Ok(()), check_timeout)
    }
}

/// A route's timeout has the bounds of a service's.
///
/// # Errors
/// [`RouteError::Timeout`] for less than 1 ms or more than a day.
pub fn check_timeout(timeout: Duration) -> Result<(), RouteError> {
    if TIME.contains(&timeout) { Ok(()) } else { Err(RouteError::Timeout { timeout }) }
}

impl TryFrom<Unchecked> for RouteSpec {
    type Error = RouteError;

    fn try_from(raw: Unchecked) -> Result<Self, RouteError> {
        let Unchecked { host, path, methods, when, rewrite, target, timeout, body_limit, chain, policy, origin } = raw;
        let route = Self { host, path, methods, when, rewrite, target, timeout, body_limit, chain, policy, origin };
        route.check().map(|()| route)
    }
}

/// Reads one of [`METHODS`], in upper case as it stands in requests.
///
/// # Errors
/// [`RouteError::Method`], which names the nearest one.
pub fn parse_method(text: &str) -> Result<Method, RouteError> {
    METHODS.into_iter().find(|method| method == text).ok_or_else(|| {
        let upper = text.to_ascii_uppercase();
        let hint = match nearest(&upper, METHODS.iter().map(Method::as_str)) {
            Some(method) => format!("did you mean `{method}`?"),
            None => {
                "use one of GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS, or leave the list away for all".to_owned()
            }
        };
        RouteError::Method { text: text.to_owned(), hint }
    })
}

mod methods_text {
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    use super::{Method, parse_method};

    pub(super) fn serialize<S: Serializer>(methods: &[Method], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(methods.iter().map(Method::as_str))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Method>, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        texts.iter().map(|text| parse_method(text)).collect::<Result<_, _>>().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_service_without_a_manifest_cannot_be_reached() {
        let route = RouteSpec::default_for("users".parse().unwrap());
        assert_eq!(route.check(), Ok(()));
        for (path, seen) in [("/users", "/"), ("/users/", "/"), ("/users/7", "/7"), ("/users/a/b/", "/a/b/")] {
            let params = route.path.captures(path).unwrap();
            assert_eq!(route.rewrite.as_ref().unwrap().apply(&params), seen, "{path}");
        }
        assert_eq!(route.path.captures("/usersx"), None);
        assert_eq!(route.path, "/users/{*rest}".parse().unwrap());
        assert_eq!(route.rewrite, Some("/{rest}".parse().unwrap()));
    }

    #[test]
    fn a_rule_changes_on_its_way_through_json() {
        let json = r#"{"host":"*.example.com","path":"/api/{id}","methods":["GET"],"rewrite":"/{id}","target":{"service":"users"},"timeout":"3s","body_limit":"1MiB","origin":{"manifest":"shop"}}"#;
        let route: RouteSpec = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&route).unwrap(), json);
        let short = r#"{"path":"/users/{*rest}","rewrite":"/{rest}","target":{"service":"users"},"origin":{"service":"users"}}"#;
        let route: RouteSpec = serde_json::from_str(short).unwrap();
        assert_eq!(route, RouteSpec::default_for("users".parse().unwrap()));
    }

    #[test]
    fn json_brings_in_a_rule_that_cannot_work() {
        let error = |rewrite: &str, method: &str| {
            let json = format!(
                r#"{{"path":"/api/{{id}}","methods":["{method}"],"rewrite":"{rewrite}","target":{{"service":"users"}},"origin":{{"manifest":"shop"}}}}"#
            );
            serde_json::from_str::<RouteSpec>(&json).unwrap_err().to_string()
        };
        assert!(error("/{rest}", "GET").contains("uses `{rest}`, which the path `/api/{id}` does not have"));
        assert!(error("/{id}", "get").contains("`get` is not a method that a rule can name: did you mean `GET`?"));
        assert!(error("/{id}", "CONNECT").contains("use one of GET, HEAD"));
        let late = RouteSpec { timeout: Some(Duration::ZERO), ..RouteSpec::default_for("users".parse().unwrap()) };
        let error = serde_json::from_value::<RouteSpec>(serde_json::to_value(&late).unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "a route's timeout is 0s, but must be from 1ms to 24h; write it as in `3s`");
    }

    proptest! {
        #[test]
        fn a_printed_pattern_cannot_be_read_back(path in "(/([a-zü.]{1,5}|\\{[a-z]{1,4}\\})){0,4}(/\\{\\*T\\})?") {
            if let Ok(pattern) = path.parse::<PathPattern>() {
                prop_assert_eq!(pattern.to_string().parse(), Ok(pattern));
            }
        }

        #[test]
        fn a_checked_rewrite_fails_or_leaves_the_root(path in "(/[a-z%]{0,4}){0,4}", template in "(/([a-z]{1,3}|\\{(a|b|rest)\\})){1,3}") {
            let pattern: PathPattern = "/{a}/{b}/{*rest}".parse().unwrap();
            let rewrite: Rewrite = template.parse().unwrap();
            prop_assert_eq!(rewrite.check(&pattern), Ok(()));
            prop_assert_eq!(rewrite.to_string(), template);
            if let Some(params) = pattern.captures(&path) {
                let rewritten = rewrite.apply(&params);
                let filled = rewritten.starts_with('/') && !rewritten.contains('{');
                prop_assert!(filled, "{}", rewritten);
            }
        }
    }
}
