//! Which settings make sense. Every bound has its reason, and the reason is in the message.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use http::uri::PathAndQuery;
use thiserror::Error;

use super::{Health, Isolation, Settings};
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
/// As many as all tables that one component may have can hold together.
const TABLE_ELEMENTS: RangeInclusive<u32> = 1..=32 * MANY;
/// From what a guest holds while it answers, to what wasmtime's own tables end at.
const HANDLES: RangeInclusive<u32> = 32..=1_000_000;
/// From the largest key with some value, to the largest value.
const HOST_CALL: RangeInclusive<ByteSize> = ByteSize::kib(64)..=ByteSize::mib(64);
const RESPONSE_HEAD: RangeInclusive<ByteSize> = ByteSize::kib(1)..=ByteSize::mib(1);
/// `http`'s map of header fields ends at 32,768.
const RESPONSE_HEADERS: RangeInclusive<u32> = 1..=10_000;
const STATE: RangeInclusive<ByteSize> = ByteSize::bytes(0)..=ByteSize::mib(1 << 20);
/// As Kubernetes bounds a ConfigMap: settings are held in memory and copied to each guest that
/// asks for all.
const CONFIG: usize = 1 << 20;

/// One setting that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutOfBounds {
    /// The key as in `holm.toml`, below the service: `limits.memory`, `calls."shop:inventory/stock".timeout`,
    /// `subscribe.0.ack_wait` in the first of several tables.
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
        let checks = [
            self.check_instances(),
            self.check_limits(),
            self.check_health(),
            self.check_config(),
            self.check_calls(),
            self.check_events(),
        ];
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
                "instances.concurrency",
                instances.concurrency,
                COUNT,
                "an instance serves one request or more at a time, and each holds memory of it",
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
        found.into_iter().flatten().chain(self.check_sharing()).collect()
    }

    /// A fresh instance for each invocation is shared by nobody.
    fn check_sharing(&self) -> Option<OutOfBounds> {
        let shared = self.instances.concurrency;
        let contradicts = shared > 1 && self.isolation == Some(Isolation::Invocation);
        contradicts.then(|| OutOfBounds {
            field: "instances.concurrency".to_owned(),
            message: format!("`instances.concurrency` is {shared}, but `isolation` is `invocation`"),
            help: "requests that share an instance are not isolated from each other; leave one of both out".to_owned(),
        })
    }

    fn check_limits(&self) -> Vec<OutOfBounds> {
        let limits = &self.limits;
        let found = [
            size("limits.memory", limits.memory, MEMORY, "a component has at least one page, and addresses of 32 bits"),
            number(
                "limits.table_elements",
                limits.table_elements,
                TABLE_ELEMENTS,
                "a component calls its functions through a table, and the pool holds no more",
            ),
            number("limits.handles", limits.handles, HANDLES, "a request alone takes some, and each is memory"),
            size("limits.host_call", limits.host_call, HOST_CALL, "a call must carry a key, and the host allocates it"),
            time("limits.cpu", limits.cpu, TIME, "CPU time is counted in ticks of a millisecond or more"),
            number(
                "limits.concurrency",
                limits.concurrency,
                COUNT,
                "without a permit nothing runs, and each invocation holds memory of the host",
            ),
            number("limits.queue", limits.queue, QUEUE, "each waiting request holds memory of the host"),
            number(
                "limits.outgoing",
                limits.outgoing,
                COUNT,
                "each request to the outside holds a connection; to have none, grant none",
            ),
            time("limits.queue_wait", limits.queue_wait, Duration::ZERO..=DAY, "nobody waits for longer than a day"),
        ];
        found.into_iter().flatten().chain(self.check_data()).collect()
    }

    /// What a service may answer with and keep.
    fn check_data(&self) -> Vec<OutOfBounds> {
        let limits = &self.limits;
        let largest = (*VALUE.end()).min(limits.host_call);
        let found = [
            size(
                "limits.response_head",
                limits.response_head,
                RESPONSE_HEAD,
                "an answer has some header fields, and clients refuse larger heads",
            ),
            number(
                "limits.response_headers",
                limits.response_headers,
                RESPONSE_HEADERS,
                "an answer has some header fields, and clients refuse heads with more",
            ),
            size("limits.state", limits.state, STATE, "all of it is read when the host starts"),
            size(
                "limits.value",
                limits.value,
                *VALUE.start()..=largest,
                "a value is held in memory until it is committed, and travels in one call (`limits.host_call`)",
            ),
            size(
                "instances.growth",
                self.instances.growth,
                ByteSize::bytes(0)..=*MEMORY.end(),
                "an instance cannot grow by more than there are addresses of 32 bits",
            ),
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

    /// What the guest reads through `wasi:config/store`.
    fn check_config(&self) -> Vec<OutOfBounds> {
        let config = self.config.iter().map(|(name, value)| name.len() + value.len());
        let secrets = self.grants.secrets.iter().map(|(name, value)| name.len() + value.reveal().len());
        let total: usize = config.chain(secrets).sum();
        let problem = || OutOfBounds {
            field: "config".to_owned(),
            message: format!("`config` and `grants.secrets` hold {total} bytes, but may hold {CONFIG}"),
            help: "settings stay in the host's memory; keep data in wasi:keyvalue".to_owned(),
        };
        let too_large = (total > CONFIG).then(problem);
        too_large.into_iter().chain(self.check_names()).collect()
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
mod tests;
