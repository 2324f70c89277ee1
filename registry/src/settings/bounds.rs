//! Which settings make sense. Every bound has its reason, and the reason is in the message.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use http::uri::PathAndQuery;
use thiserror::Error;

use super::{Health, Settings};
use crate::units::{ByteSize, format_duration};

/// One Wasm page, to what four gigabytes of 32-bit addresses reach.
const MEMORY: RangeInclusive<ByteSize> = ByteSize::kib(64)..=ByteSize::mib(4096);
/// From one tick of the engine's clock to a day.
pub(crate) const TIME: RangeInclusive<Duration> = Duration::from_millis(1)..=DAY;
const PROBE_INTERVAL: RangeInclusive<Duration> = Duration::from_millis(100)..=DAY;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
pub(super) const COUNT: RangeInclusive<u32> = 1..=MANY;
pub(super) const QUEUE: RangeInclusive<u32> = 0..=MANY;
const MANY: u32 = 65_536;
const REUSE: RangeInclusive<u32> = 1..=1_000_000;
const VALUE: RangeInclusive<ByteSize> = ByteSize::bytes(1)..=ByteSize::mib(64);

/// One setting that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutOfBounds {
    /// The key as in `holm.toml`, below the service: `limits.memory`, `calls."shop:inventory/stock".timeout`.
    pub field: String,
    /// What is wrong.
    pub message: String,
    /// Why there is a bound, and what to do.
    pub help: String,
}

/// All settings of a revision that make no sense.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct SettingsError {
    /// At least one.
    pub problems: Vec<OutOfBounds>,
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{}: {}", problem.message, problem.help)?;
        }
        Ok(())
    }
}

impl Settings {
    /// Checks every bound, and reports all that do not hold.
    ///
    /// # Errors
    /// [`SettingsError`], with one entry for each bad setting.
    pub fn check(&self) -> Result<(), SettingsError> {
        let checks =
            [self.check_instances(), self.check_limits(), self.check_health(), self.check_names(), self.check_calls()];
        let problems: Vec<_> = checks.into_iter().flatten().collect();
        if problems.is_empty() { Ok(()) } else { Err(SettingsError { problems }) }
    }

    fn check_instances(&self) -> Vec<OutOfBounds> {
        let instances = &self.instances;
        let found = [
            number(
                "reuse",
                self.reuse,
                REUSE,
                "an instance serves at least once, and must be replaced some day to bound what a leak costs",
            ),
            number(
                "instances.max",
                instances.max,
                COUNT,
                "without an instance nothing runs, and each one reserves memory of the host",
            ),
            number(
                "instances.warm",
                instances.warm,
                0..=instances.max,
                "no more instances can wait than may live (`instances.max`)",
            ),
            time(
                "instances.idle",
                instances.idle,
                Duration::ZERO..=DAY,
                "an instance unused for a day only holds memory",
            ),
            time(
                "timeout",
                self.timeout,
                TIME,
                "an invocation needs some time, and one that never ends would hold its permit for ever",
            ),
        ];
        found.into_iter().flatten().collect()
    }

    fn check_limits(&self) -> Vec<OutOfBounds> {
        let limits = &self.limits;
        let found = [
            size("limits.memory", limits.memory, MEMORY, "a component has at least one page, and addresses of 32 bits"),
            time("limits.cpu", limits.cpu, TIME, "CPU time is counted in ticks of a millisecond or more"),
            number(
                "limits.concurrency",
                limits.concurrency,
                COUNT,
                "without a permit nothing runs, and each invocation holds memory of the host",
            ),
            number("limits.queue", limits.queue, QUEUE, "each waiting request holds memory of the host"),
            size("limits.value", limits.value, VALUE, "a value is held in memory until it is committed"),
        ];
        found.into_iter().flatten().collect()
    }

