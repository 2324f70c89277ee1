//! What services keep, as it travels.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One key that a service keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StateKey {
    /// Its bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// Bytes of its value.
    pub bytes: u64,
}

/// One key with its value: a line of an export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StateRecord {
    /// Its bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// The value, in base64.
    pub value: String,
}

/// What was taken over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Imported {
    /// How many keys.
    pub keys: u64,
}

impl StateRecord {
    /// A key with its value.
    pub fn new(bucket: String, key: String, value: &[u8]) -> Self {
        Self { bucket, key, value: BASE64_STANDARD.encode(value) }
    }

    /// The value's bytes; `None`: it is not base64.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        BASE64_STANDARD.decode(&self.value).ok()
    }
}
