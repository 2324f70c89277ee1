//! What a client is told of limits: `RateLimit-Policy: "default";q=100;w=900` and
//! `RateLimit: "default";r=42;t=17` (draft-ietf-httpapi-ratelimit-headers-10).

use std::fmt::Write;
use std::time::Duration;

use holm_registry::gateway::{PartName, RateSettings};
use http::header::{HeaderMap, HeaderName, HeaderValue};

use super::gcra::Seen;

const LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// The limits that a request has met, in order.
#[derive(Debug, Default)]
pub(in crate::gateway) struct Told {
    limit: String,
    policy: String,
}

impl Told {
    pub(super) fn note(&mut self, name: &PartName, policy: &str, seen: Seen) {
        if !self.limit.is_empty() {
            self.limit.push_str(", ");
            self.policy.push_str(", ");
        }
        self.policy.push_str(policy);
        // until the next one may come, or until all may again
        let reset = whole_seconds(seen.wait.unwrap_or(seen.reset));
        // writing to a string cannot fail
        let _ = write!(self.limit, "\"{name}\";r={};t={reset}", seen.remaining);
    }

    /// Says it in an answer.
    pub(in crate::gateway) fn tell(&self, headers: &mut HeaderMap) {
        for (name, text) in [(LIMIT, &self.limit), (POLICY, &self.policy)] {
            if let Ok(value) = HeaderValue::from_str(text)
                && !text.is_empty()
            {
                headers.insert(name, value);
            }
        }
    }
}

/// What a limit promises.
pub(super) fn policy(name: &PartName, settings: &RateSettings) -> String {
    format!("\"{name}\";q={};w={}", settings.requests, whole_seconds(settings.per))
}

/// Rounded up: 0 would mean "at once".
pub(in crate::gateway) fn whole_seconds(time: Duration) -> u64 {
    (time.as_secs() + u64::from(time.subsec_nanos() > 0)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_told_another_limit() {
        let name: PartName = "default".parse().unwrap();
        let settings =
            RateSettings { requests: 100, per: Duration::from_secs(900), burst: 100, by: "address".parse().unwrap() };
        let mut told = Told::default();
        let mut headers = HeaderMap::new();
        told.tell(&mut headers);
        assert!(headers.is_empty());
        let seen = Seen { wait: None, remaining: 42, reset: Duration::from_millis(16_100) };
        told.note(&name, &policy(&name, &settings), seen);
        let refused = Seen { wait: Some(Duration::from_millis(1)), remaining: 0, reset: Duration::from_secs(60) };
        told.note(&"per-user".parse().unwrap(), "\"per-user\";q=1;w=60", refused);
        told.tell(&mut headers);
        assert_eq!(headers["ratelimit"], "\"default\";r=42;t=17, \"per-user\";r=0;t=1");
        assert_eq!(headers["ratelimit-policy"], "\"default\";q=100;w=900, \"per-user\";q=1;w=60");
    }
}
