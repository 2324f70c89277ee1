//! How often somebody may ask: the limits of a rule, all of which count.
//!
//! | file | question it answers |
//! | --- | --- |
//! | `gcra` | may this request come, and when may the next one (pure) |
//! | `buckets` | what is known of whom, and of how many |
//! | `key` | whose request is it |
//! | `told` | what is the client told (RateLimit fields, RFC 9110 Retry-After) |
//!
//! Limits by address are asked before authentication, so that guessing credentials is limited, too;
//! all others after it.

mod buckets;
mod gcra;
mod key;
mod told;

use std::hash::RandomState;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use buckets::Buckets;
use gcra::{Nanos, Quota};
use holm_registry::gateway::{PartName, RateKey, RateSettings};
use http::HeaderMap;

pub(super) use told::{Told, whole_seconds};

use crate::identity::Identity;

/// One limit, shared by all rules that name it.
#[derive(Debug)]
pub(super) struct Limiter {
    name: PartName,
    by: RateKey,
    quota: Quota,
    /// What it promises, for `RateLimit-Policy`.
    policy: String,
    buckets: Buckets,
    begun: Instant,
    /// Keys the hashes of clients: nobody outside can make two of them alike.
    hashing: RandomState,
}

/// The limits of one rule.
#[derive(Debug, Default)]
pub(super) struct Limits {
    before: Vec<Arc<Limiter>>,
    after: Vec<Arc<Limiter>>,
}

/// One request too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooMany {
    /// When the next one may come.
    pub(super) wait: Duration,
}

/// Who asks, as far as it is known by then.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asking<'a> {
    pub(super) address: IpAddr,
    pub(super) identity: Option<&'a Identity>,
    pub(super) headers: &'a HeaderMap,
}

impl Limiter {
    /// A limit that nobody has met yet.
    pub(super) fn new(name: &PartName, settings: &RateSettings) -> Self {
        Self {
            name: name.clone(),
            by: settings.by.clone(),
            quota: Quota::new(settings.requests, settings.per, settings.burst),
            policy: told::policy(name, settings),
            buckets: Buckets::new(),
            begun: Instant::now(),
            hashing: RandomState::new(),
        }
    }

    fn now(&self) -> Nanos {
        u64::try_from(self.begun.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn take(&self, asking: Asking<'_>, told: &mut Told) -> Result<(), TooMany> {
        let client = key::of(&self.by, asking, &self.hashing);
        let seen = self.buckets.take(client, self.quota, self.now());
        told.note(&self.name, &self.policy, seen);
        seen.wait.map_or(Ok(()), |wait| Err(TooMany { wait }))
    }
}

impl Limits {
    /// These limits.
    pub(super) fn new(limiters: Vec<Arc<Limiter>>) -> Self {
        let (before, after) = limiters.into_iter().partition(|limiter| limiter.by == RateKey::Address);
        Self { before, after }
    }

    /// Counts a request of which only the address is known.
    ///
    /// # Errors
    /// When it is one too many.
    pub(super) fn before(&self, asking: Asking<'_>, told: &mut Told) -> Result<(), TooMany> {
        self.before.iter().try_for_each(|limiter| limiter.take(asking, told))
    }

    /// Counts a request when it is known who asks.
    ///
    /// # Errors
    /// When it is one too many.
    pub(super) fn after(&self, asking: Asking<'_>, told: &mut Told) -> Result<(), TooMany> {
        self.after.iter().try_for_each(|limiter| limiter.take(asking, told))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(by: &[&str]) -> Limits {
        let limiter = |by: &&str| {
            let settings =
                RateSettings { requests: 2, per: Duration::from_secs(900), burst: 2, by: by.parse().unwrap() };
            Arc::new(Limiter::new(&"some".parse().unwrap(), &settings))
        };
        Limits::new(by.iter().map(limiter).collect())
    }

    fn asking<'a>(address: &str, identity: Option<&'a Identity>, headers: &'a HeaderMap) -> Asking<'a> {
        Asking { address: address.parse().unwrap(), identity, headers }
    }

    #[test]
    fn one_client_uses_up_what_is_another_s() {
        let (limits, headers) = (limits(&["address"]), HeaderMap::new());
        let ask = |address: &str| limits.before(asking(address, None, &headers), &mut Told::default()).is_ok();
        assert_eq!([ask("192.0.2.1"), ask("192.0.2.1"), ask("192.0.2.1"), ask("192.0.2.2")], [true, true, false, true]);
        // one who has a network of IPv6 has all its addresses
        assert_eq!([ask("2001:db8::1"), ask("2001:db8::2"), ask("2001:db8::3")], [true, true, false]);
        assert!(ask("2001:db8:0:1::1"));
        assert!(!ask("::ffff:192.0.2.1"));
    }

    #[test]
    fn a_client_is_counted_as_somebody_else() {
        let (limits, headers) = (limits(&["principal"]), HeaderMap::new());
        let who = |name: &str| Identity { principal: Some(name.to_owned()), ..Identity::default() };
        let ask = |identity: &Identity, address: &str| {
            limits.after(asking(address, Some(identity), &headers), &mut Told::default()).is_ok()
        };
        let (one, two) = (who("one"), who("two"));
        assert_eq!([ask(&one, "::1"), ask(&one, "::2"), ask(&one, "::3"), ask(&two, "::1")], [true, true, false, true]);
        // whoever has no name is counted by address; nobody can pass for an address
        let (nobody, sly) = (Identity::default(), who("::1"));
        assert_eq!([ask(&nobody, "::1"), ask(&nobody, "::1"), ask(&nobody, "::1")], [true, true, false]);
        assert!(ask(&sly, "::9"));
    }

    #[test]
    fn one_of_several_limits_suffices() {
        let (limits, headers) = (limits(&["address", "header:x-key"]), HeaderMap::new());
        let mut told = Told::default();
        for _ in 0..2 {
            assert!(limits.before(asking("::1", None, &headers), &mut told).is_ok());
            assert!(limits.after(asking("::1", None, &headers), &mut told).is_ok());
        }
        let refused = limits.before(asking("::1", None, &headers), &mut told).unwrap_err();
        assert!(refused.wait > Duration::from_secs(440) && refused.wait <= Duration::from_secs(450));
        let keyed = [("x-key".parse().unwrap(), "a".parse().unwrap())].into_iter().collect();
        assert!(limits.after(asking("::1", None, &keyed), &mut told).is_ok());
        assert!(limits.after(asking("::1", None, &headers), &mut told).is_err());
    }
}
