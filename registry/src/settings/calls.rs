//! How a service calls others: how long, how often, how many at once, and what then.
//!
//! [`BreakerSettings`] and [`RetrySettings`] of a service hold for all its calls;
//! [`CallSettings`] say otherwise for one target. [`Settings::call_rules`] puts both together.
//! The words of the breaker are those of opossum (Node.js), whose defaults are: `timeout` 10 s,
//! `errorThresholdPercentage` 50, `resetTimeout` 30 s, `rollingCountTimeout` 10 s in 10 buckets,
//! `volumeThreshold` 0.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Settings;
use super::call_target::CallTarget;
use super::fallback::Fallback;
use crate::name::ServiceName;
use crate::units::duration_text;
use crate::wit::FunctionName;

/// When a target that fails is left alone for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BreakerSettings {
    /// Opens when more than this percentage of the calls in `window` failed; 100 is never.
    /// opossum's number.
    pub error_threshold: u32,
    /// Stays closed below this many calls in `window`. opossum has 0, where the first failure of
    /// a quiet service opens the breaker; ten calls are one every second of the window.
    pub volume_threshold: u32,
    /// How far back calls count, in ten steps. opossum's number.
    #[serde(with = "duration_text")]
    pub window: Duration,
    /// How long an open breaker refuses calls before it lets one try. opossum's number.
    #[serde(with = "duration_text")]
    pub reset_timeout: Duration,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self {
            error_threshold: 50,
            volume_threshold: 10,
            window: Duration::from_secs(10),
            reset_timeout: Duration::from_secs(30),
        }
    }
}

/// How often a failed call is tried again, if trying again is safe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetrySettings {
    /// Attempts in all, the first included: 1 is no retry. Two, since a third attempt rarely
    /// finds what the second did not.
    pub attempts: u32,
    /// The longest pause before the second attempt; it doubles before each further one. Long
    /// enough for a swap of the target, short against the three seconds of a call.
    #[serde(with = "duration_text")]
    pub backoff: Duration,
    /// Retries as a share of calls: what retries may add to the load of a target that fails.
    /// A fifth, as in finagle's and linkerd's retry budgets.
    pub budget: f64,
}

impl RetrySettings {
    /// The longest pause between two attempts, and the longest that it may begin with: a third
    /// of the three seconds that a call has by default.
    pub const LONGEST_BACKOFF: Duration = Duration::from_secs(1);
}

impl Default for RetrySettings {
    fn default() -> Self {
        Self { attempts: 2, backoff: Duration::from_millis(50), budget: 0.2 }
    }
}

/// How many calls to one target may be under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BulkheadSettings {
    /// Calls at once, so that one slow target cannot hold every instance of its caller.
    pub concurrency: u32,
    /// Calls that may wait for their turn, within their deadline; one more fails at once.
    #[serde(default = "BulkheadSettings::default_queue")]
    pub queue: u32,
}

impl BulkheadSettings {
    /// Nobody waits: who says how many may call at once means the others to fail fast.
    pub fn default_queue() -> u32 {
        0
    }
}

/// What a service says about its calls to one target.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CallSettings {
    /// Which service is called, where several export the interface.
    pub service: Option<ServiceName>,
    /// How long a call may take in all: waiting for its turn, retries and pauses included.
    /// `None`: as long as its caller has left, which is never exceeded anyway.
    #[serde(with = "duration_text::option")]
    pub timeout: Option<Duration>,
    /// Functions that may be called twice where once was meant. Of HTTP, the method says it.
    pub idempotent: Vec<FunctionName>,
    /// `None`: the service's own.
    pub retry: Option<RetrySettings>,
    /// `None`: the service's own.
    pub breaker: Option<BreakerSettings>,
    /// `None`: as many as the caller has invocations.
    pub bulkhead: Option<BulkheadSettings>,
    /// What stands in for a call that failed.
    pub fallback: Vec<Fallback>,
}

/// What holds for the calls of one service to one target.
#[derive(Clone, Debug, PartialEq)]
pub struct CallRules {
    /// As in [`CallSettings::service`].
    pub service: Option<ServiceName>,
    /// As in [`CallSettings::timeout`].
    pub timeout: Option<Duration>,
    /// As in [`CallSettings::idempotent`].
    pub idempotent: Vec<FunctionName>,
    /// The target's own, else the service's.
    pub retry: RetrySettings,
    /// The target's own, else the service's.
    pub breaker: BreakerSettings,
    /// As in [`CallSettings::bulkhead`].
    pub bulkhead: Option<BulkheadSettings>,
    /// As in [`CallSettings::fallback`].
    pub fallback: Vec<Fallback>,
}

