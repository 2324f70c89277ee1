//! Who vouches for a component: public keys and signatures as text.
//!
//! ```text
//! key        ed25519:<64 hex digits>
//! signature  ed25519:<64 hex digits of the key>:<128 hex digits>
//! ```
//!
//! A signature names its key, so that a refusal can say whose it is. Whether it is right is
//! decided where the cryptography is, in the host.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::hex;
use crate::text::serde_as_text;

/// How every key and signature begins.
const PREFIX: &str = "ed25519:";

/// A public key of Ed25519 (RFC 8032), 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; 32]);

/// A signature of Ed25519, 64 bytes, with the key that it is said to be of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature {
    /// Whose it is said to be.
    pub key: PublicKey,
    /// R and S, as RFC 8032 puts them together.
    pub bytes: [u8; 64],
}

/// Why a text is no key or signature.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SignatureError {
    /// Not a public key.
    #[error("`{text}` is not a public key; write `ed25519:` and 64 hex digits, as `holm keys new` prints it")]
    Key {
        /// The text.
        text: String,
    },
    /// Not a signature.
    #[error(
        "`{text}` is not a signature; it is `ed25519:`, 64 hex digits, `:` and 128 hex digits, as `holm keys sign` writes it"
    )]
    Signature {
        /// The text, cut short.
        text: String,
    },
}

impl PublicKey {
    /// A key from its 32 bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl FromStr for PublicKey {
    type Err = SignatureError;

    fn from_str(text: &str) -> Result<Self, SignatureError> {
        let key = text.strip_prefix(PREFIX).and_then(hex::parse).map(Self);
        key.ok_or_else(|| SignatureError::Key { text: text.chars().take(80).collect() })
    }
}

impl FromStr for Signature {
    type Err = SignatureError;

    fn from_str(text: &str) -> Result<Self, SignatureError> {
        let parsed = text
            .rsplit_once(':')
            .and_then(|(key, bytes)| Some(Self { key: key.parse().ok()?, bytes: hex::parse(bytes)? }));
        parsed.ok_or_else(|| SignatureError::Signature { text: text.chars().take(80).collect() })
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", hex::write(&self.0))
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.key, hex::write(&self.bytes))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

serde_as_text!(PublicKey);
serde_as_text!(Signature);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printed_key_or_signature_cannot_be_read_back() {
        let key = PublicKey::from_bytes([0xa5; 32]);
        assert_eq!(key.to_string().parse(), Ok(key));
        let signature = Signature { key, bytes: [0x5a; 64] };
        assert_eq!(signature.to_string().parse(), Ok(signature));
        assert_eq!(signature.to_string(), format!("ed25519:{}:{}", "a5".repeat(32), "5a".repeat(64)));
        assert_eq!(serde_json::to_value(signature).unwrap(), signature.to_string());
    }

    #[test]
    fn half_a_key_is_one() {
        let key = format!("ed25519:{}", "a5".repeat(32));
        for wrong in ["", "ed25519:", &key[..71], &key[8..], &key.to_uppercase(), &format!("{key}00"), "rsa:00"] {
            assert!(wrong.parse::<PublicKey>().is_err(), "{wrong}");
        }
        let signature = format!("{key}:{}", "5a".repeat(64));
        for wrong in ["", &key, &signature[..199], &format!("{signature}00"), &signature[8..]] {
            assert!(wrong.parse::<Signature>().is_err(), "{wrong}");
        }
        let error = "x".repeat(100_000).parse::<Signature>().unwrap_err().to_string();
        assert!(error.len() < 300, "{error}");
    }
}
