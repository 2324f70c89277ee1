//! JSON Web Tokens (RFC 7519): which ones a scheme accepts, with the advice of RFC 8725.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::auth::problem;
use super::field::FieldName;
use crate::discovery::url::HttpUrl;
use crate::settings::Secret;
use crate::settings::bounds::OutOfBounds;
use crate::text::serde_as_text;
use crate::units::duration_text;

/// Shortest secret, in bytes: RFC 7518 section 3.2 wants one as long as the hash, which is 32 for
/// HS256. A shorter one is found by trying words on a single token.
const SHORTEST_SECRET: usize = 32;
/// What is shown of a secret: as long as one, so that what is printed is a manifest again.
const HIDDEN: &str = "(hidden: put the secret here again)";
/// Two clocks that are further apart than this are not both right.
const LONGEST_LEEWAY: Duration = Duration::from_secs(600);
/// An issuer is asked at most once a minute by plan, and a key that was withdrawn is not used for
/// longer than a day.
const REFRESH: std::ops::RangeInclusive<Duration> = Duration::from_secs(60)..=Duration::from_secs(24 * 60 * 60);

/// A signature algorithm (RFC 7518 section 3.1, RFC 8037). `none` is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names of RFC 7518")]
pub enum Algorithm {
    HS256,
    HS384,
    HS512,
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    EdDSA,
}

/// Which keys an algorithm is for. A key serves one family alone: that is what keeps a public key
/// from being used as a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// A shared secret.
    Hmac,
    /// An RSA key.
    Rsa,
    /// A key on P-256 or P-384.
    Ec,
    /// An Ed25519 key.
    Ed,
}

/// A text that is no [`Algorithm`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no algorithm for tokens; use some of {}", list(&Algorithm::ALL))]
pub struct UnknownAlgorithm {
    text: String,
}

/// What a token must be like.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JwtSettings {
    /// The algorithms that are accepted, all of them for the kind of key below.
    pub algorithms: Vec<Algorithm>,
    /// What signatures are checked with.
    pub key: KeySource,
    /// Accepted issuers (`iss`). Empty: not looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub issuer: Vec<String>,
    /// Our names: one of them must be in `aud`. Empty: not looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audience: Vec<String>,
    /// How far the issuer's clock and ours may be apart.
    #[serde(with = "duration_text", default = "JwtSettings::default_leeway")]
    pub leeway: Duration,
    /// Whether a token needs an end (`exp`). One that is there counts either way.
    #[serde(default)]
    pub expiry: Expiry,
    /// Claims that must be there with this value; of a list, one item.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub claims: BTreeMap<String, Value>,
    /// Scopes that must be there, all of them (`scope` or `scp`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// The claim that says who it is.
    #[serde(default = "JwtSettings::default_principal")]
    pub principal: String,
    /// Fields in which the target gets claims, by name of the field.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<FieldName, String>,
}

/// Where the key is that signatures are checked with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeySource {
    /// A secret that the issuer has, too.
    Secret(Secret),
    /// A public key, as PEM.
    PublicKey(String),
    /// A file with a public key. Only in a manifest: whoever deploys it puts the key in its place.
    PublicKeyFile(PathBuf),
    /// The issuer's keys, asked of it (RFC 7517).
    Jwks {
        /// Where.
        url: HttpUrl,
        /// How old they may become before it is asked again.
        #[serde(with = "duration_text")]
        refresh: Duration,
    },
}

/// Whether a token needs an end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Expiry {
    /// One without is refused.
    #[default]
    Required,
    /// One without is valid for ever.
    Optional,
}

impl JwtSettings {
    /// As much as machines without a time server drift apart in months.
    pub fn default_leeway() -> Duration {
        Duration::from_secs(60)
    }

    /// `sub`, as RFC 7519 has it.
    pub fn default_principal() -> String {
        "sub".to_owned()
    }

    pub(super) fn hide_secret(&mut self) {
        if let KeySource::Secret(secret) = &mut self.key {
            *secret = Secret::new(HIDDEN);
        }
    }

    pub(super) fn problems(&self) -> Vec<OutOfBounds> {
        let mut found = self.key.problems();
        found.extend(self.algorithm_problem());
        if self.leeway > LONGEST_LEEWAY {
            let message = "`leeway` is more than 10m: a token would outlive its end by that much".to_owned();
            found.push(problem("leeway", message, "set the clocks by a time server; 60s is the default"));
        }
        for (field, reason) in self.headers.keys().filter_map(|field| Some((field, field.reserved()?))) {
            let message = format!("claims cannot stand in the field `{field}`: {reason}");
            found.push(problem("headers", message, "choose another name, as in `x-user-id`"));
        }
        if self.principal.is_empty() || self.claims.keys().any(String::is_empty) {
            let message = "a claim has an empty name".to_owned();
            found.push(problem("principal", message, "name a claim, as in `principal = \"sub\"`"));
        }
        found
    }

