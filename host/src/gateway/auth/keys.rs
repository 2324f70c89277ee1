//! What signatures are checked with. A key is for the algorithms of its own kind alone: that is
//! what keeps a public key from being taken for a secret.

use holm_registry::gateway::jwt::Family;
use holm_registry::gateway::{Algorithm, KeySource};
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm as Native, DecodingKey, crypto};
use serde_json::Value;

use super::token::Token;

/// Most keys of one issuer. Large ones have a handful, a few have dozens.
const MOST_KEYS: usize = 64;
/// Bytes of an RSA modulus of 2048 bits: shorter ones are broken (RFC 7518 section 3.3).
const RSA_BYTES: usize = 256;
/// Bytes of an uncompressed point on P-256, and on P-384.
const POINTS: [(usize, Algorithm); 2] = [(65, Algorithm::ES256), (97, Algorithm::ES384)];

/// The keys of a scheme.
#[derive(Debug)]
pub(super) enum KeySet {
    /// One key, whatever a token calls it.
    Fixed(Key),
    /// An issuer's keys, each with the name that tokens call it by.
    Named(Vec<(Option<String>, Key)>),
}

#[derive(Debug)]
pub(super) struct Key {
    algorithms: Vec<Algorithm>,
    material: DecodingKey,
}

/// Why a signature does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotSigned {
    /// There is no key of that name for that algorithm; a newer set may have one.
    UnknownKey,
    /// The key is there, and has not made it.
    Forged,
}

impl KeySet {
    /// The key that a manifest has.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub(super) fn fixed(source: &KeySource, accepted: &[Algorithm]) -> Result<Self, String> {
        match source {
            KeySource::Secret(secret) => Ok(Self::Fixed(Key::new(
                DecodingKey::from_secret(secret.reveal().as_bytes()),
                &Algorithm::ALL,
                accepted,
            )?)),
            KeySource::PublicKey(pem) => Ok(Self::Fixed(from_pem(pem, accepted)?)),
            KeySource::PublicKeyFile(_) => Err("the public key is in a file that only its deployer has".to_owned()),
            KeySource::Jwks { .. } => Ok(Self::Named(Vec::new())),
        }
    }

    /// What an issuer published (RFC 7517 section 5). Keys of other kinds and for other uses are
    /// left out, as that section asks; secrets, too, since what is published is none.
    ///
    /// # Errors
    /// When it is no set of keys, or none of them is of use.
    pub(super) fn published(json: &[u8], accepted: &[Algorithm]) -> Result<Self, String> {
        let set: Value = serde_json::from_slice(json).map_err(|error| format!("it is no JSON: {error}"))?;
        let keys = set.get("keys").and_then(Value::as_array).ok_or("it has no list `keys`")?;
        if keys.len() > MOST_KEYS {
            return Err(format!("it has {} keys, and {MOST_KEYS} are the most", keys.len()));
        }
        let usable: Vec<_> = keys.iter().filter_map(|key| from_jwk(key, accepted)).collect();
        match usable.is_empty() {
            true => Err("none of its keys is for an accepted algorithm".to_owned()),
            false => Ok(Self::Named(usable)),
        }
    }

    /// Whether there are no keys yet.
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Named(keys) if keys.is_empty())
    }

    /// Whether one of the keys has signed.
    ///
    /// # Errors
    /// When none has.
    pub(super) fn check(&self, token: &Token<'_>) -> Result<(), NotSigned> {
        let key = match self {
            Self::Fixed(key) => Some(key).filter(|key| key.algorithms.contains(&token.algorithm)),
            Self::Named(keys) => pick(keys, token),
        };
        let key = key.ok_or(NotSigned::UnknownKey)?;
        let signed = crypto::verify(token.signature, token.signed.as_bytes(), &key.material, native(token.algorithm));
        if signed.unwrap_or(false) { Ok(()) } else { Err(NotSigned::Forged) }
    }
}

/// The key that a token names. One that names none may only mean the one that there is.
fn pick<'a>(keys: &'a [(Option<String>, Key)], token: &Token<'_>) -> Option<&'a Key> {
    let named = |id: &Option<String>| token.key_id.is_none() || *id == token.key_id;
    let mut fitting = keys.iter().filter(|(id, key)| named(id) && key.algorithms.contains(&token.algorithm));
    let first = fitting.next().map(|(_, key)| key);
    if token.key_id.is_none() && fitting.next().is_some() { None } else { first }
}

