//! What a NATS server can do (pure).
//!
//! Servers differ, and an old one drops what it does not know without a word. So a server is asked what it is, and
//! whatever was set is read back ([`super::confirm`]).
//!
//! | tier | server | what is there |
//! | --- | --- | --- |
//! | 0 | 2.9 | durable pull consumers, explicit acks, message ids: everything that Holm's events need |
//! | 1 | 2.11 | pausing a consumer, a time to live for single messages |
//! | 2 | 2.12.1 | several messages published as one |

use std::fmt;
use std::str::FromStr;

/// The oldest server that was tried: older ones send no heartbeats to whoever pulls.
pub const OLDEST: Version = Version(2, 9, 0);

/// Major, minor, patch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32, pub u32, pub u32);

/// What a server says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Server {
    /// Its version.
    pub version: Version,
    /// The level of its JetStream API, from `$JS.API.INFO`; servers before 2.11 have none.
    pub api_level: u32,
}

/// How much of what Holm may use is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// Events.
    Events,
    /// Pausing and expiry, too.
    Expiry,
    /// Atomic batches, too.
    Batches,
}

impl Server {
    /// Its tier. The level says what the API knows; the version, since when that works.
    pub fn tier(&self) -> Tier {
        match (self.api_level, self.version) {
            (2.., version) if version >= Version(2, 12, 1) => Tier::Batches,
            (1.., _) => Tier::Expiry,
            _ => Tier::Events,
        }
    }
}

/// Since when servers know a field of a stream's or a consumer's configuration; `None`: since the oldest that
/// Holm takes.
pub fn since(field: &str) -> Option<&'static str> {
    Some(match field {
        "metadata" | "compression" | "first_seq" | "consumer_limits" | "filter_subjects" | "subject_transform" => {
            "2.10"
        }
        "allow_msg_ttl" | "subject_delete_marker_ttl" | "pause_until" | "priority_groups" | "priority_policy" => "2.11",
        "allow_atomic" | "allow_msg_schedules" | "allow_msg_counter" | "persist_mode" => "2.12",
        "allow_batched" => "2.14",
        _ => return None,
    })
}

/// Takes what stands behind the numbers of a preview, `2.12.0-RC.1`, as the release.
impl FromStr for Version {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let numbers = text.split(['-', '+']).next().unwrap_or_default();
        let mut parts = numbers.trim_start_matches('v').splitn(3, '.');
        let mut part = || parts.next().unwrap_or("0").parse();
        Ok(Self(part()?, part()?, part()?))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Events => "tier 0: events",
            Self::Expiry => "tier 1: events, pausing and expiry",
            Self::Batches => "tier 2: events, pausing, expiry and atomic batches",
        })
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NATS server {}, JetStream API level {} ({})", self.version, self.api_level, self.tier())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_taken_for_more_than_it_is() {
        for (version, api_level, tier) in [
            ("2.9.10", 0, Tier::Events),
            ("2.10.29", 0, Tier::Events),
            ("2.11.0", 1, Tier::Expiry),
            ("2.12.0", 2, Tier::Expiry),
            ("2.12.1", 2, Tier::Batches),
            ("2.15.1", 5, Tier::Batches),
            ("v2.14.0-RC.3", 4, Tier::Batches),
            ("3.0", 9, Tier::Batches),
        ] {
            assert_eq!(Server { version: version.parse().unwrap(), api_level }.tier(), tier, "{version}");
        }
        assert!("2.8.4".parse::<Version>().unwrap() < OLDEST && "x".parse::<Version>().is_err());
    }

    #[test]
    fn nobody_can_read_what_kind_of_server_it_is() {
        let server = Server { version: Version(2, 9, 10), api_level: 0 };
        assert_eq!(server.to_string(), "NATS server 2.9.10, JetStream API level 0 (tier 0: events)");
    }
}
