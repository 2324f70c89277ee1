//! The limits of a service, as `holm inspect SERVICE` shows them.

use crate::admin::api::Limit;

/// The columns of [`rows`].
pub(super) const HEADER: [&str; 6] = ["LIMIT", "VALUE", "FROM", "USED", "HITS", "BECAUSE"];

/// One row a limit.
pub(super) fn rows(limits: &[Limit]) -> Vec<Vec<String>> {
    limits.iter().map(row).collect()
}

fn row(limit: &Limit) -> Vec<String> {
    let Limit { limit, value, origin, used, hits, reason } = limit.clone();
    vec![limit, value, origin, used.map(|used| used.to_string()).unwrap_or_default(), hits.to_string(), reason]
}