    fn algorithm_problem(&self) -> Option<OutOfBounds> {
        let wrong = |algorithm: &&Algorithm| (algorithm.family() == Family::Hmac) != self.key.is_secret();
        let message = match self.algorithms.iter().find(wrong) {
            Some(algorithm) if self.key.is_secret() => {
                format!("`{}` needs a public key, and this scheme has a secret", algorithm.as_str())
            }
            Some(algorithm) => format!("`{}` needs a secret, and this scheme has public keys", algorithm.as_str()),
            None if self.algorithms.is_empty() => "`algorithms` is empty, so no token would be accepted".to_owned(),
            None => return None,
        };
        Some(problem(
            "algorithms",
            message,
            "HS256, HS384 and HS512 go with `secret`, all others with `public_key` or `jwks`",
        ))
    }
}

impl KeySource {
    /// How old an issuer's keys become unless a manifest says otherwise: a key that was withdrawn
    /// is gone within a quarter of an hour.
    pub const REFRESH: Duration = Duration::from_secs(15 * 60);

    /// The algorithms of a scheme that names none.
    pub fn default_algorithms(&self) -> Vec<Algorithm> {
        match self {
            Self::Secret(_) => vec![Algorithm::HS256],
            _ => vec![Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA],
        }
    }

    fn is_secret(&self) -> bool {
        matches!(self, Self::Secret(_))
    }

    fn problems(&self) -> Vec<OutOfBounds> {
        match self {
            Self::Secret(secret) if secret.reveal().len() < SHORTEST_SECRET => {
                let length = secret.reveal().len();
                let message =
                    format!("`secret` has {length} bytes, and {SHORTEST_SECRET} are the least (RFC 7518 section 3.2)");
                let help =
                    "a short secret is found by trying; make a long one, for example with `openssl rand -base64 48`";
                vec![problem("secret", message, help)]
            }
            Self::Jwks { url, refresh } => jwks_problems(url, *refresh),
            Self::Secret(_) | Self::PublicKey(_) | Self::PublicKeyFile(_) => Vec::new(),
        }
    }
}

fn jwks_problems(url: &HttpUrl, refresh: Duration) -> Vec<OutOfBounds> {
    let mut found = Vec::new();
    if url.uri().scheme_str() == Some("http") && !is_this_machine(url.host()) {
        let message = format!("`{url}` is not https, so whoever is on the way could put in keys of their own");
        found.push(problem("jwks", message, "use https; plain http is for this machine alone"));
    }
    if !REFRESH.contains(&refresh) {
        let message = "`refresh` must be from 1m to 24h".to_owned();
        found.push(problem("refresh", message, "15m is the default; an unknown key is asked for at once"));
    }
    found
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.to_canonical().is_loopback())
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::HS256,
        Self::HS384,
        Self::HS512,
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::ES256,
        Self::ES384,
        Self::EdDSA,
    ];

    /// As in a token's `alg`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HS256 => "HS256",
            Self::HS384 => "HS384",
            Self::HS512 => "HS512",
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::EdDSA => "EdDSA",
        }
    }

    /// Which keys it is for.
    pub fn family(self) -> Family {
        match self {
            Self::HS256 | Self::HS384 | Self::HS512 => Family::Hmac,
            Self::RS256 | Self::RS384 | Self::RS512 | Self::PS256 | Self::PS384 | Self::PS512 => Family::Rsa,
            Self::ES256 | Self::ES384 => Family::Ec,
            Self::EdDSA => Family::Ed,
        }
    }
}

fn list(algorithms: &[Algorithm]) -> String {
    algorithms.iter().map(|algorithm| algorithm.as_str()).collect::<Vec<_>>().join(", ")
}

impl std::str::FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    /// In exactly this spelling: `hs256` and `nOnE` are unknown.
    fn from_str(text: &str) -> Result<Self, UnknownAlgorithm> {
        let known = Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == text);
        known.ok_or_else(|| UnknownAlgorithm { text: text.chars().take(20).collect() })
    }
}

impl std::fmt::Display for Algorithm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

serde_as_text!(Algorithm);
