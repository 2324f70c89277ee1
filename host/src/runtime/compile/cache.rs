//! Compiled code on disk: an entry for each component and engine, which only this host can make.
//!
//! ```text
//! <digest>-<compatibility>.cwasm      MAC (32 bytes), code
//! MAC = HMAC-SHA256(key, format, digest, compatibility, code)
//! ```
//!
//! Loading machine code is running it. A file that somebody else has written, one that was cut
//! off, and one of another component under this name all fail the MAC and are compiled again.
//! What is loaded are the bytes that were verified, not the file once more.

use std::collections::BTreeSet;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac::Tag;
use holm_registry::Digest;
use wasmtime::Engine;
use wasmtime::component::Component;

use super::key::CacheKey;
use super::load;

/// Length of the MAC in front of an entry.
const MAC: usize = 32;
/// Says what the MAC is about, so that no other use of the key could ever make one.
const FORMAT: &[u8] = b"holm compiled code 2\0";

/// Compiled code on disk. Cheap to clone.
#[derive(Debug, Clone)]
pub struct CompileCache {
    dir: PathBuf,
    engine: Engine,
    compatibility: u64,
    key: CacheKey,
    /// Keeps the temporary files of concurrent writers apart.
    writes: Arc<AtomicU64>,
}

/// What code must agree on with the engine that loads it: wasmtime's version, the settings, the
/// processor.
pub(super) fn compatibility(engine: &Engine) -> u64 {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.finish()
}

impl CompileCache {
    /// A cache in `dir`, which is made when it is missing.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn open(dir: &Path, engine: &Engine, key: CacheKey) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let compatibility = compatibility(engine);
        Ok(Self { dir: dir.to_owned(), engine: engine.clone(), compatibility, key, writes: Arc::default() })
    }

    /// The compiled component, if it is there and of this host's own making. What is there and
    /// is not goes.
    pub fn load(&self, digest: &Digest) -> Option<Component> {
        let path = self.path(digest);
        let bytes = fs::read(&path).ok()?;
        let entry = self.verified(digest, &bytes).ok_or_else(|| "it is not as this host wrote it".to_owned());
        match entry.and_then(|code| load(&self.engine, code).map_err(|error| error.to_string())) {
            Ok(component) => Some(component),
            Err(why) => {
                tracing::warn!(digest = %digest, why, "a compiled component on disk cannot be used; compiling it again");
                // best effort: it will be written over
                let _ = fs::remove_file(&path);
                None
            }
        }
    }

    /// Keeps compiled code and loads it.
    ///
    /// # Errors
    /// When the code cannot be loaded. That it cannot be written is only logged: the cache
    /// saves time, and nothing depends on it.
    pub fn keep(&self, digest: &Digest, code: &[u8]) -> wasmtime::Result<Component> {
        if let Err(error) = self.write(digest, code) {
            tracing::warn!(digest = %digest, %error, "compiled code could not be cached");
        }
        load(&self.engine, code)
    }

    /// Drops what belongs to other components, to other engines, or to nobody.
    pub fn retain(&self, used: &BTreeSet<Digest>) {
        let keep: BTreeSet<PathBuf> = used.iter().map(|digest| self.path(digest)).collect();
        let Ok(entries) = fs::read_dir(&self.dir) else { return };
        for path in entries.flatten().map(|entry| entry.path()).filter(|path| !keep.contains(path)) {
            if let Err(error) = fs::remove_file(&path) {
                tracing::warn!(%error, "old compiled code could not be dropped");
            }
        }
    }

    /// The code of an entry, if its MAC is right.
    fn verified<'a>(&self, digest: &Digest, entry: &'a [u8]) -> Option<&'a [u8]> {
        let (mac, code) = entry.split_at_checked(MAC)?;
        verify_slices_are_equal(self.mac(digest, code).as_ref(), mac).ok().map(|()| code)
    }

    fn mac(&self, digest: &Digest, code: &[u8]) -> Tag {
        let mut mac = self.key.mac();
        for part in [FORMAT, digest.as_bytes(), &self.compatibility.to_le_bytes(), code] {
            mac.update(part);
        }
        mac.sign()
    }

    fn write(&self, digest: &Digest, code: &[u8]) -> io::Result<()> {
        let temporary = self.temporary(digest);
        let whole = write(&temporary, &[self.mac(digest, code).as_ref(), code]);
        let written = whole.and_then(|()| fs::rename(&temporary, self.path(digest)));
        if written.is_err() {
            // on a full disk half a file would only make matters worse
            let _ = fs::remove_file(&temporary);
        }
        written
    }

    /// A name for this write alone: two services may compile the same component at once.
    fn temporary(&self, digest: &Digest) -> PathBuf {
        let write = self.writes.fetch_add(1, Ordering::Relaxed);
        self.dir.join(format!("{}.{}-{write}.tmp", digest.hex(), std::process::id()))
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.dir.join(format!("{}-{:016x}.cwasm", digest.hex(), self.compatibility))
    }
}

fn write(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let mut file = fs::File::create(path)?;
    parts.iter().try_for_each(|part| file.write_all(part))
}

#[cfg(test)]
mod tests {
    use super::super::compile;
    use super::*;
    use crate::runtime::engine;

    /// A component without anything in it, and with a section that makes it another one.
    const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";
    const OTHER: &[u8] = b"\0asm\x0d\0\x01\0\0\x02\x01x";

    fn cache(dir: &Path, key: u8) -> CompileCache {
        let engine = engine::build_for_compiling().unwrap();
        CompileCache::open(dir, &engine, CacheKey::from_bytes(&[key; 32])).unwrap()
    }

    #[test]
    fn compiled_code_that_somebody_else_wrote_is_run() {
        let dir = tempfile::tempdir().unwrap();
        let cache = cache(dir.path(), 1);
        let (digest, other) = (Digest::of(EMPTY), Digest::of(OTHER));
        assert!(cache.load(&digest).is_none());
        cache.keep(&digest, &compile(&cache.engine, EMPTY).unwrap()).unwrap();
        assert!(cache.load(&digest).is_some());
        let path = cache.path(&digest);
        let whole = fs::read(&path).unwrap();

        // under the name of another component
        fs::copy(&path, cache.path(&other)).unwrap();
        assert!(cache.load(&other).is_none());
        // with another key, or with a plain checksum as older versions had it
        assert!(self::cache(dir.path(), 2).load(&digest).is_none());
        let code = &whole[MAC..];
        fs::write(&path, [Digest::of(code).as_bytes(), code].concat()).unwrap();
        assert!(cache.load(&digest).is_none());
        // cut off, or changed in one bit anywhere
        for end in [0, MAC - 1, MAC, whole.len() - 1] {
            fs::write(&path, &whole[..end]).unwrap();
            assert!(cache.load(&digest).is_none(), "{end} bytes");
        }
        for at in [0, MAC, whole.len() / 2, whole.len() - 1] {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            fs::write(&path, changed).unwrap();
            assert!(cache.load(&digest).is_none(), "a bit of byte {at}");
        }
        fs::write(&path, whole).unwrap();
        assert!(cache.load(&digest).is_some());
    }

    #[test]
    fn code_of_components_that_are_gone_stays_for_ever() {
        let dir = tempfile::tempdir().unwrap();
        let cache = cache(dir.path(), 1);
        for wasm in [EMPTY, OTHER] {
            cache.keep(&Digest::of(wasm), &compile(&cache.engine, wasm).unwrap()).unwrap();
        }
        cache.retain(&BTreeSet::from([Digest::of(EMPTY)]));
        assert!(cache.load(&Digest::of(EMPTY)).is_some());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
