//! A scheme of tokens: form, signature, claims, in this order.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use holm_registry::gateway::{JwtSettings, KeySource, PartName};
use http::header::{self, HeaderMap};
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::claims;
use super::issuer::Issuer;
use super::keys::KeySet;
use super::refusal::Refusal;
use super::token::Token;
use crate::identity::Identity;

/// One scheme.
#[derive(Debug)]
pub(in crate::gateway) struct JwtScheme {
    name: PartName,
    pub(super) settings: JwtSettings,
    keys: Keys,
}

#[derive(Debug)]
enum Keys {
    Fixed(KeySet),
    Issuer(Arc<Issuer>),
}

impl JwtScheme {
    /// Reads the keys.
    ///
    /// # Errors
    /// Says what is wrong with them.
    pub(super) fn new(name: &PartName, settings: &JwtSettings, again: Duration) -> Result<Self, String> {
        let keys = match &settings.key {
            KeySource::Jwks { url, refresh } => {
                let (name, algorithms) = (name.clone(), settings.algorithms.clone());
                Keys::Issuer(Arc::new(Issuer::new(name, url.clone(), *refresh, algorithms, again)))
            }
            fixed => Keys::Fixed(KeySet::fixed(fixed, &settings.algorithms)?),
        };
        Ok(Self { name: name.clone(), settings: settings.clone(), keys })
    }

    /// Whom it asks for keys.
    pub(super) fn issuer(&self) -> Option<&Arc<Issuer>> {
        match &self.keys {
            Keys::Fixed(_) => None,
            Keys::Issuer(issuer) => Some(issuer),
        }
    }

    /// Who has sent this token. `until`: how long a new key may be waited for.
    pub(super) async fn verify(&self, text: &str, now: SystemTime, until: Instant) -> Result<Identity, Refusal> {
        let token = Token::parse(text)?;
        if !self.settings.algorithms.contains(&token.algorithm) {
            return Err(Refusal::Form("its algorithm is not accepted"));
        }
        match &self.keys {
            Keys::Fixed(key) => key.check(&token).map_err(|_| Refusal::Signature)?,
            Keys::Issuer(issuer) => issuer.check(&token, until).await?,
        }
        let claims = token.claims()?;
        claims::check(&claims, &self.settings, now)?;
        Ok(self.identity(claims))
    }

    fn identity(&self, claims: Map<String, Value>) -> Identity {
        let mut identity = Identity { scheme: self.name.to_string(), claims, ..Identity::default() };
        identity.principal = match identity.claim(&self.settings.principal) {
            Some(Value::String(text)) => Some(text.clone()),
            Some(Value::Number(number)) => Some(number.to_string()),
            _ => None,
        };
        identity
    }
}

/// The token of `Authorization: Bearer …`; `None` when there is none, or another kind of
/// authorization.
pub(super) fn bearer(headers: &HeaderMap) -> Option<Result<&str, Refusal>> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let first = values.next()?;
    if values.next().is_some() {
        return Some(Err(Refusal::Form("there is more than one")));
    }
    let Ok(text) = first.to_str() else { return Some(Err(Refusal::Form("it is not ASCII"))) };
    let (kind, token) = text.split_once(' ')?;
    let token = token.trim_matches(' ');
    (kind.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(Ok(token))
}
