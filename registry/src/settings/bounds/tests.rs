//! Every bound with the full text that a user sees.

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
    let cases: [(Vec<String>, &str); 22] = [
        (problems(|s| s.limits.memory = ByteSize::kib(63)), "`limits.memory` is 63KiB, but must be from 64KiB to 4GiB"),
        (
            problems(|s| s.limits.memory = ByteSize::mib(4097)),
            "`limits.memory` is 4097MiB, but must be from 64KiB to 4GiB",
        ),
        (problems(|s| s.limits.cpu = ms(0)), "`limits.cpu` is 0s, but must be from 1ms to 24h"),
        (problems(|s| s.limits.concurrency = 0), "`limits.concurrency` is 0, but must be from 1 to 65536"),
        (problems(|s| s.limits.queue = 65_537), "`limits.queue` is 65537, but must be from 0 to 65536"),
        (problems(|s| s.limits.value = ByteSize::bytes(0)), "`limits.value` is 0B, but must be from 1B to 8MiB"),
        (problems(|s| s.limits.value = ByteSize::mib(9)), "`limits.value` is 9MiB, but must be from 1B to 8MiB"),
        (problems(|s| s.limits.handles = 8), "`limits.handles` is 8, but must be from 32 to 1000000"),
        (
            problems(|s| s.limits.host_call = ByteSize::mib(65)),
            "`limits.host_call` is 65MiB, but must be from 64KiB to 64MiB",
        ),
        (problems(|s| s.limits.response_headers = 0), "`limits.response_headers` is 0, but must be from 1 to 10000"),
        (
            problems(|s| s.instances.growth = ByteSize::mib(4097)),
            "`instances.growth` is 4097MiB, but must be from 0B to 4GiB",
        ),
        (
            problems(|s| _ = s.config.insert("k".to_owned(), "v".repeat(CONFIG))),
            "`config` and `grants.secrets` hold 1048577 bytes, but may hold 1048576",
        ),
        (problems(|s| s.timeout = ms(0)), "`timeout` is 0s, but must be from 1ms to 24h"),
        (problems(|s| s.timeout = DAY + ms(1)), "`timeout` is 86400001ms, but must be from 1ms to 24h"),
        (problems(|s| s.reuse = 0), "`reuse` is 0, but must be from 1 to 1000000"),
        (problems(|s| s.instances.concurrency = 0), "`instances.concurrency` is 0, but must be from 1 to 65536"),
        (
            problems(|s| (s.instances.concurrency, s.isolation) = (16, Some(Isolation::Invocation))),
            "`instances.concurrency` is 16, but `isolation` is `invocation`",
        ),
        (problems(|s| s.instances.warm = 65), "`instances.warm` is 65, but must be from 0 to 64"),
        (problems(|s| s.instances.idle = 2 * DAY), "`instances.idle` is 48h, but must be from 0s to 24h"),
        (problems(|s| s.health = Some(health("health"))), "`health.path` is `health`, which is no path of the service"),
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
        settings.instances = Instances { max: 0, warm: 1, idle: Duration::ZERO, ..Instances::default() };
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
    settings.limits.concurrency = 64;
    settings.instances.concurrency = 3;
    assert_eq!(settings.permits(), 12);
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
