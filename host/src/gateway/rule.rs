//! One rule of the gateway, ready to be applied: as it was deployed, with what its stages need.

use std::sync::Arc;

use holm_registry::discovery::ranges::IpRange;
use holm_registry::route::RouteSpec;

use super::auth::Auth;
use super::guard::Guard;
use super::rate::Limits;
use super::shared::Shared;
use crate::mesh::policy::Policies;
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
    /// What stands around the target; `None`: nothing.
    pub(super) guard: Option<Guard>,
}

impl AsRef<RouteSpec> for Rule {
    fn as_ref(&self) -> &RouteSpec {
        &self.spec
    }
}

impl Rule {
    /// Takes what the rule refers to from `shared`.
    ///
    /// # Errors
    /// Says what of it is not there.
    pub(super) fn new(
        spec: &RouteSpec,
        shared: &Shared,
        metrics: &Metrics,
        policies: &Policies,
    ) -> Result<Self, String> {
        let label: Arc<str> = spec.path.to_string().into();
        let metrics = metrics.route(&label, spec.target.service());
        let (auth, rate, trusted) = (shared.auth(spec)?, shared.rate(spec)?, shared.trusted(&spec.origin));
        let guard = Guard::new(spec, policies);
        Ok(Self { spec: spec.clone(), label, metrics, auth, rate, trusted, guard })
    }
}