impl Key {
    /// `own`: the algorithms that such a key can be for.
    fn new(material: DecodingKey, own: &[Algorithm], accepted: &[Algorithm]) -> Result<Self, String> {
        let family = |algorithm: &Algorithm| native(*algorithm).family() == material.family();
        let algorithms: Vec<_> =
            accepted.iter().copied().filter(|algorithm| family(algorithm) && own.contains(algorithm)).collect();
        match algorithms.is_empty() {
            true => Err("the key is for none of the accepted algorithms".to_owned()),
            false => Ok(Self { algorithms, material }),
        }
    }
}

fn from_pem(pem: &str, accepted: &[Algorithm]) -> Result<Key, String> {
    if pem.contains("PRIVATE KEY") {
        return Err("this is a private key: keep it where tokens are made, and give the public one here".to_owned());
    }
    if !pem.contains("-----BEGIN PUBLIC KEY-----") && !pem.contains("-----BEGIN RSA PUBLIC KEY-----") {
        return Err("this is no public key as PEM; it begins with `-----BEGIN PUBLIC KEY-----`".to_owned());
    }
    let bytes = pem.as_bytes();
    let material = DecodingKey::from_rsa_pem(bytes)
        .or_else(|_| DecodingKey::from_ec_pem(bytes))
        .or_else(|_| DecodingKey::from_ed_pem(bytes))
        .map_err(|_| "this is no RSA, EC (P-256, P-384) or Ed25519 key".to_owned())?;
    let encoded = material.try_get_as_bytes().unwrap_or_default();
    let (family, length) =
        (Algorithm::ALL.into_iter().find(|one| native(*one).family() == material.family()), encoded.len());
    let own = match family.map(Algorithm::family) {
        Some(Family::Rsa) if length < RSA_BYTES => return Err("the RSA key has fewer than 2048 bits".to_owned()),
        Some(Family::Ec) => {
            POINTS.iter().filter(|(size, _)| *size == length).map(|(_, algorithm)| *algorithm).collect()
        }
        _ => Algorithm::ALL.to_vec(),
    };
    Key::new(material, &own, accepted)
}

/// `None` for a key that is of no use here.
fn from_jwk(json: &Value, accepted: &[Algorithm]) -> Option<(Option<String>, Key)> {
    let jwk: Jwk = serde_json::from_value(json.clone()).ok()?;
    let common = &jwk.common;
    let for_signatures = common.public_key_use.as_ref().is_none_or(|kind| *kind == PublicKeyUse::Signature);
    let verifies = common.key_operations.as_ref().is_none_or(|all| all.contains(&KeyOperations::Verify));
    let own: Vec<Algorithm> = match &jwk.algorithm {
        AlgorithmParameters::RSA(key) if key.n.len() * 3 / 4 >= RSA_BYTES => of_family(Family::Rsa),
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => vec![Algorithm::ES256],
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P384 => vec![Algorithm::ES384],
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => vec![Algorithm::EdDSA],
        _ => return None,
    };
    let named = common.key_algorithm.map(|algorithm| algorithm.to_string());
    let own: Vec<_> = own.into_iter().filter(|one| named.as_ref().is_none_or(|name| name == one.as_str())).collect();
    let key = Key::new(DecodingKey::from_jwk(&jwk).ok()?, &own, accepted).ok()?;
    (for_signatures && verifies).then(|| (common.key_id.clone(), key))
}

fn of_family(family: Family) -> Vec<Algorithm> {
    Algorithm::ALL.into_iter().filter(|algorithm| algorithm.family() == family).collect()
}

fn native(algorithm: Algorithm) -> Native {
    match algorithm {
        Algorithm::HS256 => Native::HS256,
        Algorithm::HS384 => Native::HS384,
        Algorithm::HS512 => Native::HS512,
        Algorithm::RS256 => Native::RS256,
        Algorithm::RS384 => Native::RS384,
        Algorithm::RS512 => Native::RS512,
        Algorithm::PS256 => Native::PS256,
        Algorithm::PS384 => Native::PS384,
        Algorithm::PS512 => Native::PS512,
        Algorithm::ES256 => Native::ES256,
        Algorithm::ES384 => Native::ES384,
        Algorithm::EdDSA => Native::EdDSA,
    }
}
