//! The limits of a service as they travel.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::services;

/// One limit of a service.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Limit {
    /// The key in the manifest, below the service, and the label in `/metrics`.
    pub limit: String,
    /// Its value as the manifest writes it: `64MiB`, `500ms`, `128`.
    pub value: String,
    /// `default`; `set` by the service's settings; `host`: the same for all services.
    pub origin: String,
    /// How often it was met since the host started.
    pub hits: u64,
    /// How much of it is taken, of what a service keeps: keys, or bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<u64>,
    /// Why there is one.
    pub reason: String,
}

impl From<services::LimitLine> for Limit {
    fn from(line: services::LimitLine) -> Self {
        let services::LimitLine { limit, value, origin, hits, used } = line;
        let (reason, limit) = (limit.reason().to_owned(), limit.name().to_owned());
        Self { limit, value, origin: origin.as_str().to_owned(), hits, used, reason }
    }
}
