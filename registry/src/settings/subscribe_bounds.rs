//! Which settings of events make sense. Every bound has its reason, and the reason is in the message.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::bounds::{COUNT, OutOfBounds, number, time};
use super::{Settings, Subscribe};

const MAX_DELIVER: RangeInclusive<u32> = 1..=1_000;
const ACK_WAIT: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(60 * 60);
const PAUSE: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(24 * 60 * 60);
/// Pauses of one subscription: the last one repeats, so nobody needs many.
const PAUSES: u32 = 100;
/// Subscriptions of one service: each is a consumer of the bus and a task of the host.
const SUBSCRIPTIONS: u32 = 100;

impl Settings {
    pub(super) fn check_events(&self) -> Vec<OutOfBounds> {
        let count = u32::try_from(self.subscribe.len()).unwrap_or(u32::MAX);
        let many = number(
            "subscribe",
            count,
            0..=SUBSCRIPTIONS,
            "each is a consumer of the bus; one with a wildcard takes more",
        );
        let each = self.subscribe.iter().enumerate().flat_map(|(at, settings)| {
            let twice = self.subscribe.iter().take(at).any(|earlier| earlier.subject == settings.subject);
            let found = twice.then(|| again(settings)).into_iter().chain(one(settings));
            found.map(move |problem| placed(at, problem))
        });
        many.into_iter().chain(each).chain(self.check_publish()).collect()
    }

    /// A grant that begins with a reserved token would look like one and be none.
    fn check_publish(&self) -> Option<OutOfBounds> {
        let reserved = self.grants.publish.iter().find(|granted| granted.is_reserved())?;
        Some(OutOfBounds {
            field: "grants.publish".to_owned(),
            message: format!("`{reserved}` cannot be granted"),
            help: "subjects that begin with `$` or `_` are the broker's and Holm's own; name others".to_owned(),
        })
    }
}

/// The problems of one subscription, as fields below it.
fn one(settings: &Subscribe) -> Vec<OutOfBounds> {
    let pauses = u32::try_from(settings.backoff.len()).unwrap_or(u32::MAX);
    let found = [
        settings.subject.is_reserved().then(|| OutOfBounds {
            field: "subject".to_owned(),
            message: format!("`{}` cannot be subscribed to", settings.subject),
            help: "subjects that begin with `$` or `_` are the broker's and Holm's own; name others".to_owned(),
        }),
        number(
            "max_deliver",
            settings.max_deliver,
            MAX_DELIVER,
            "an event is tried once at least, and one that fails a thousand times is no accident",
        ),
        number("backoff", pauses, 0..=PAUSES, "the last pause stands for all further ones; write fewer"),
        settings.backoff.iter().find_map(|pause| {
            time("backoff", *pause, PAUSE, "an event that waits for longer than a day is better looked at by somebody")
        }),
        time(
            "ack_wait",
            settings.ack_wait,
            ACK_WAIT,
            "a shorter one delivers again what is still being handled, a longer one keeps what a dead host held",
        ),
        number("concurrency", settings.concurrency, COUNT, "without a place nothing is delivered"),
    ];
    found.into_iter().flatten().collect()
}

fn again(settings: &Subscribe) -> OutOfBounds {
    OutOfBounds {
        field: "subject".to_owned(),
        message: format!("there are two subscriptions to `{}`", settings.subject),
        help: "each event is delivered once to each subscription; remove one of them".to_owned(),
    }
}

fn placed(at: usize, problem: OutOfBounds) -> OutOfBounds {
    OutOfBounds { field: format!("subscribe.{at}.{}", problem.field), ..problem }
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

    #[test]
    fn subscriptions_that_overlap_are_refused() {
        let subscribe =
            json!([{"subject": "orders.*"}, {"subject": "orders.created"}, {"subject": ">", "backoff": []}]);
        let publish = json!(["orders.>", ">"]);
        assert_eq!(problems(json!({"subscribe": subscribe, "grants": {"publish": publish}})), Vec::<String>::new());
    }

    #[test]
    fn a_subscription_without_sense_is_accepted() {
        for (subscribe, expected) in [
            (json!({"max_deliver": 0}), "max_deliver: `max_deliver` is 0, but must be from 1 to 1000"),
            (json!({"backoff": ["25h"]}), "backoff: `backoff` is 25h, but must be from 0s to 24h"),
            (json!({"backoff": vec!["1s"; 101]}), "backoff: `backoff` is 101, but must be from 0 to 100"),
            (json!({"ack_wait": "99ms"}), "ack_wait: `ack_wait` is 99ms, but must be from 100ms to 1h"),
            (json!({"concurrency": 0}), "concurrency: `concurrency` is 0, but must be from 1 to 65536"),
            (json!({"subject": "$SYS.>"}), "subject: `$SYS.>` cannot be subscribed to"),
            (json!({"subject": "orders.*"}), "subject: there are two subscriptions to `orders.*`"),
        ] {
            let mut second = json!({"subject": "orders.created"});
            second.as_object_mut().unwrap().extend(subscribe.as_object().unwrap().clone());
            let found = problems(json!({"subscribe": [{"subject": "orders.*"}, second]}));
            assert_eq!(found, [format!("subscribe.1.{expected}")]);
        }
        let many: Vec<_> = (0..101).map(|n| json!({"subject": format!("a{n}")})).collect();
        assert_eq!(problems(json!({"subscribe": many})), ["subscribe: `subscribe` is 101, but must be from 0 to 100"]);
    }

    #[test]
    fn a_reserved_subject_is_granted() {
        for reserved in ["$JS.>", "_INBOX.*", "_holm.x"] {
            let found = problems(json!({"grants": {"publish": ["orders.*", reserved]}}));
            assert_eq!(found, [format!("grants.publish: `{reserved}` cannot be granted")]);
        }
        let settings: Settings = serde_json::from_value(json!({"grants": {"publish": [">", "*.x"]}})).unwrap();
        let may = |subject: &str| settings.grants.may_publish(&subject.parse().unwrap());
        assert_eq!(settings.check(), Ok(()));
        assert!(may("orders.created") && may("a.x"));
        assert!(!may("$SYS.x") && !may("_INBOX.x") && !may("$SYS"));
    }
}
