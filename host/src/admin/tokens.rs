//! Tokens with a scope: made on request, kept as hashes, revoked by id. The admin token of the
//! data directory may do everything, making tokens included; these may do what their scope says.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{PoisonError, RwLock};

use bytes::Bytes;
use holm_registry::Digest;
use holm_registry::store::{CommitError, Effects, Key, Store, StoreError};
use serde::{Deserialize, Serialize};

use super::token::{AdminToken, random_hex};
use crate::telemetry::now_ms;

/// Every record's key begins with this.
const PREFIX: &str = "token/";
/// The format of the record. One of a higher number is left alone.
const FORMAT: u32 = 1;
/// Tokens of one host. Every request looks through them by hash; nobody hands out more.
const MOST: usize = 1000;
/// Longest note.
const LONGEST_NOTE: usize = 200;
/// What every token begins with, so that people and secret scanners know what they found.
const MARK: &str = "holm_";
/// Hexadecimal digits of an id: enough to tell a thousand tokens apart.
const ID_DIGITS: usize = 12;

/// What a token is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Deploy, roll back, remove, and all that `read` may.
    Deploy,
    /// Look at services, routes and logs.
    Read,
    /// Register and discover, and nothing else.
    Discovery,
}

/// What a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// Nothing.
    Nothing,
    /// A token of this scope, or one that includes it.
    Scope(Scope),
    /// The admin token.
    Admin,
}

/// One token, without the token.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct TokenRecord {
    format: u32,
    /// By which it is revoked.
    pub(super) id: String,
    /// What it is good for.
    pub(super) scope: Scope,
    /// What its maker says about it.
    pub(super) note: String,
    /// Of the token. It has 256 random bits, so nobody finds it by trying hashes.
    digest: Digest,
    /// Milliseconds since 1970.
    pub(super) created_at: u64,
}

/// All tokens of this host.
pub struct Tokens {
    admin: AdminToken,
    scoped: RwLock<BTreeMap<Digest, TokenRecord>>,
    store: Store,
}

