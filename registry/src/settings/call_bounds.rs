//! Which settings of calls make sense. Every bound has its reason, and the reason is in the message.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::bounds::{COUNT, OutOfBounds, QUEUE, TIME, number, time, within};
use super::{BreakerSettings, BulkheadSettings, CallSettings, CallTarget, Fallback, RetrySettings, Settings};
use crate::name::ServiceName;

const PERCENT: RangeInclusive<u32> = 0..=100;
const ATTEMPTS: RangeInclusive<u32> = 1..=10;
const SHARE: RangeInclusive<f64> = 0.0..=1.0;
const HOUR: Duration = Duration::from_secs(60 * 60);
const WINDOW: RangeInclusive<Duration> = Duration::from_millis(100)..=HOUR;
const RESET: RangeInclusive<Duration> = Duration::from_millis(1)..=HOUR;

impl Settings {
    pub(super) fn check_calls(&self) -> Vec<OutOfBounds> {
        let mut found = breaker("breaker", &self.breaker);
        found.extend(retry("retry", &self.retry));
        let own = found.clone();
        for (target, settings) in &self.calls {
            let section = section(target);
            let inherited = |problem: &OutOfBounds| own.iter().any(|own| is_inherited(&section, problem, own));
            found.extend(call(&section, settings).into_iter().filter(|problem| !inherited(problem)));
            found.extend(fallbacks(&section, &settings.fallback));
            if let CallTarget::Upstream(service) = target {
                found.extend(upstream(&section, service, settings));
                found.extend(self.check_grant(&section, service));
            }
        }
        found
    }

    fn check_grant(&self, section: &str, service: &ServiceName) -> Option<OutOfBounds> {
        let problem = || OutOfBounds {
            field: section.to_owned(),
            message: format!("`{section}` is about http://{service}/, which this service may not reach"),
            help: format!("add `{service}` to `grants.services`, or name an interface, as in `shop:inventory/stock`"),
        };
        (!self.grants.services.contains(service)).then(problem)
    }
}

/// Whether what is wrong in the section of a call is what is wrong above it: what is not said there is taken from the
/// service's own, and told of once.
fn is_inherited(section: &str, problem: &OutOfBounds, own: &OutOfBounds) -> bool {
    let what = |problem: &OutOfBounds| problem.message.replacen(&problem.field, "", 1);
    problem.field == format!("{section}.{}", own.field) && what(problem) == what(own)
}

/// The section of one target as TOML writes it: an interface needs quotes.
fn section(target: &CallTarget) -> String {
    match target {
        CallTarget::Interface(interface) => format!("calls.\"{interface}\""),
        CallTarget::Upstream(service) => format!("calls.{service}"),
        CallTarget::Named(name) => format!("calls.{name}"),
    }
}

fn call(section: &str, settings: &CallSettings) -> Vec<OutOfBounds> {
    let timeout = settings.timeout.and_then(|timeout| {
        let reason = "a call needs some time, and one that never ends would hold its caller for ever";
        time(&format!("{section}.timeout"), timeout, TIME, reason)
    });
    let mut found: Vec<OutOfBounds> = timeout.into_iter().collect();
    found.extend(settings.breaker.iter().flat_map(|own| breaker(&format!("{section}.breaker"), own)));
    found.extend(settings.retry.iter().flat_map(|own| retry(&format!("{section}.retry"), own)));
    found.extend(settings.bulkhead.iter().flat_map(|own| bulkhead(&format!("{section}.bulkhead"), own)));
    found
}

pub(crate) fn breaker(section: &str, breaker: &BreakerSettings) -> Vec<OutOfBounds> {
    let key = |key: &str| format!("{section}.{key}");
    let found = [
        number(
            &key("error_threshold"),
            breaker.error_threshold,
            PERCENT,
            "it is the percentage of failed calls above which the breaker opens; 100 keeps it closed",
        ),
        number(
            &key("volume_threshold"),
            breaker.volume_threshold,
            QUEUE,
            "a breaker that waits for more calls than this in one window never opens",
        ),
        time(
            &key("window"),
            breaker.window,
            WINDOW,
            "a shorter window sees too few calls to judge, a longer one remembers what is mended",
        ),
        time(
            &key("reset_timeout"),
            breaker.reset_timeout,
            RESET,
            "a breaker that is open for no time refuses nothing, one that stays open for ever never recovers",
        ),
    ];
    found.into_iter().flatten().collect()
}

