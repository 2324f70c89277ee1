//! `[gateway.auth.NAME]`: how somebody shows who they are, by a token or by a key.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::field::FieldName;
use super::jwt::{JwtSettings, KeySource};
use super::name::PartName;
use crate::digest::Digest;
use crate::settings::bounds::OutOfBounds;

/// Shortest API key that is taken in clear: 128 bits as hex have 32, as base64 22. What is hashed
/// without salt must not be guessable.
pub const SHORTEST_KEY: usize = 20;

/// One scheme.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuthSettings {
    /// `Authorization: Bearer …`, a signed token.
    Jwt(Box<JwtSettings>),
    /// A key in a header field of its own.
    ApiKeys(ApiKeySettings),
}

/// Keys that were handed out, as their hashes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiKeySettings {
    /// Where the key stands.
    pub header: FieldName,
    /// Whose key it is (the principal), and SHA-256 of the key. The key itself is nowhere.
    pub keys: BTreeMap<PartName, Digest>,
}

impl AuthSettings {
    /// What makes no sense, by the key below `[gateway.auth.NAME]`.
    pub fn problems(&self) -> Vec<OutOfBounds> {
        match self {
            Self::Jwt(jwt) => jwt.problems(),
            Self::ApiKeys(keys) => keys.problems(),
        }
    }

    /// The fields in which it tells the target who asks.
    pub fn forwarded(&self) -> impl Iterator<Item = &FieldName> {
        let jwt = match self {
            Self::Jwt(jwt) => Some(jwt),
            Self::ApiKeys(_) => None,
        };
        jwt.into_iter().flat_map(|jwt| jwt.headers.keys())
    }

    /// Names of files become paths: relative ones begin at `base`.
    pub fn resolve_files(&mut self, base: &Path) {
        if let Self::Jwt(jwt) = self
            && let KeySource::PublicKeyFile(path) = &mut jwt.key
        {
            *path = base.join(&*path);
        }
    }

    /// The same with every secret's value replaced, to be shown.
    #[must_use]
    pub fn without_secrets(mut self) -> Self {
        if let Self::Jwt(jwt) = &mut self {
            jwt.hide_secret();
        }
        self
    }
}

impl ApiKeySettings {
    /// Where keys stand unless a manifest says otherwise.
    pub fn default_header() -> FieldName {
        FieldName::from_static("x-api-key")
    }

    fn problems(&self) -> Vec<OutOfBounds> {
        let mut found = Vec::new();
        if let Some(reason) = self.header.reserved() {
            let message = format!("API keys cannot stand in `{}`: {reason}", self.header);
            found.push(problem("header", message, "use a field of its own, as in `header = \"x-api-key\"`"));
        }
        if self.keys.is_empty() {
            let message = "`api_keys` is empty, so nobody would be let in".to_owned();
            found.push(problem("api_keys", message, "name a key, as in `api_keys = { mobile = \"${MOBILE_KEY}\" }`"));
        }
        let mut seen = BTreeMap::new();
        for (name, hash) in &self.keys {
            if let Some(other) = seen.insert(hash.to_string(), name) {
                let message = format!("`{other}` and `{name}` have the same API key");
                found.push(problem("api_keys", message, "a key tells who asks: give each its own"));
            }
        }
        found
    }
}

/// A key as a manifest has it: its hash, or the key itself, which is hashed here and forgotten.
///
/// # Errors
/// For a key that is too short to be a secret, and for a hash that is none.
pub fn parse_api_key(text: &str) -> Result<Digest, String> {
    if text.starts_with("sha256:") {
        return text.parse().map_err(|error: crate::digest::DigestError| error.to_string());
    }
    if text.len() < SHORTEST_KEY {
        return Err(format!(
            "an API key of {} characters could be guessed; make one of at least {SHORTEST_KEY}, for example with `openssl rand -hex 32`",
            text.len()
        ));
    }
    Ok(Digest::of(text.as_bytes()))
}

pub(super) fn problem(field: &str, message: String, help: &str) -> OutOfBounds {
    OutOfBounds { field: field.to_owned(), message, help: help.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_api_key_can_be_guessed_or_is_kept_in_clear() {
        let error = parse_api_key("hunter2").unwrap_err();
        assert!(error.contains("7 characters could be guessed"), "{error}");
        assert!(!error.contains("hunter2"));
        let key = "k".repeat(32);
        let hash = parse_api_key(&key).unwrap();
        assert_eq!(parse_api_key(&hash.to_string()), Ok(hash));
        assert!(parse_api_key("sha256:00").is_err());
        let keys = [("a", &key), ("b", &key)].map(|(name, key)| (name.parse().unwrap(), parse_api_key(key).unwrap()));
        let settings =
            AuthSettings::ApiKeys(ApiKeySettings { header: ApiKeySettings::default_header(), keys: keys.into() });
        assert!(!serde_json::to_string(&settings).unwrap().contains(&key));
        assert!(settings.problems()[0].message.contains("`a` and `b` have the same API key"));
    }
}
