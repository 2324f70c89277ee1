//! Who asks: the schemes of a rule, of which one must accept the request.
//!
//! | file | question it answers |
//! | --- | --- |
//! | `token`, `strict` | is this text a token at all (pure) |
//! | `keys` | which key may have signed it, and has it |
//! | `claims` | does it speak to us, and now (pure) |
//! | `jwt` | these in order: a scheme of tokens |
//! | `issuer`, `fetch` | where do an issuer's keys come from, and what while it is away |
//! | `api_key` | a scheme of keys |
//! | `refusal` | why is somebody not let in, and what of it are they told |
//! | `tell` | what does the target learn, and what may nobody else tell it |
//!
//! Without credentials the answer is 401 with a challenge, with bad ones 403.

mod api_key;
mod claims;
mod fetch;
mod issuer;
mod jwt;
mod keys;
mod refusal;
mod strict;
mod tell;
#[cfg(test)]
mod tests;
mod token;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use holm_registry::gateway::{AuthSettings, PartName};
use http::header::{HeaderMap, HeaderValue};
use tokio::time::Instant;

use api_key::ApiKeys;
pub(super) use fetch::KeyClient;
pub(super) use issuer::Issuer;
use jwt::JwtScheme;
pub(super) use refusal::Refusal;
pub(super) use tell::forget;

use crate::identity::Identity;

/// One scheme, ready to be used by all rules that name it.
#[derive(Debug)]
pub(super) enum Scheme {
    /// Tokens.
    Jwt(Box<JwtScheme>),
    /// Keys.
    ApiKeys(ApiKeys),
}

/// The schemes of one rule.
#[derive(Debug)]
pub(super) struct Auth {
    schemes: Vec<Arc<Scheme>>,
    scopes: Vec<String>,
}

/// Why somebody is not let in.
#[derive(Debug)]
pub(super) enum Denied {
    /// There are no credentials; these are asked for.
    Unknown(Vec<HeaderValue>),
    /// There are, and no scheme accepts them.
    Refused(Refusal),
}

/// Somebody who is let in.
#[derive(Debug)]
pub(super) struct Accepted<'a> {
    pub(super) identity: Identity,
    scheme: &'a Scheme,
}

impl Scheme {
    /// Reads its keys. `again`: the least time between two questions to an issuer.
    ///
    /// # Errors
    /// Says what is wrong with them.
    pub(super) fn new(name: &PartName, settings: &AuthSettings, again: Duration) -> Result<Self, String> {
        match settings {
            AuthSettings::Jwt(jwt) => JwtScheme::new(name, jwt, again).map(|jwt| Self::Jwt(Box::new(jwt))),
            AuthSettings::ApiKeys(keys) => Ok(Self::ApiKeys(ApiKeys::new(name, keys))),
        }
    }

    /// Whom it asks for keys.
    pub(super) fn issuer(&self) -> Option<&Arc<Issuer>> {
        match self {
            Self::Jwt(jwt) => jwt.issuer(),
            Self::ApiKeys(_) => None,
        }
    }

    /// How a client is asked for credentials (RFC 9110 section 11.6.1, RFC 6750 section 3).
    fn challenge(&self) -> HeaderValue {
        match self {
            Self::Jwt(_) => HeaderValue::from_static("Bearer"),
            Self::ApiKeys(keys) => HeaderValue::try_from(format!("ApiKey header=\"{}\"", keys.header()))
                .unwrap_or(HeaderValue::from_static("ApiKey")),
        }
    }

    /// `None`: the request has no credentials of this kind.
    async fn verify(&self, headers: &HeaderMap, until: Instant) -> Option<Result<Identity, Refusal>> {
        match self {
            Self::Jwt(jwt) => match jwt::bearer(headers)? {
                Ok(token) => Some(jwt.verify(token, SystemTime::now(), until).await),
                Err(refusal) => Some(Err(refusal)),
            },
            Self::ApiKeys(keys) => Some(keys.presented(headers)?.and_then(|key| keys.verify(key))),
        }
    }
}

impl Auth {
    /// Schemes of which one must accept a request, with these scopes besides their own.
    pub(super) fn new(schemes: Vec<Arc<Scheme>>, scopes: &[String]) -> Self {
        Self { schemes, scopes: scopes.to_vec() }
    }

    /// Who asks. `until`: how long an issuer's new keys may be waited for.
    ///
    /// # Errors
    /// When no scheme accepts the request.
    pub(super) async fn authenticate(&self, headers: &HeaderMap, until: Instant) -> Result<Accepted<'_>, Denied> {
        let mut refused: Option<Refusal> = None;
        for scheme in &self.schemes {
            let verified = scheme.verify(headers, until).await;
            let sufficient = verified.map(|identity| {
                let identity = identity?;
                claims::check_scopes(&identity.claims, &self.scopes).map(|()| identity)
            });
            match sufficient {
                Some(Ok(identity)) => return Ok(Accepted { identity, scheme }),
                // of several, the one that says most: it came furthest
                Some(Err(refusal)) if refused.as_ref().is_none_or(|other| other.weight() < refusal.weight()) => {
                    refused = Some(refusal);
                }
                None | Some(Err(_)) => {}
            }
        }
        Err(match refused {
            Some(refusal) => Denied::Refused(refusal),
            None => Denied::Unknown(self.challenges()),
        })
    }

    fn challenges(&self) -> Vec<HeaderValue> {
        let mut challenges: Vec<HeaderValue> = self.schemes.iter().map(|scheme| scheme.challenge()).collect();
        challenges.dedup();
        challenges
    }
}

impl Accepted<'_> {
    /// Tells the target.
    pub(super) fn tell(&self, headers: &mut HeaderMap) {
        let nothing = Default::default();
        let fields = match self.scheme {
            Scheme::Jwt(jwt) => &jwt.settings.headers,
            Scheme::ApiKeys(_) => &nothing,
        };
        tell::tell(headers, &self.identity, fields);
    }
}