pub(crate) fn retry(section: &str, retry: &RetrySettings) -> Vec<OutOfBounds> {
    let key = |key: &str| format!("{section}.{key}");
    let found = [
        number(
            &key("attempts"),
            retry.attempts,
            ATTEMPTS,
            "it counts the first attempt too, so 1 is no retry; many retries keep a failing target from recovering",
        ),
        time(
            &key("backoff"),
            retry.backoff,
            Duration::ZERO..=RetrySettings::LONGEST_BACKOFF,
            "the pauses come out of the caller's own time; zero tries again at once",
        ),
        within(
            &key("budget"),
            retry.budget,
            &SHARE,
            |share| share.to_string(),
            "it is the share of calls that may be retried: 0.2 lets two of ten be tried again",
        ),
    ];
    found.into_iter().flatten().collect()
}

pub(crate) fn bulkhead(section: &str, bulkhead: &BulkheadSettings) -> Vec<OutOfBounds> {
    let found = [
        number(
            &format!("{section}.concurrency"),
            bulkhead.concurrency,
            COUNT,
            "without a place no call is made; leave the bulkhead away for no limit of its own",
        ),
        number(&format!("{section}.queue"), bulkhead.queue, QUEUE, "each waiting call holds an instance of its caller"),
    ];
    found.into_iter().flatten().collect()
}

/// One fallback for each function and one service at most: of two, one would never be used.
fn fallbacks(section: &str, fallbacks: &[Fallback]) -> Vec<OutOfBounds> {
    let same = |one: &Fallback, other: &Fallback| match (one, other) {
        (Fallback::Value { function: one, .. }, Fallback::Value { function: other, .. }) => one == other,
        (Fallback::Service { .. }, Fallback::Service { .. }) => true,
        _ => false,
    };
    let again = fallbacks.iter().enumerate().filter(|(at, fallback)| {
        let mut before = fallbacks.iter().take(*at);
        before.any(|earlier| same(earlier, fallback))
    });
    let problem = |(_, fallback): (usize, &Fallback)| {
        let which = match fallback {
            Fallback::Value { function, .. } => format!("two values for `{function}`"),
            Fallback::Service { .. } => "two services".to_owned(),
        };
        OutOfBounds {
            field: format!("{section}.fallback"),
            message: format!("`{section}.fallback` has {which}"),
            help: "the second would never be used; remove one of them".to_owned(),
        }
    };
    again.map(problem).collect()
}

