//! `[gateway.rate.NAME]`: how often somebody may ask.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::auth::problem;
use super::field::FieldName;
use crate::settings::bounds::OutOfBounds;
use crate::text::serde_as_text;
use crate::units::duration_text;

/// From a request to what no machine answers in a second.
const REQUESTS: RangeInclusive<u32> = 1..=1_000_000_000;
/// From a tick of common clocks to a month: a window is in the host's memory, and a restart forgets
/// it.
const PER: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(31 * 24 * 60 * 60);

/// So many requests in so much time, of one who asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateSettings {
    /// How many.
    pub requests: u32,
    /// In which time.
    #[serde(with = "duration_text")]
    pub per: Duration,
    /// How many of them may come at once, after a pause. As many as there are, unless a manifest
    /// says otherwise.
    pub burst: u32,
    /// Who one is.
    pub by: RateKey,
}

/// What tells those who ask apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RateKey {
    /// The client's address, of IPv6 the first 64 bits. Counted before authentication, so that
    /// failed ones count, too.
    Address,
    /// Who it is, after authentication.
    Principal,
    /// The name of the API key.
    ApiKey,
    /// A claim of the token.
    Claim(String),
    /// A header field of the request.
    Header(FieldName),
}

/// A text that is no [`RateKey`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` tells nobody apart; use `address`, `principal`, `api-key`, `claim:NAME` or `header:NAME`")]
pub struct UnknownRateKey(String);

impl RateKey {
    /// Whether it can be told only when it is known who asks.
    pub fn needs_identity(&self) -> bool {
        matches!(self, Self::Principal | Self::ApiKey | Self::Claim(_))
    }
}

impl RateSettings {
    pub(super) fn problems(&self) -> Vec<OutOfBounds> {
        let mut found = Vec::new();
        if !REQUESTS.contains(&self.requests) {
            let message = format!("`requests` is {}, but must be from 1 to {}", self.requests, REQUESTS.end());
            found.push(problem("requests", message, "for no requests at all leave the route away"));
        }
        if !PER.contains(&self.per) {
            let message = "`per` must be from 1ms to 744h".to_owned();
            found.push(problem("per", message, "what was counted is in memory: a restart begins anew"));
        }
        if self.burst == 0 {
            let message = "`burst` is 0, so nobody could ever ask".to_owned();
            found.push(problem("burst", message, "1 spreads requests evenly; leave it away for all at once"));
        }
        found
    }
}

impl FromStr for RateKey {
    type Err = UnknownRateKey;

    fn from_str(text: &str) -> Result<Self, UnknownRateKey> {
        let unknown = || UnknownRateKey(text.chars().take(60).collect());
        match (text, text.split_once(':')) {
            ("address", _) => Ok(Self::Address),
            ("principal", _) => Ok(Self::Principal),
            ("api-key", _) => Ok(Self::ApiKey),
            (_, Some(("claim", name))) if !name.is_empty() => Ok(Self::Claim(name.to_owned())),
            (_, Some(("header", name))) => name.parse().map(Self::Header).map_err(|_| unknown()),
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for RateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address => f.write_str("address"),
            Self::Principal => f.write_str("principal"),
            Self::ApiKey => f.write_str("api-key"),
            Self::Claim(name) => write!(f, "claim:{name}"),
            Self::Header(name) => write!(f, "header:{name}"),
        }
    }
}

serde_as_text!(RateKey);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_counted_is_not_what_was_written() {
        for text in ["address", "principal", "api-key", "claim:tenant", "claim:https://a.test/x", "header:x-user"] {
            assert_eq!(text.parse::<RateKey>().unwrap().to_string(), text);
        }
        for text in ["", "ip", "Address", "claim", "claim:", "header:", "header:a b"] {
            assert!(text.parse::<RateKey>().is_err(), "{text}");
        }
    }
}
