//! All keys of one bucket, as a listing sees them.

use std::fmt;

use super::{Key, bucket_prefix};
use crate::name::ServiceName;

/// All keys of one bucket of one service, as a listing sees them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Keyset(Box<[u8]>);

impl Keyset {
    /// The keyset of a bucket.
    pub fn new(service: &ServiceName, bucket: &str) -> Self {
        Self(bucket_prefix(service, bucket).into())
    }

    /// The keyset whose keys begin with these bytes.
    pub(super) fn from_prefix(prefix: &[u8]) -> Self {
        Self(prefix.into())
    }

    /// The set's key of this name.
    pub fn key(&self, name: &str) -> Key {
        Key::from_bytes(&[&self.0, name.as_bytes()].concat())
    }

    /// What every key of the set begins with.
    pub(in super::super) fn prefix(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Keyset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Key::from_bytes(&self.0).state_parts() {
            Some((service, bucket, _)) => write!(f, "the list of keys in bucket {bucket:?} of service {service}"),
            None => f.write_str("a list of keys"),
        }
    }
}

impl fmt::Debug for Keyset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyset({})", self.0.escape_ascii())
    }
}
