//! The key that compiled code in the cache is marked with: made on the first start, never shown.

use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use aws_lc_rs::hmac;

use crate::private_file;

/// As long as the hash's output (RFC 2104 section 3).
const LENGTH: usize = 32;

/// The key of this data directory. Cheap to clone.
#[derive(Clone)]
pub struct CacheKey(hmac::Key);

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or written.
    #[error("the key in {path} cannot be used ({reason}); make the data directory readable and writable for this user")]
    File {
        /// Where it should be.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// The file holds something else.
    #[error("{0} holds no key; delete it: the next start makes a new one and compiles every component again")]
    Damaged(PathBuf),
    /// The system gives no randomness.
    #[error("no random bytes for a key: {0}")]
    Random(#[from] getrandom::Error),
}

impl CacheKey {
    /// Reads the key in a file, or makes one with mode 0600.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn load_or_create(path: &Path) -> Result<Self, KeyError> {
        match fs::read(path) {
            Ok(bytes) if bytes.len() == LENGTH => Ok(Self::from_bytes(&bytes)),
            Ok(_) => Err(KeyError::Damaged(path.to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::create(path),
            Err(reason) => Err(KeyError::File { path: path.to_owned(), reason }),
        }
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// A MAC that is being computed.
    pub(super) fn mac(&self) -> hmac::Context {
        hmac::Context::with_key(&self.0)
    }

    fn create(path: &Path) -> Result<Self, KeyError> {
        let mut bytes = [0; LENGTH];
        getrandom::fill(&mut bytes)?;
        private_file::replace(path, &bytes).map_err(|reason| KeyError::File { path: path.to_owned(), reason })?;
        Ok(Self::from_bytes(&bytes))
    }
}

impl fmt::Debug for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CacheKey")
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mac(key: &CacheKey) -> Vec<u8> {
        key.mac().sign().as_ref().to_vec()
    }

    #[test]
    fn a_restart_forgets_all_compiled_code() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let (first, second) = (CacheKey::load_or_create(&path).unwrap(), CacheKey::load_or_create(&path).unwrap());
        assert_eq!(mac(&first), mac(&second));
        let other = CacheKey::load_or_create(&dir.path().join("other")).unwrap();
        assert_ne!(mac(&first), mac(&other));
    }

    #[test]
    fn everybody_on_the_machine_can_read_the_key() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let key = CacheKey::load_or_create(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(format!("{key:?}"), "CacheKey");
    }

    #[test]
    fn an_emptied_key_file_is_a_key_that_everybody_knows() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        fs::write(&path, b"").unwrap();
        let error = CacheKey::load_or_create(&path).unwrap_err();
        assert!(error.to_string().contains("delete it"), "{error}");
    }
}
