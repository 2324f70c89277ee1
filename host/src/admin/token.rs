//! The admin token: made on the first start, kept in the data directory, compared in constant time.

use std::fmt;
use std::path::{Path, PathBuf};
use std::{fs, io};

use subtle::ConstantTimeEq;

use crate::config::TOKEN_FILE;
use crate::private_file;

/// 256 bits: nobody guesses that, however long they may try.
const RANDOM_BYTES: usize = 32;
/// Shorter than this is a file that was cut off, not a token: an empty one would let everybody in.
const SHORTEST: usize = 16;

/// The token of this host.
#[derive(Clone)]
pub struct AdminToken {
    value: String,
    path: PathBuf,
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The file cannot be read or written.
    #[error("the admin token in {path} cannot be used ({reason}); make the data directory writable for this user")]
    File {
        /// Where it should be.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// The file holds something else.
    #[error("{0} holds no token, it is too short; delete it and the next start makes a new one")]
    TooShort(PathBuf),
    /// The system gives no randomness.
    #[error("no random bytes for the admin token: {0}")]
    Random(#[from] getrandom::Error),
}

impl AdminToken {
    /// Reads `DATA/admin-token`, or makes it with mode 0600. The directory must exist.
    pub fn load_or_create(data: &Path) -> Result<Self, TokenError> {
        let path = data.join(TOKEN_FILE);
        // Refusals name it to people in other folders.
        let path = std::path::absolute(&path).unwrap_or(path);
        match read(&path) {
            Ok(value) if value.len() >= SHORTEST => Ok(Self { value, path }),
            Ok(_) => Err(TokenError::TooShort(path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::create(path),
            Err(reason) => Err(TokenError::File { path, reason }),
        }
    }

    /// Whether somebody showed the right token. Takes the same time wherever they differ.
    pub fn matches(&self, shown: &[u8]) -> bool {
        self.value.as_bytes().ct_eq(shown).into()
    }

    /// Where people find it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn create(path: PathBuf) -> Result<Self, TokenError> {
        let value = random_hex()?;
        private_file::replace(&path, format!("{value}\n").as_bytes())
            .map_err(|reason| TokenError::File { path: path.clone(), reason })?;
        Ok(Self { value, path })
    }
}

impl fmt::Debug for AdminToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AdminToken({})", self.path.display())
    }
}

/// The token in a file, without the line end that an editor may have added.
pub(super) fn read(path: &Path) -> io::Result<String> {
    fs::read_to_string(path).map(|text| text.trim().to_owned())
}

/// 256 random bits in hexadecimal.
pub(super) fn random_hex() -> Result<String, getrandom::Error> {
    let mut bytes = [0; RANDOM_BYTES];
    getrandom::fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn everybody_on_the_machine_can_read_the_token() {
        let data = tempfile::tempdir().unwrap();
        let token = AdminToken::load_or_create(data.path()).unwrap();
        let mode = fs::metadata(token.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(token.value.len(), 2 * RANDOM_BYTES);
        assert!(!format!("{token:?}").contains(&token.value));
    }

    #[test]
    fn a_restart_makes_a_new_token() {
        let data = tempfile::tempdir().unwrap();
        let first = AdminToken::load_or_create(data.path()).unwrap();
        let second = AdminToken::load_or_create(data.path()).unwrap();
        assert!(second.matches(first.value.as_bytes()));
    }

    #[test]
    fn an_emptied_token_file_lets_everybody_in() {
        let data = tempfile::tempdir().unwrap();
        fs::write(data.path().join(TOKEN_FILE), "\n").unwrap();
        let error = AdminToken::load_or_create(data.path()).unwrap_err();
        assert!(error.to_string().contains("delete it"), "{error}");
    }

    #[test]
    fn a_wrong_token_is_let_in() {
        let data = tempfile::tempdir().unwrap();
        let token = AdminToken::load_or_create(data.path()).unwrap();
        assert!(!token.matches(b""));
        assert!(!token.matches(&token.value.as_bytes()[1..]));
        assert!(token.matches(token.value.as_bytes()));
    }
}
