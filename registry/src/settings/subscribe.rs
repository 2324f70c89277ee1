//! What a service subscribes to, and how its events are delivered.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::digest::Digest;
use crate::name::ServiceName;
use crate::subject::{Subject, SubjectPattern};
use crate::text::serde_as_text;
use crate::units::duration_text;

/// Bytes of a subject that its durable name shows: enough for people to tell two apart. File systems
/// and brokers take names of 255 bytes; a service's name takes up to 63 of them.
const SHOWN: usize = 40;
/// Hex digits of the digest that tells two subjects apart.
const DIGITS: usize = 16;

/// One subscription of a service. Its events go to the live revision, whichever that is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subscribe {
    /// Which events. No pattern reaches a reserved subject.
    pub subject: SubjectPattern,
    /// How often an event is tried before it becomes a dead letter. With the pauses of `backoff`, five
    /// attempts outlast a restart of what the handler calls.
    #[serde(default = "Subscribe::default_max_deliver")]
    pub max_deliver: u32,
    /// The pauses before the second attempt, the third, and so on; the last one stands for all further
    /// ones. None: tried again at once.
    #[serde(default = "Subscribe::default_backoff", with = "duration_text::list")]
    pub backoff: Vec<Duration>,
    /// How long an attempt may take, and how long an event waits for a host that is gone. A broker's usual
    /// number.
    #[serde(default = "Subscribe::default_ack_wait", with = "duration_text")]
    pub ack_wait: Duration,
    /// Events of this subscription that are handled at once: a quarter of the service's default
    /// `concurrency`, so that a full queue leaves room for requests.
    #[serde(default = "Subscribe::default_concurrency")]
    pub concurrency: u32,
    /// Whether events wait for others.
    #[serde(default)]
    pub order: Order,
    /// Where a subscription begins that did not exist before.
    #[serde(default)]
    pub start: Start,
}

/// Which events wait for others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// Events of one key are handled one after the other, in the order in which they were published; those
    /// of different keys, and those without one, beside each other.
    #[default]
    Key,
    /// None waits.
    None,
}

/// Where a new subscription begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// With what is published from now on.
    #[default]
    New,
    /// With everything that is still kept.
    All,
    /// With what was published at or after a time, in milliseconds since 1970.
    Time(u64),
}

/// A word that is no [`Order`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is no order; write `key` (events of one key one after the other) or `none`")]
pub struct UnknownOrder(pub String);

/// A text that is no [`Start`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is no start; write `new`, `all` or a time in UTC after RFC 3339 and 1970, as in `2026-11-22T09:30:00Z`")]
pub struct UnknownStart(pub String);

impl Subscribe {
    /// A subscription with every default.
    pub fn new(subject: SubjectPattern) -> Self {
        Self {
            subject,
            max_deliver: Self::default_max_deliver(),
            backoff: Self::default_backoff(),
            ack_wait: Self::default_ack_wait(),
            concurrency: Self::default_concurrency(),
            order: Order::default(),
            start: Start::default(),
        }
    }

    /// Whether events of a subject are delivered.
    pub fn takes(&self, subject: &Subject) -> bool {
        !subject.is_reserved() && self.subject.matches(subject)
    }

    /// The pause before the attempt that follows `attempt`; the first attempt is 1.
    pub fn pause_after(&self, attempt: u32) -> Duration {
        let at = usize::try_from(attempt.saturating_sub(1)).unwrap_or(usize::MAX);
        self.backoff.get(at).or(self.backoff.last()).copied().unwrap_or_default()
    }

    /// Five attempts.
    pub fn default_max_deliver() -> u32 {
        5
    }

    /// Soon, then long enough for a restart, then long enough for somebody to look.
    pub fn default_backoff() -> Vec<Duration> {
        [1, 5, 30].map(Duration::from_secs).to_vec()
    }

    /// Half a minute.
    pub fn default_ack_wait() -> Duration {
        Duration::from_secs(30)
    }

    /// Sixteen at once.
    pub fn default_concurrency() -> u32 {
        16
    }
}

/// The name under which a bus remembers how far a subscription has come: `inventory_orders-created_18d4…`.
///
/// The same after every restart and for every revision; another one for each service and subject. It is a
/// name of JetStream's and of a file's, both of which take neither dots nor wildcards, so the subject is only
/// hinted at, and the first 64 bits of its SHA-256 tell it from others.
pub fn durable_name(service: &ServiceName, subject: &SubjectPattern) -> String {
    let shown = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let hint: String = subject.as_str().chars().map(shown).take(SHOWN).collect();
    let mut digits = Digest::of(subject.as_str().as_bytes()).hex();
    digits.truncate(DIGITS);
    format!("{service}_{hint}_{digits}")
}

