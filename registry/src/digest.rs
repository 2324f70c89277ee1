//! Digests: the name of bytes.
//!
//! A component is stored, compared, signed and deployed by the SHA-256 of its bytes, written
//! `sha256:` and 64 lower-case hex digits, as in the OCI image specification, so that tools
//! which know one know the other.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::hex;
use crate::text::serde_as_text;

/// How every digest begins.
const PREFIX: &str = "sha256:";

/// A SHA-256 digest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

/// Why a text is no digest.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DigestError {
    /// Another algorithm, or none named.
    #[error(
        "`{text}` is not a digest: it has no `sha256:` in front, the only algorithm there is; write `sha256:` and 64 hex digits"
    )]
    Algorithm {
        /// The text.
        text: String,
    },
    /// Not 64 lower-case hex digits.
    #[error(
        "`{text}` is not a digest: after `sha256:` come 64 digits of 0-9 and a-f in lower case; copy it in full, as `holm revisions` prints it"
    )]
    Hex {
        /// The text.
        text: String,
    },
}

impl Digest {
    /// The digest of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// A digest that was kept as its 32 bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// 64 hex digits without the algorithm: a file name.
    pub fn hex(&self) -> String {
        hex::write(&self.0)
    }

    /// The first 12 hex digits, for tables and logs; enough for people, never for a look-up.
    pub fn short(&self) -> String {
        let mut hex = self.hex();
        hex.truncate(12);
        hex
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let hex = text.strip_prefix(PREFIX).ok_or_else(|| DigestError::Algorithm { text: text.to_owned() })?;
        hex::parse(hex).map(Self).ok_or_else(|| DigestError::Hex { text: text.to_owned() })
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

serde_as_text!(Digest);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// FIPS 180-2, appendix B.1.
    const ABC: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn the_digest_of_abc_is_not_that_of_the_standard() {
        let digest = Digest::of(b"abc");
        assert_eq!(digest.to_string(), ABC);
        assert_eq!(digest.short(), "ba7816bf8f01");
        assert_eq!(digest, ABC.parse().unwrap());
        assert_eq!(serde_json::to_string(&digest).unwrap(), format!("\"{ABC}\""));
    }

    #[test]
    fn a_bad_digest_is_accepted() {
        for text in ["", "md5:00", "ba7816bf", &ABC.to_uppercase()] {
            assert!(matches!(text.parse::<Digest>(), Err(DigestError::Algorithm { .. })), "{text}");
        }
        let upper = ABC.replace('f', "F");
        for text in ["sha256:", "sha256:00", &ABC[..70], &format!("{ABC}00"), &upper, &ABC.replace("ba", "bé")] {
            assert!(matches!(text.parse::<Digest>(), Err(DigestError::Hex { .. })), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_printed_digest_cannot_be_read_back(bytes: [u8; 32]) {
            let digest = Digest::from_bytes(bytes);
            prop_assert_eq!(digest.to_string().parse::<Digest>(), Ok(digest));
        }
    }
}
