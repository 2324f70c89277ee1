//! One rule of the gateway, ready to be applied: as it was deployed, with what its stages need.

use std::sync::Arc;

use holm_registry::discovery::ranges::IpRange;
use holm_registry::route::RouteSpec;

use super::auth::Auth;
use super::rate::Limits;
use super::shared::Shared;
use crate::telemetry::metrics::{Metrics, RouteMetrics};

/// One rule, with its name in logs and metrics.
#[derive(Debug)]
pub(super) struct Rule {
    /// As deployed.
    pub(super) spec: RouteSpec,
    /// Its path pattern as text.
    pub(super) label: Arc<str>,
    /// Where its requests are counted.
    pub(super) metrics: Arc<RouteMetrics>,
    /// Who may ask; `None`: everybody.
    pub(super) auth: Option<Auth>,
    /// How often.
    pub(super) rate: Limits,
    /// Proxies whose word counts.
    pub(super) trusted: Arc<[IpRange]>,
}

impl Rule {
    /// Takes what the rule refers to from `shared`.
    ///
    /// # Errors
    /// Says what of it is not there.
    pub(super) fn new(spec: &RouteSpec, shared: &Shared, metrics: &Metrics) -> Result<Self, String> {
        let label: Arc<str> = spec.path.to_string().into();
        let metrics = metrics.route(&label, spec.target.service());
        let (auth, rate, trusted) = (shared.auth(spec)?, shared.rate(spec)?, shared.trusted(&spec.origin));
        Ok(Self { spec: spec.clone(), label, metrics, auth, rate, trusted })
    }
}