impl Order {
    /// As the manifest writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::None => "none",
        }
    }
}

impl FromStr for Order {
    type Err = UnknownOrder;

    fn from_str(text: &str) -> Result<Self, UnknownOrder> {
        match text {
            "key" => Ok(Self::Key),
            "none" => Ok(Self::None),
            _ => Err(UnknownOrder(text.to_owned())),
        }
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Start {
    type Err = UnknownStart;

    fn from_str(text: &str) -> Result<Self, UnknownStart> {
        match text {
            "new" => Ok(Self::New),
            "all" => Ok(Self::All),
            time => millis(time).map(Self::Time).ok_or_else(|| UnknownStart(text.to_owned())),
        }
    }
}

fn millis(text: &str) -> Option<u64> {
    let time = humantime::parse_rfc3339(text).ok()?;
    u64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::New => f.pad("new"),
            Self::All => f.pad("all"),
            Self::Time(millis) => {
                let time: SystemTime = UNIX_EPOCH + Duration::from_millis(*millis);
                humantime::format_rfc3339_millis(time).fmt(f)
            }
        }
    }
}

serde_as_text!(Start);

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn subscribe(json: &str) -> Result<Subscribe, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn a_subscription_changes_on_its_way_through_json() {
        let plain = subscribe(r#"{"subject": "orders.*"}"#).unwrap();
        assert_eq!(plain, Subscribe::new("orders.*".parse().unwrap()));
        let all = r#"{"subject":"orders.>","max_deliver":3,"backoff":["10ms","1m"],"ack_wait":"2s","concurrency":1,"order":"none","start":"2026-11-22T09:30:00.000Z"}"#;
        let read = subscribe(all).unwrap();
        assert_eq!((read.order, read.start), (Order::None, Start::Time(1_795_339_800_000)));
        assert_eq!(serde_json::to_string(&read).unwrap(), all);
        for (bad, expected) in [
            (r#"{"max_deliver": 1}"#, "missing field `subject`"),
            (r#"{"subject": "a", "maxdeliver": 1}"#, "unknown field `maxdeliver`"),
            (r#"{"subject": "a", "start": "yesterday"}"#, "`yesterday` is no start"),
            (r#"{"subject": "a", "start": "2026-11-22T09:30:00+01:00"}"#, "a time in UTC"),
            (r#"{"subject": "a", "order": "subject"}"#, "unknown variant `subject`"),
        ] {
            assert!(subscribe(bad).unwrap_err().to_string().contains(expected), "{bad}");
        }
    }

    #[test]
    fn a_later_attempt_comes_sooner_than_an_earlier_one() {
        let mut settings = Subscribe::new("a".parse().unwrap());
        let pauses = |settings: &Subscribe| [1, 2, 3, 4, 5, u32::MAX].map(|at| settings.pause_after(at).as_secs());
        assert_eq!(pauses(&settings), [1, 5, 30, 30, 30, 30]);
        settings.backoff.clear();
        assert_eq!(pauses(&settings), [0; 6]);
    }

    #[test]
    fn two_subscriptions_share_what_is_remembered() {
        let services = ["a", "a-b", "a-b-c"];
        let subjects = ["b", "b.c", "b-c", "b.*", "b.>", "größe.x", "*", ">", &"x.".repeat(15).replace('x', "long")];
        let mut names = BTreeSet::new();
        for service in services.map(|name| name.parse().unwrap()) {
            for subject in subjects.iter().map(|text| text.trim_end_matches('.').parse().unwrap()) {
                let name = durable_name(&service, &subject);
                assert!(name.len() <= 63 + SHOWN + DIGITS + 2 && !name.contains(['.', '*', '>', '/', ' ']), "{name}");
                assert!(names.insert(name));
            }
        }
        let known = durable_name(&"inventory".parse().unwrap(), &"orders.created".parse().unwrap());
        assert_eq!(known, "inventory_orders-created_18d455b750919e20");
    }

    #[test]
    fn an_event_of_a_reserved_subject_is_delivered() {
        let everything = Subscribe::new(">".parse().unwrap());
        assert!(everything.takes(&"orders.created".parse().unwrap()));
        for reserved in ["$SYS.x", "$JS.API.INFO", "_INBOX.x", "_holm.dead.orders.x"] {
            assert!(!everything.takes(&reserved.parse().unwrap()), "{reserved}");
        }
    }
}
