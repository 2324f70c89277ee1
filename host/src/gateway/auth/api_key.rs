//! A scheme of keys. The host knows only their hashes: comparing those tells an attacker nothing
//! about the key, however long it takes.

use std::collections::HashMap;

use holm_registry::Digest;
use holm_registry::gateway::{ApiKeySettings, PartName};
use http::HeaderMap;

use super::refusal::Refusal;
use crate::identity::Identity;

/// Longest key that is hashed.
const LONGEST: usize = 512;

/// One scheme.
#[derive(Debug)]
pub(in crate::gateway) struct ApiKeys {
    name: PartName,
    settings: ApiKeySettings,
    by_hash: HashMap<Digest, PartName>,
}

impl ApiKeys {
    pub(super) fn new(name: &PartName, settings: &ApiKeySettings) -> Self {
        let by_hash = settings.keys.iter().map(|(name, hash)| (*hash, name.clone())).collect();
        Self { name: name.clone(), settings: settings.clone(), by_hash }
    }

    /// The key of a request, if it has one.
    pub(super) fn presented<'a>(&self, headers: &'a HeaderMap) -> Option<Result<&'a [u8], Refusal>> {
        let mut values = headers.get_all(self.settings.header.as_header()).iter();
        let key = values.next().map(|value| value.as_bytes()).filter(|key| !key.is_empty())?;
        let one_of_a_sane_length = values.next().is_none() && key.len() <= LONGEST;
        Some(if one_of_a_sane_length { Ok(key) } else { Err(Refusal::ApiKey) })
    }

    /// Whose key it is.
    pub(super) fn verify(&self, key: &[u8]) -> Result<Identity, Refusal> {
        let owner = self.by_hash.get(&Digest::of(key)).ok_or(Refusal::ApiKey)?.to_string();
        let (scheme, principal) = (self.name.to_string(), Some(owner.clone()));
        Ok(Identity { scheme, principal, api_key: Some(owner), ..Identity::default() })
    }

    /// Where it looks for keys.
    pub(super) fn header(&self) -> &str {
        self.settings.header.as_str()
    }
}
