//! Signing components, and deciding who vouches for one. Ed25519 (RFC 8032) over
//!
//! ```text
//! holm component v1\n
//! sha256:<64 hex digits>
//! ```
//!
//! without a line end behind the digest. The first line keeps a signature that the same key made
//! for another purpose from ever counting here.

use std::fmt;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use holm_registry::Digest;
use holm_registry::signature::{PublicKey, Signature};

/// What every signed text begins with.
const DOMAIN: &str = "holm component v1\n";
/// How a secret key begins as text.
const SECRET: &str = "ed25519-secret:";

/// A key that signs.
pub struct SecretKey {
    seed: [u8; 32],
    pair: Ed25519KeyPair,
    public: PublicKey,
}

/// Why there is no secret key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The text is something else. It is not shown: it may be half a secret.
    #[error("it holds no secret key; one is `ed25519-secret:` and 64 hex digits, as `holm keys new` writes it")]
    Text,
    /// The system gives no randomness.
    #[error("no random bytes for a key: {0}")]
    Random(#[from] getrandom::Error),
}

impl SecretKey {
    /// A new one.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn generate() -> Result<Self, KeyError> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed)?;
        Self::from_seed(seed)
    }

    /// A key as [`SecretKey::reveal`] gave it, with or without a line end.
    ///
    /// # Errors
    /// When the text is something else.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let hex = text.trim().strip_prefix(SECRET).ok_or(KeyError::Text)?;
        // a digest is 32 bytes in hex digits, too
        let seed: Digest = format!("sha256:{hex}").parse().map_err(|_| KeyError::Text)?;
        Self::from_seed(*seed.as_bytes())
    }

    fn from_seed(seed: [u8; 32]) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| KeyError::Text)?;
        let public = pair.public_key().as_ref().try_into().map_err(|_| KeyError::Text)?;
        Ok(Self { seed, pair, public: PublicKey::from_bytes(public) })
    }

    /// The secret itself, as text, for a file of its owner.
    pub fn reveal(&self) -> String {
        format!("{SECRET}{}", Digest::from_bytes(self.seed).hex())
    }

    /// Its other half, for everybody.
    pub fn public(&self) -> PublicKey {
        self.public
    }

    /// Vouches for a component.
    pub fn sign(&self, digest: &Digest) -> Option<Signature> {
        let bytes = self.pair.sign(&message(digest)).as_ref().try_into().ok()?;
        Some(Signature { key: self.public, bytes })
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({})", self.public)
    }
}

/// Whether the key that a signature names has made it for this component.
pub fn is_right(signature: &Signature, digest: &Digest) -> bool {
    let key = UnparsedPublicKey::new(&ED25519, signature.key.as_bytes());
    key.verify(&message(digest), &signature.bytes).is_ok()
}

fn message(digest: &Digest) -> Vec<u8> {
    format!("{DOMAIN}{digest}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8032, 7.1, test 1: the secret key and its public key.
    const SEED: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    const PUBLIC: &str = "ed25519:d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

    #[test]
    fn a_key_of_the_standard_has_another_public_half() {
        let key = SecretKey::parse(&format!("{SECRET}{SEED}\n")).unwrap();
        assert_eq!(key.public().to_string(), PUBLIC);
        assert_eq!(key.reveal(), format!("{SECRET}{SEED}"));
    }

    #[test]
    fn a_signature_of_something_else_counts() {
        let (key, other) = (SecretKey::generate().unwrap(), SecretKey::generate().unwrap());
        let digest = Digest::of(b"component");
        let signature = key.sign(&digest).unwrap();
        assert!(is_right(&signature, &digest));
        assert!(!is_right(&signature, &Digest::of(b"another")));
        assert!(!is_right(&Signature { key: other.public(), ..signature }, &digest));
        let mut changed = signature;
        changed.bytes[63] ^= 1;
        assert!(!is_right(&changed, &digest));
        // the digest alone, without what it is signed for
        let bytes = key.pair.sign(digest.to_string().as_bytes()).as_ref().try_into().unwrap();
        assert!(!is_right(&Signature { key: key.public(), bytes }, &digest));
    }

    #[test]
    fn a_secret_key_is_told_in_an_error_or_a_log() {
        let key = SecretKey::generate().unwrap();
        let secret = key.reveal();
        assert!(!format!("{key:?}").contains(&secret[SECRET.len()..]));
        let error = SecretKey::parse(&secret[..60]).unwrap_err().to_string();
        assert!(!error.contains(&secret[20..40]), "{error}");
    }
}