    fn check_health(&self) -> Vec<OutOfBounds> {
        let Some(health) = &self.health else {
            return Vec::new();
        };
        let found = [
            probe_path(health),
            time(
                "health.interval",
                health.interval,
                PROBE_INTERVAL,
                "faster probes are load, slower ones find nothing",
            ),
            time("health.timeout", health.timeout, TIME, "a probe needs some time, and must end"),
        ];
        found.into_iter().flatten().collect()
    }

    /// Guests read secrets as they read config, so one name cannot be both.
    fn check_names(&self) -> Vec<OutOfBounds> {
        let both = self.grants.secrets.keys().filter(|name| self.config.contains_key(*name));
        let problem = |name: &String| OutOfBounds {
            field: "grants.secrets".to_owned(),
            message: format!("`{name}` is both a secret and a config key"),
            help: "the guest reads both by name in one place; rename one of them".to_owned(),
        };
        both.map(problem).collect()
    }
}

pub(super) fn number(field: &str, value: u32, range: RangeInclusive<u32>, reason: &str) -> Option<OutOfBounds> {
    within(field, value, &range, |value| value.to_string(), reason)
}

fn size(field: &str, value: ByteSize, range: RangeInclusive<ByteSize>, reason: &str) -> Option<OutOfBounds> {
    within(field, value, &range, |value| value.to_string(), reason)
}

pub(super) fn time(field: &str, value: Duration, range: RangeInclusive<Duration>, reason: &str) -> Option<OutOfBounds> {
    within(field, value, &range, format_duration, reason)
}

pub(super) fn within<T: PartialOrd + Copy>(
    field: &str,
    value: T,
    range: &RangeInclusive<T>,
    show: impl Fn(T) -> String,
    reason: &str,
) -> Option<OutOfBounds> {
    let (low, high) = (show(*range.start()), show(*range.end()));
    let problem = || OutOfBounds {
        field: field.to_owned(),
        message: format!("`{field}` is {}, but must be from {low} to {high}", show(value)),
        help: reason.to_owned(),
    };
    (!range.contains(&value)).then(problem)
}

