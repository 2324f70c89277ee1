//! What the rules of an app share: schemes and limits, built once from their settings.
//!
//! A deployment that leaves a part as it was leaves it as it is, with all that it has learnt: an
//! issuer's keys are not asked for again because a route has changed, and nobody's bucket is filled.

use std::collections::BTreeMap;
use std::sync::Arc;

use holm_registry::discovery::ranges::IpRange;
use holm_registry::gateway::{AuthSettings, GatewaySettings, PartName, RateSettings};
use holm_registry::route::{Origin, RouteSpec};
use http::HeaderName;

use super::auth::{Auth, Issuer, Scheme};
use super::limits::Limits;
use super::rate::{self, Limiter};

/// The parts of all apps.
#[derive(Debug, Default)]
pub(super) struct Shared {
    schemes: Parts<AuthSettings, Scheme>,
    limiters: Parts<RateSettings, Limiter>,
    trusted: BTreeMap<Origin, Arc<[IpRange]>>,
}

/// Parts of one kind, each with the settings that it was built from.
type Parts<S, T> = BTreeMap<(Origin, PartName), (S, Arc<T>)>;

impl Shared {
    /// Builds what is new or has changed, and takes the rest from `before`.
    ///
    /// # Errors
    /// Says which part cannot be built, and why.
    pub(super) fn build(
        apps: &BTreeMap<Origin, GatewaySettings>,
        before: &Self,
        limits: &Limits,
    ) -> Result<Self, String> {
        let mut built = Self::default();
        for (origin, app) in apps {
            for (name, settings) in &app.auth {
                let build = || scheme(name, settings, limits);
                keep_or_build(&mut built.schemes, &before.schemes, (origin, name), settings, build)?;
            }
            for (name, settings) in &app.rate {
                let build = || Ok(Limiter::new(name, settings));
                keep_or_build(&mut built.limiters, &before.limiters, (origin, name), settings, build)?;
            }
            built.trusted.insert(origin.clone(), app.trusted_proxies.as_slice().into());
        }
        Ok(built)
    }

    /// The schemes of a rule; `None` for one that lets everybody in.
    ///
    /// # Errors
    /// Names the scheme that is not there: a rule is never left open instead.
    pub(super) fn auth(&self, rule: &RouteSpec) -> Result<Option<Auth>, String> {
        let schemes = find(&self.schemes, rule, &rule.chain.auth, "scheme")?;
        Ok((!schemes.is_empty()).then(|| Auth::new(schemes, &rule.chain.scopes)))
    }

    /// The limits of a rule.
    ///
    /// # Errors
    /// Names the limit that is not there.
    pub(super) fn rate(&self, rule: &RouteSpec) -> Result<rate::Limits, String> {
        find(&self.limiters, rule, &rule.chain.rate, "limit").map(rate::Limits::new)
    }

    /// The proxies whose word counts for the rules of an app.
    pub(super) fn trusted(&self, app: &Origin) -> Arc<[IpRange]> {
        self.trusted.get(app).cloned().unwrap_or_default()
    }

    /// Everybody who is asked for keys.
    pub(super) fn issuers(&self) -> Vec<Arc<Issuer>> {
        self.schemes.values().filter_map(|(_, scheme)| scheme.issuer().cloned()).collect()
    }

    /// The fields in which schemes tell targets who asks.
    pub(super) fn told(&self) -> Vec<HeaderName> {
        let fields = self.schemes.values().flat_map(|(settings, _)| settings.forwarded());
        let mut told: Vec<HeaderName> = fields.map(|field| field.as_header().clone()).collect();
        told.sort_by(|one, other| one.as_str().cmp(other.as_str()));
        told.dedup();
        told
    }
}

/// Takes a part over, if its settings are the same.
fn keep_or_build<S: Clone + PartialEq, T>(
    built: &mut Parts<S, T>,
    before: &Parts<S, T>,
    (origin, name): (&Origin, &PartName),
    settings: &S,
    build: impl FnOnce() -> Result<T, String>,
) -> Result<(), String> {
    let key = (origin.clone(), name.clone());
    let part = match before.get(&key).filter(|(old, _)| old == settings) {
        Some((_, part)) => Arc::clone(part),
        None => Arc::new(build()?),
    };
    built.insert(key, (settings.clone(), part));
    Ok(())
}

fn find<S, T>(parts: &Parts<S, T>, rule: &RouteSpec, names: &[PartName], kind: &str) -> Result<Vec<Arc<T>>, String> {
    let find = |name: &PartName| match parts.get(&(rule.origin.clone(), name.clone())) {
        Some((_, part)) => Ok(Arc::clone(part)),
        None => Err(format!("the route {} names the {kind} `{name}`, which is not there", rule.path)),
    };
    names.iter().map(find).collect()
}

fn scheme(name: &PartName, settings: &AuthSettings, limits: &Limits) -> Result<Scheme, String> {
    Scheme::new(name, settings, limits.key_interval).map_err(|error| format!("gateway.auth.{name}: {error}"))
}

/// Whether an app's parts can be built: asked before anything is deployed.
///
/// # Errors
/// Says which cannot, and why.
pub fn check(app: &GatewaySettings) -> Result<(), String> {
    let limits = Limits::default();
    app.auth.iter().try_for_each(|(name, settings)| scheme(name, settings, &limits).map(drop))
}