impl Settings {
    /// What holds for calls to `target`, whether or not something was said about it. What was
    /// said about one version of an interface goes before what was said about all of them.
    pub fn call_rules(&self, target: &CallTarget) -> CallRules {
        let own = self.calls.get(target).or_else(|| {
            let meant = self.calls.iter().find(|(key, _)| key.covers(target));
            meant.map(|(_, settings)| settings)
        });
        let own = own.cloned().unwrap_or_default();
        CallRules {
            service: own.service,
            timeout: own.timeout,
            idempotent: own.idempotent,
            retry: own.retry.unwrap_or_else(|| self.retry.clone()),
            breaker: own.breaker.unwrap_or_else(|| self.breaker.clone()),
            bulkhead: own.bulkhead,
            fallback: own.fallback,
        }
    }
}

impl CallRules {
    /// Whether a call of this function may be made twice.
    pub fn is_idempotent(&self, function: &str) -> bool {
        self.idempotent.iter().any(|name| name.as_str() == function)
    }

    /// What stands in for a failed call of this function: its own value, else another service.
    pub fn fallback_of(&self, function: &str) -> Option<&Fallback> {
        let own =
            |fallback: &&Fallback| matches!(fallback, Fallback::Value { function: of, .. } if of.as_str() == function);
        self.fallback.iter().find(own).or_else(|| self.fallback_service())
    }

    /// The service that stands in for every failed call.
    pub fn fallback_service(&self) -> Option<&Fallback> {
        self.fallback.iter().find(|fallback| matches!(fallback, Fallback::Service { .. }))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn settings(json: serde_json::Value) -> Settings {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn what_is_said_about_one_target_holds_for_none() {
        let settings = settings(json!({
            "breaker": {"volume_threshold": 3},
            "retry": {"attempts": 4},
            "calls": {
                "shop:inventory/stock": {"timeout": "2s", "retry": {"attempts": 1}},
                "shop:inventory/stock@2.0.0": {"timeout": "1s", "bulkhead": {"concurrency": 8}},
                "inventory": {"timeout": "5s"},
            },
        }));
        let rules = |target: &str| settings.call_rules(&target.parse().unwrap());
        let first = rules("shop:inventory/stock@1.0.0");
        assert_eq!((first.timeout, first.retry.attempts), (Some(Duration::from_secs(2)), 1));
        assert_eq!((first.breaker.volume_threshold, first.breaker.error_threshold), (3, 50));
        let second = rules("shop:inventory/stock@2.0.0");
        assert_eq!((second.timeout, second.retry.attempts), (Some(Duration::from_secs(1)), 4));
        assert_eq!(second.bulkhead, Some(BulkheadSettings { concurrency: 8, queue: 0 }));
        assert_eq!(rules("inventory").timeout, Some(Duration::from_secs(5)));
        let unmentioned = rules("shop:users/directory@1.0.0");
        assert_eq!((unmentioned.timeout, unmentioned.retry.attempts, unmentioned.bulkhead), (None, 4, None));
    }

    #[test]
    fn a_fallback_stands_in_for_another_function() {
        let settings = settings(json!({"calls": {"a:b/c": {
            "idempotent": ["get"],
            "fallback": [{"service": "spare"}, {"function": "get", "value": {"id": "{id}"}}],
        }}}));
        let rules = settings.call_rules(&"a:b/c@1.0.0".parse().unwrap());
        assert!(matches!(rules.fallback_of("get"), Some(Fallback::Value { .. })));
        assert!(matches!(rules.fallback_of("put"), Some(Fallback::Service { service }) if service.as_str() == "spare"));
        assert_eq!(settings.call_rules(&"a:b/d".parse().unwrap()).fallback_of("get"), None);
        assert!(rules.is_idempotent("get") && !rules.is_idempotent("put"));
    }

    #[test]
    fn calls_change_on_their_way_through_json() {
        let calls = json!({"a:b/c": {
            "service": "inventory", "timeout": "2s", "idempotent": ["get"],
            "retry": {"attempts": 3, "backoff": "10ms", "budget": 0.5},
            "breaker": {"error_threshold": 10, "volume_threshold": 1, "window": "1s", "reset_timeout": "5s"},
            "bulkhead": {"concurrency": 2, "queue": 1},
            "fallback": [{"function": "get", "value": {"ok": null}}, {"service": "spare"}],
        }});
        let before = settings(json!({"calls": calls}));
        let text = serde_json::to_value(&before).unwrap();
        assert_eq!(text["calls"], calls);
        assert_eq!(settings(text), before);
        for (bad, expected) in [
            (json!({"calls": {"a:b/c": {"timeouts": "2s"}}}), "unknown field `timeouts`"),
            (json!({"calls": {"A_b": {}}}), "is not a service name"),
            (json!({"calls": {"a:b": {}}}), "is not an interface"),
            (json!({"breaker": {"threshold": 1}}), "unknown field `threshold`"),
        ] {
            let error = serde_json::from_value::<Settings>(bad).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
