//! The limits of a service, as `holm inspect SERVICE` shows them.

use crate::admin::api::Limit;

/// The columns of [`rows`].
pub(super) const HEADER: [&str; 5] = ["LIMIT", "VALUE", "FROM", "HITS", "BECAUSE"];

/// One row a limit.
pub(super) fn rows(limits: &[Limit]) -> Vec<Vec<String>> {
    limits.iter().map(row).collect()
}

fn row(limit: &Limit) -> Vec<String> {
    vec![limit.limit.clone(), limit.value.clone(), limit.origin.clone(), limit.hits.to_string(), limit.reason.clone()]
}