fn probe_path(health: &Health) -> Option<OutOfBounds> {
    let valid = health.path.starts_with('/') && health.path.parse::<PathAndQuery>().is_ok();
    let problem = || OutOfBounds {
        field: "health.path".to_owned(),
        message: format!("`health.path` is `{}`, which is no path of the service", health.path),
        help: "the host asks its own service; write a path, as in `/health`".to_owned(),
    };
    (!valid).then(problem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Instances, Isolation, Secret};

    /// The problems after one change to the defaults, as `field: message`.
    fn problems(change: impl FnOnce(&mut Settings)) -> Vec<String> {
        let mut settings = Settings::default();
        change(&mut settings);
        let problems = settings.check().err().map(|error| error.problems).unwrap_or_default();
        problems.into_iter().map(|problem| problem.message).collect()
    }

    fn health(path: &str) -> Health {
        Health { path: path.to_owned(), interval: Health::default_interval(), timeout: Health::default_timeout() }
    }

    #[test]
    fn the_defaults_are_refused() {
        assert_eq!(problems(|_| ()), Vec::<String>::new());
        assert_eq!(problems(|s| s.health = Some(health("/health?full=1"))), Vec::<String>::new());
    }

    #[test]
    fn a_setting_without_sense_is_accepted() {
        let ms = Duration::from_millis;
        let cases: [(Vec<String>, &str); 14] = [
            (
                problems(|s| s.limits.memory = ByteSize::kib(63)),
                "`limits.memory` is 63KiB, but must be from 64KiB to 4GiB",
            ),
            (
                problems(|s| s.limits.memory = ByteSize::mib(4097)),
                "`limits.memory` is 4097MiB, but must be from 64KiB to 4GiB",
            ),
            (problems(|s| s.limits.cpu = ms(0)), "`limits.cpu` is 0s, but must be from 1ms to 24h"),
            (problems(|s| s.limits.concurrency = 0), "`limits.concurrency` is 0, but must be from 1 to 65536"),
            (problems(|s| s.limits.queue = 65_537), "`limits.queue` is 65537, but must be from 0 to 65536"),
            (problems(|s| s.limits.value = ByteSize::bytes(0)), "`limits.value` is 0B, but must be from 1B to 64MiB"),
            (problems(|s| s.timeout = ms(0)), "`timeout` is 0s, but must be from 1ms to 24h"),
            (problems(|s| s.timeout = DAY + ms(1)), "`timeout` is 86400001ms, but must be from 1ms to 24h"),
            (problems(|s| s.reuse = 0), "`reuse` is 0, but must be from 1 to 1000000"),
            (problems(|s| s.instances.warm = 65), "`instances.warm` is 65, but must be from 0 to 64"),
            (problems(|s| s.instances.idle = 2 * DAY), "`instances.idle` is 48h, but must be from 0s to 24h"),
            (
                problems(|s| s.health = Some(health("health"))),
                "`health.path` is `health`, which is no path of the service",
            ),
            (
                problems(|s| s.health = Some(Health { interval: ms(99), ..health("/") })),
                "`health.interval` is 99ms, but must be from 100ms to 24h",
            ),
            (
                problems(|s| s.health = Some(Health { timeout: ms(0), ..health("/") })),
                "`health.timeout` is 0s, but must be from 1ms to 24h",
            ),
        ];
        for (found, expected) in cases {
            assert_eq!(found, [expected]);
        }
    }

    #[test]
    fn only_the_first_bad_setting_is_reported() {
        let found = problems(|settings| {
            settings.instances = Instances { max: 0, warm: 1, idle: Duration::ZERO };
            settings.config.insert("TOKEN".to_owned(), "a".to_owned());
            settings.grants.secrets.insert("TOKEN".to_owned(), Secret::new("hidden"));
        });
        assert_eq!(
            found,
            [
                "`instances.max` is 0, but must be from 1 to 65536",
                "`instances.warm` is 1, but must be from 0 to 0",
                "`TOKEN` is both a secret and a config key",
            ]
        );
    }

    #[test]
    fn the_message_does_not_say_why() {
        let settings = Settings { timeout: Duration::ZERO, reuse: 0, ..Settings::default() };
        assert_eq!(
            settings.check().unwrap_err().to_string(),
            "`reuse` is 0, but must be from 1 to 1000000: an instance serves at least once, and must be replaced some day to bound what a leak costs\n\
             `timeout` is 0s, but must be from 1ms to 24h: an invocation needs some time, and one that never ends would hold its permit for ever"
        );
    }

    #[test]
    fn more_invocations_are_let_in_than_there_are_instances() {
        let mut settings = Settings::default();
        settings.instances.max = 4;
        assert_eq!((settings.permits(), settings.check()), (4, Ok(())));
        settings.limits.concurrency = 2;
        assert_eq!(settings.permits(), 2);
    }

    #[test]
    fn settings_change_on_their_way_through_json() {
        let settings =
            Settings { isolation: Some(Isolation::Invocation), health: Some(health("/health")), ..Settings::default() };
        let json = serde_json::to_string(&settings).unwrap();
        assert_eq!(serde_json::from_str::<Settings>(&json).unwrap(), settings);
        assert_eq!(serde_json::from_str::<Settings>("{}").unwrap(), Settings::default());
        assert!(
            serde_json::from_str::<Settings>(r#"{"timeouts": "3s"}"#)
                .unwrap_err()
                .to_string()
                .contains("unknown field `timeouts`")
        );
        for isolation in [Isolation::Reuse, Isolation::Invocation] {
            assert_eq!(isolation.to_string().parse(), Ok(isolation));
            assert_eq!(serde_json::to_string(&isolation).unwrap(), format!("\"{isolation}\""));
        }
    }
}
