//! Services that are not Wasm, as they travel.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A service that is not Wasm.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct OutsideService {
    /// Its name.
    pub service: String,
    /// `external` for one that a manifest names, `registered` for one that clients registered.
    pub kind: String,
    /// The app whose manifest names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// In the order of their ids.
    pub instances: Vec<OutsideInstance>,
}

/// One instance of it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct OutsideInstance {
    /// Unique on the host.
    pub id: String,
    /// Where it is.
    pub url: String,
    /// The worst of its checks: `passing`, `warning` or `critical`.
    pub status: String,
    /// Left out because requests failed there one after the other, whatever its checks say.
    pub ejected: bool,
    /// Requests under way there.
    pub in_flight: u32,
    /// Its tags.
    pub tags: Vec<String>,
    /// Its checks.
    pub checks: Vec<OutsideCheck>,
}

/// One check of it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct OutsideCheck {
    /// Unique on the host.
    pub id: String,
    /// `passing`, `warning` or `critical`.
    pub status: String,
    /// What the last result said.
    pub output: String,
}