/// HTTP has no functions, and its target is in its name.
fn upstream(section: &str, service: &ServiceName, settings: &CallSettings) -> Vec<OutOfBounds> {
    let valued = settings.fallback.iter().any(|fallback| matches!(fallback, Fallback::Value { .. }));
    let itself = settings.fallback.iter().any(|fallback| *fallback == Fallback::Service { service: service.clone() });
    let problem = |key: &str, message: &str, help: &str| OutOfBounds {
        field: format!("{section}.{key}"),
        message: format!("`{section}.{key}` {message}"),
        help: help.to_owned(),
    };
    let found = [
        settings.service.as_ref().map(|_| {
            problem(
                "service",
                "says again whom the section's name says",
                "remove it; the name of the section is the service",
            )
        }),
        (!settings.idempotent.is_empty()).then(|| {
            problem(
                "idempotent",
                "names functions, and HTTP has none",
                "remove it; of HTTP requests the method says it, as GET does",
            )
        }),
        valued.then(|| {
            problem(
                "fallback",
                "answers for a function, and HTTP has none",
                "name another service, as in `{ service = \"spare\" }`",
            )
        }),
        itself.then(|| problem("fallback", "is the service that failed", "name another one")),
    ];
    found.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn problems(settings: serde_json::Value) -> Vec<String> {
        let settings: Settings = serde_json::from_value(settings).unwrap();
        let problems = settings.check().err().map(|error| error.problems).unwrap_or_default();
        problems.into_iter().map(|problem| format!("{}: {}", problem.field, problem.message)).collect()
    }

    /// The problems of one section about the interface `a:b/c`.
    fn call_problems(call: serde_json::Value) -> Vec<String> {
        problems(json!({"calls": {"a:b/c": call}}))
    }

    #[test]
    fn good_settings_of_calls_are_refused() {
        let all = json!({"timeout": "2s", "idempotent": ["get"], "bulkhead": {"concurrency": 1},
            "retry": {"attempts": 1, "backoff": "0s", "budget": 0.0}, "breaker": {"error_threshold": 100, "volume_threshold": 0},
            "fallback": [{"function": "get", "value": 1}, {"function": "put", "value": 1}, {"service": "spare"}]});
        assert_eq!(call_problems(all), Vec::<String>::new());
        let upstream = json!({"grants": {"services": ["b"]}, "calls": {"b": {"fallback": [{"service": "c"}]}}});
        assert_eq!(problems(upstream), Vec::<String>::new());
    }

    #[test]
    fn a_number_without_sense_is_accepted() {
        for (call, expected) in [
            (json!({"timeout": "0s"}), "timeout` is 0s, but must be from 1ms to 24h"),
            (
                json!({"breaker": {"error_threshold": 101}}),
                "breaker.error_threshold` is 101, but must be from 0 to 100",
            ),
            (
                json!({"breaker": {"volume_threshold": 65_537}}),
                "breaker.volume_threshold` is 65537, but must be from 0 to 65536",
            ),
            (json!({"breaker": {"window": "99ms"}}), "breaker.window` is 99ms, but must be from 100ms to 1h"),
            (json!({"breaker": {"reset_timeout": "0s"}}), "breaker.reset_timeout` is 0s, but must be from 1ms to 1h"),
            (json!({"retry": {"attempts": 0}}), "retry.attempts` is 0, but must be from 1 to 10"),
            (json!({"retry": {"backoff": "2s"}}), "retry.backoff` is 2s, but must be from 0s to 1s"),
            (json!({"retry": {"budget": 1.5}}), "retry.budget` is 1.5, but must be from 0 to 1"),
            (json!({"bulkhead": {"concurrency": 0}}), "bulkhead.concurrency` is 0, but must be from 1 to 65536"),
            (
                json!({"bulkhead": {"concurrency": 1, "queue": 65_537}}),
                "bulkhead.queue` is 65537, but must be from 0 to 65536",
            ),
        ] {
            let (key, _) = expected.split_once('`').unwrap();
            assert_eq!(call_problems(call), [format!("calls.\"a:b/c\".{key}: `calls.\"a:b/c\".{expected}")]);
        }
        let mut own = json!({"breaker": {"error_threshold": 200}, "retry": {"attempts": 11}});
        assert_eq!(problems(own.clone()).len(), 2);
        // inherited, except for what the call says itself
        own["calls"] =
            json!({"a:b/c": {"breaker": {"error_threshold": 200, "window": "1ms"}, "retry": {"attempts": 12}}});
        let fields: Vec<String> = problems(own).iter().map(|told| told.split(':').next().unwrap().to_owned()).collect();
        assert_eq!(fields, ["breaker.error_threshold", "retry.attempts", "calls.\"a", "calls.\"a"]);
    }

    #[test]
    fn a_fallback_that_is_never_used_is_accepted() {
        let twice = json!({"fallback": [{"function": "get", "value": 1}, {"function": "get", "value": 2}]});
        assert_eq!(
            call_problems(twice),
            ["calls.\"a:b/c\".fallback: `calls.\"a:b/c\".fallback` has two values for `get`"]
        );
        let services = json!({"fallback": [{"service": "x"}, {"service": "y"}]});
        assert_eq!(call_problems(services), ["calls.\"a:b/c\".fallback: `calls.\"a:b/c\".fallback` has two services"]);
    }

    #[test]
    fn http_by_name_takes_settings_of_typed_calls() {
        let call = json!({"service": "x", "idempotent": ["get"], "fallback": [{"function": "get", "value": 1}, {"service": "b"}]});
        assert_eq!(
            problems(json!({"grants": {"services": ["b"]}, "calls": {"b": call}})),
            [
                "calls.b.service: `calls.b.service` says again whom the section's name says",
                "calls.b.idempotent: `calls.b.idempotent` names functions, and HTTP has none",
                "calls.b.fallback: `calls.b.fallback` answers for a function, and HTTP has none",
                "calls.b.fallback: `calls.b.fallback` is the service that failed",
            ]
        );
        assert_eq!(
            problems(json!({"calls": {"b": {}}})),
            ["calls.b: `calls.b` is about http://b/, which this service may not reach"]
        );
    }
}
