//! How Holm sets up its streams and consumers (pure).

use std::time::{Duration, UNIX_EPOCH};

use holm_registry::ServiceName;
use holm_registry::settings::{Start, durable_name};
use holm_registry::subject::SubjectPattern;
use serde_json::{Map, Value, json};

use crate::events::bus::{Subscription, WINDOW};
use crate::events::embedded::Retention;

/// The stream of the events of Holm's services.
pub const EVENTS: &str = "HOLM_EVENTS";
/// The stream with copies of their dead letters.
pub const DEAD: &str = "HOLM_DEAD";
/// What the subjects of dead letters begin with.
pub const DEAD_SUBJECTS: &str = "_holm.dead";
/// Nobody publishes to it: a stream needs a subject, and would be given its own name.
pub const PLACEHOLDER: &str = "_holm.events";
/// Subjects of one stream: the server looks at all of them for each change.
pub const MOST_SUBJECTS: usize = 1000;
/// How long the server remembers the ids of messages: its own default. Repeats that come later are found by the
/// marks of those who handle them.
const REMEMBERED: Duration = Duration::from_secs(120);
/// When the server thinks that a host has died: from then on it delivers again what that host held. Hosts give a
/// sign of life for everything that they hold, so this may be much shorter than handlers take.
const LIVENESS: Duration = Duration::from_secs(5);

/// A stream as Holm would make it.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Its name.
    pub name: &'static str,
    /// For whoever looks at the server.
    pub description: &'static str,
    /// How long what is kept.
    pub age: Duration,
    /// How much at most.
    pub events: u64,
    /// And its bytes.
    pub bytes: u64,
}

impl Wanted {
    /// The stream of events.
    pub fn events(retention: &Retention) -> Self {
        let description = "Events of services on Holm, which adds subjects as they need them";
        Self { name: EVENTS, description, age: retention.age, events: retention.all.events, bytes: retention.all.bytes }
    }

    /// The stream of dead letters: a tenth as large.
    pub fn dead(retention: &Retention) -> Self {
        let description = "Copies of events that services on Holm could not handle";
        let (events, bytes) = (retention.all.events / 10, retention.all.bytes / 10);
        Self { name: DEAD, description, age: retention.age, events, bytes }
    }

    /// What Holm relies on.
    pub fn needed(&self) -> Map<String, Value> {
        fields(json!({
            // other policies remove what some subscription has not seen
            "retention": "limits",
            "storage": "file",
            "max_msgs_per_subject": -1,
            "no_ack": false,
            "sealed": false,
            "mirror": null,
            "subject_transform": null,
        }))
    }

    /// What somebody may have set otherwise.
    pub fn limits(&self) -> Map<String, Value> {
        fields(json!({
            "discard": "old",
            "max_age": nanos(self.age),
            "max_msgs": self.events,
            "max_bytes": self.bytes,
            "max_msg_size": -1,
            "duplicate_window": nanos(REMEMBERED.min(self.age)),
        }))
    }

    /// The whole of it.
    pub fn config(&self, subjects: &[&str]) -> Value {
        let mut config = fields(json!({
            "name": self.name,
            "description": self.description,
            "subjects": subjects,
            "max_consumers": -1,
            "num_replicas": 1,
        }));
        config.extend(self.needed().into_iter().filter(|(_, value)| !value.is_null()));
        config.extend(self.limits());
        Value::Object(config)
    }
}

/// When the server delivers again what nobody gives a sign of life for.
pub fn server_ack_wait(subscription: &Subscription) -> Duration {
    subscription.settings.ack_wait.min(LIVENESS)
}

/// What a consumer must be like, however it began.
pub fn consumer(subscription: &Subscription) -> Map<String, Value> {
    let Subscription { service, settings } = subscription;
    fields(json!({
        "durable_name": durable_name(service, &settings.subject),
        "description": describe(service, &settings.subject),
        "ack_policy": "explicit",
        "ack_wait": nanos(server_ack_wait(subscription)),
        // the host writes the dead letter and then ends it; a server would only stop to deliver
        "max_deliver": -1,
        "max_ack_pending": WINDOW,
        "filter_subject": settings.subject.as_str(),
        "replay_policy": "instant",
    }))
}

/// Where a new consumer begins.
pub fn start(start: Start) -> Map<String, Value> {
    fields(match start {
        Start::New => json!({ "deliver_policy": "new" }),
        Start::All => json!({ "deliver_policy": "all" }),
        Start::Time(millis) => {
            let time = humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(millis)).to_string();
            json!({ "deliver_policy": "by_start_time", "opt_start_time": time })
        }
    })
}

/// The description of a consumer, from which it is known again: its name does not say it all.
fn describe(service: &ServiceName, subject: &SubjectPattern) -> String {
    format!("holm {service} {subject}")
}

/// Whose consumer this is; `None`: not one of Holm's.
pub fn described(config: &Value) -> Option<(ServiceName, SubjectPattern)> {
    let mut words = config.get("description")?.as_str()?.strip_prefix("holm ")?.splitn(2, ' ');
    Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}

/// As configurations write it.
pub fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use holm_registry::settings::Subscribe;

    use super::*;

    fn subscription(subject: &str) -> Subscription {
        Subscription { service: "stock".parse().unwrap(), settings: Subscribe::new(subject.parse().unwrap()) }
    }

    #[test]
    fn a_consumer_is_not_known_again() {
        let config = Value::Object(consumer(&subscription("orders.*")));
        assert_eq!(described(&config), Some(("stock".parse().unwrap(), "orders.*".parse().unwrap())));
        for strange in [json!({}), json!({"description": "holm"}), json!({"description": "mine orders.*"})] {
            assert_eq!(described(&strange), None, "{strange}");
        }
    }

    #[test]
    fn the_server_gives_up_an_event_that_holm_has_not() {
        let config = consumer(&subscription("orders.*"));
        assert_eq!((config.get("max_deliver"), config.get("backoff")), (Some(&json!(-1)), None));
        assert_eq!(config.get("ack_wait"), Some(&json!(5_000_000_000_u64)));
        let mut quick = subscription("orders.*");
        quick.settings.ack_wait = Duration::from_millis(200);
        assert_eq!(consumer(&quick).get("ack_wait"), Some(&json!(200_000_000)));
    }

    #[test]
    fn a_new_subscription_begins_elsewhere_than_it_says() {
        let from = start(Start::Time(1_795_339_800_123));
        assert_eq!(from.get("opt_start_time"), Some(&json!("2026-11-22T09:30:00.123Z")));
        assert_eq!(start(Start::All).get("deliver_policy"), Some(&json!("all")));
    }

    #[test]
    fn a_stream_is_made_and_then_not_good_enough() {
        let wanted = Wanted::events(&Retention::default());
        let config = wanted.config(&[PLACEHOLDER]);
        assert_eq!(crate::events::nats::confirm::differences(&wanted.needed(), &config), []);
        assert_eq!(crate::events::nats::confirm::differences(&wanted.limits(), &config), []);
    }
}
