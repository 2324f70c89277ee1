//! What stands between a rule and its target when the target is slow, full or down.

use serde::{Deserialize, Serialize};

use super::{PathPattern, RouteError, Target};
use crate::settings::bounds::OutOfBounds;
use crate::settings::{BreakerSettings, BulkheadSettings, RetrySettings, call_bounds};

/// As a rule has it. What is `None` is not there: no retries, no breaker, no bulkhead.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RoutePolicy {
    /// How often a failed request is sent again, if its method is idempotent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetrySettings>,
    /// When the target is left alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breaker: Option<BreakerSettings>,
    /// How many requests may be under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bulkhead: Option<BulkheadSettings>,
    /// Who answers instead of a target that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Box<Target>>,
}

impl RoutePolicy {
    /// Whether nothing stands there.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Numbers that make no sense, named as in a rule.
    pub fn problems(&self) -> Vec<OutOfBounds> {
        let retry = self.retry.iter().flat_map(|retry| call_bounds::retry("retry", retry));
        let breaker = self.breaker.iter().flat_map(|breaker| call_bounds::breaker("breaker", breaker));
        let bulkhead = self.bulkhead.iter().flat_map(|bulkhead| call_bounds::bulkhead("bulkhead", bulkhead));
        retry.chain(breaker).chain(bulkhead).collect()
    }

    pub(super) fn check(&self, path: &PathPattern) -> Result<(), RouteError> {
        self.fallback.as_ref().map_or(Ok(()), |fallback| fallback.check(path))
    }
}