/// Why there is no new token, or an old one stays.
#[derive(Debug, thiserror::Error)]
pub(super) enum TokensError {
    /// Too many.
    #[error("this host has {MOST} tokens already; revoke some with `holm token revoke ID`")]
    TooMany,
    /// Nobody would read it.
    #[error("a note has at most {LONGEST_NOTE} bytes; write a shorter one")]
    LongNote,
    /// Nothing of that id.
    #[error("there is no token {0}; `holm token list` shows those there are")]
    Unknown(String),
    /// The system gives no randomness.
    #[error("no random bytes for a token: {0}")]
    Random(#[from] getrandom::Error),
    /// It cannot be kept.
    #[error("the token cannot be kept: {0}")]
    Commit(#[from] CommitError),
    /// It cannot be kept for certain.
    #[error("the token cannot be kept: {0}")]
    Store(#[from] StoreError),
    /// It cannot be written as JSON.
    #[error("the token cannot be written: {0}")]
    Encode(#[from] serde_json::Error),
}

impl Tokens {
    /// Reads the tokens from the store. Blocks. A record that cannot be read lets nobody in.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn load(store: Store, admin: AdminToken) -> Result<Self, StoreError> {
        let mut scoped = BTreeMap::new();
        for (key, kept) in store.scan(&Key::catalog(PREFIX))? {
            match serde_json::from_slice::<TokenRecord>(&kept.value) {
                Ok(record) if record.format <= FORMAT => drop(scoped.insert(record.digest, record)),
                Ok(record) => {
                    tracing::error!(%key, format = record.format, "a token of a newer version is left as it is")
                }
                Err(error) => tracing::error!(%key, %error, "a token cannot be read and is left as it is"),
            }
        }
        Ok(Self { admin, scoped: RwLock::new(scoped), store })
    }

    /// The token that may do everything.
    pub(super) fn admin(&self) -> &AdminToken {
        &self.admin
    }

    /// Whether a token is good for this.
    pub(super) fn allow(&self, shown: &[u8], scope: Scope) -> bool {
        self.satisfy(shown, Need::Scope(scope))
    }

    /// Whether a token is what a request needs.
    pub(super) fn satisfy(&self, shown: &[u8], need: Need) -> bool {
        if self.admin.matches(shown) || need == Need::Nothing {
            return true;
        }
        let Need::Scope(needed) = need else { return false };
        self.scope_of(shown).is_some_and(|scope| scope.includes(needed))
    }

    /// How the audit log calls who has a token: `admin`, or `token` and its id.
    pub(super) fn name_of(&self, shown: &[u8]) -> Option<String> {
        if self.admin.matches(shown) {
            return Some("admin".to_owned());
        }
        self.read(|scoped| scoped.get(&Digest::of(shown)).map(|record| format!("token {}", record.id)))
    }

    /// The scope of a token that is none of the admin's.
    pub(super) fn scope_of(&self, shown: &[u8]) -> Option<Scope> {
        // found by its hash, so that the time tells nothing about any token
        self.read(|scoped| scoped.get(&Digest::of(shown)).map(|record| record.scope))
    }

    /// Makes a token; it is shown this once.
    pub(super) async fn create(&self, scope: Scope, note: String) -> Result<(String, TokenRecord), TokensError> {
        if note.len() > LONGEST_NOTE {
            return Err(TokensError::LongNote);
        }
        if self.read(BTreeMap::len) >= MOST {
            return Err(TokensError::TooMany);
        }
        let token = format!("{MARK}{}", random_hex()?);
        let id = random_hex()?.chars().take(ID_DIGITS).collect();
        let digest = Digest::of(token.as_bytes());
        let record = TokenRecord { format: FORMAT, id, scope, note, digest, created_at: now_ms() };
        self.write(&record.id, Some(serde_json::to_vec(&record)?)).await?;
        self.change(|scoped| scoped.insert(digest, record.clone()));
        Ok((token, record))
    }

    /// Makes a token worth nothing.
    pub(super) async fn revoke(&self, id: &str) -> Result<(), TokensError> {
        let found = self.read(|scoped| scoped.values().find(|record| record.id == id).map(|record| record.digest));
        let digest = found.ok_or_else(|| TokensError::Unknown(id.to_owned()))?;
        // at once, whatever becomes of the record
        self.change(|scoped| scoped.remove(&digest));
        self.write(id, None).await
    }

    /// All of them, the oldest first.
    pub(super) fn list(&self) -> Vec<TokenRecord> {
        let mut all: Vec<TokenRecord> = self.read(|scoped| scoped.values().cloned().collect());
        all.sort_by_key(|record| record.created_at);
        all
    }

    async fn write(&self, id: &str, record: Option<Vec<u8>>) -> Result<(), TokensError> {
        let mut effects = Effects::default();
        effects.writes.insert(Key::catalog(&format!("{PREFIX}{id}")), record.map(Bytes::from));
        let sequence = self.store.commit(effects).await?;
        Ok(self.store.durable(sequence).await?)
    }

    fn read<T>(&self, look: impl FnOnce(&BTreeMap<Digest, TokenRecord>) -> T) -> T {
        look(&self.scoped.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn change<T>(&self, change: impl FnOnce(&mut BTreeMap<Digest, TokenRecord>) -> T) -> T {
        change(&mut self.scoped.write().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Scope {
    fn includes(self, needed: Self) -> bool {
        self == needed || (self == Self::Deploy && needed == Self::Read)
    }

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deploy => "deploy",
            Self::Read => "read",
            Self::Discovery => "discovery",
        }
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = [Self::Deploy, Self::Read, Self::Discovery];
        let found = all.into_iter().find(|scope| scope.as_str() == text);
        found.ok_or_else(|| format!("`{text}` is no scope: deploy, read or discovery"))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use holm_registry::store::memory::MemoryEngine;

    use super::*;

    fn tokens(store: &Store, dir: &tempfile::TempDir) -> Tokens {
        Tokens::load(store.clone(), AdminToken::load_or_create(dir.path()).unwrap()).unwrap()
    }

    #[tokio::test]
    async fn a_token_is_good_for_more_than_its_scope() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::with_engine(Box::new(MemoryEngine::new())).unwrap();
        let tokens = tokens(&store, &dir);
        let all = [Need::Scope(Scope::Deploy), Need::Scope(Scope::Read), Need::Scope(Scope::Discovery), Need::Admin];
        for (scope, good_for) in [
            (Scope::Deploy, [true, true, false, false]),
            (Scope::Read, [false, true, false, false]),
            (Scope::Discovery, [false, false, true, false]),
        ] {
            let (token, _) = tokens.create(scope, String::new()).await.unwrap();
            assert_eq!(all.map(|need| tokens.satisfy(token.as_bytes(), need)), good_for, "{scope}");
        }
        assert_eq!(all.map(|need| tokens.satisfy(b"", need)), [false; 4]);
    }

    #[tokio::test]
    async fn a_revoked_token_is_good_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::with_engine(Box::new(MemoryEngine::new())).unwrap();
        let before = tokens(&store, &dir);
        let (kept, _) = before.create(Scope::Read, "kept".to_owned()).await.unwrap();
        let (gone, record) = before.create(Scope::Read, "gone".to_owned()).await.unwrap();
        before.revoke(&record.id).await.unwrap();
        assert!(matches!(before.revoke(&record.id).await, Err(TokensError::Unknown(_))));
        for tokens in [&before, &tokens(&store, &dir)] {
            assert!(tokens.allow(kept.as_bytes(), Scope::Read));
            assert!(!tokens.allow(gone.as_bytes(), Scope::Read));
            assert_eq!(tokens.list().iter().map(|record| record.note.as_str()).collect::<Vec<_>>(), ["kept"]);
        }
        let written = store.scan(&Key::catalog(PREFIX)).unwrap();
        let text = String::from_utf8_lossy(&written[0].1.value).into_owned();
        assert!(!text.contains(kept.trim_start_matches(MARK)), "the token itself is written down: {text}");
    }
}
