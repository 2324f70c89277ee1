//! Component bytes by digest: `sha256/ab/<hex>.wasm`.
//!
//! A file appears whole or not at all, and is verified with every read: what does not match its
//! name is set aside as `<hex>.wasm.corrupt` and never given out. Methods block.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::digest::Digest;
use crate::disk;

/// The store of component bytes.
#[derive(Debug)]
pub struct Artifacts {
    root: PathBuf,
    /// Keeps the temporary files of concurrent writers apart.
    writes: AtomicU64,
}

/// Why an artifact cannot be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// Never stored, removed, or set aside.
    #[error("there is no artifact {digest}; deploy the component again")]
    Missing {
        /// What was asked for.
        digest: Digest,
    },
    /// The file's bytes have another digest.
    #[error(
        "artifact {digest} is damaged: its bytes have the digest {found}. The file was moved to {}; \
         deploy the component again", aside.display()
    )]
    Damaged {
        /// What was asked for.
        digest: Digest,
        /// What lay there.
        found: Digest,
        /// Where it lies now.
        aside: PathBuf,
    },
    /// No room for the file.
    #[error("no room for an artifact of {size} bytes in {}; free some space on that disk", path.display())]
    DiskFull {
        /// The file that could not be written.
        path: PathBuf,
        /// Its size in bytes.
        size: usize,
    },
    /// Anything else that the system refuses.
    #[error("cannot use the artifact file {}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

const WASM: &str = "wasm";
const TEMPORARY: &str = "tmp";

impl Artifacts {
    /// Opens or creates the store in a folder and removes what writers left there unfinished.
    pub fn open(dir: &Path) -> Result<Self, ArtifactError> {
        let root = dir.join("sha256");
        disk::create_folder(&root).map_err(at(&root))?;
        let artifacts = Self { root, writes: AtomicU64::new(0) };
        for path in artifacts.files()? {
            if path.extension().is_some_and(|end| end == TEMPORARY) {
                fs::remove_file(&path).map_err(at(&path))?;
            }
        }
        Ok(artifacts)
    }

    /// Keeps the bytes, durably, and gives their name. Does nothing if they are already there.
    pub fn put(&self, bytes: &[u8]) -> Result<Digest, ArtifactError> {
        let digest = Digest::of(bytes);
        let path = self.path(&digest);
        if fs::read(&path).is_ok_and(|kept| kept == bytes) {
            return Ok(digest);
        }
        let write = self.writes.fetch_add(1, Ordering::Relaxed);
        let temporary = path.with_extension(format!("{write}.{TEMPORARY}"));
        let folder = path.parent().unwrap_or(&self.root);
        let failed = |source: io::Error| match source.kind() {
            // the last: over the process's limit on the size of a file
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                ArtifactError::DiskFull { path: path.clone(), size: bytes.len() }
            }
            _ => ArtifactError::Io { path: path.clone(), source },
        };
        disk::create_folder(folder).and_then(|()| disk::write_whole(&temporary, &path, bytes)).map_err(failed)?;
        Ok(digest)
    }

    /// The bytes, verified.
    pub fn get(&self, digest: &Digest) -> Result<Vec<u8>, ArtifactError> {
        let path = self.path(digest);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(ArtifactError::Missing { digest: *digest });
            }
            Err(error) => return Err(at(&path)(error)),
        };
        let found = Digest::of(&bytes);
        if found == *digest {
            return Ok(bytes);
        }
        let aside = path.with_extension("wasm.corrupt");
        fs::rename(&path, &aside).map_err(at(&path))?;
        Err(ArtifactError::Damaged { digest: *digest, found, aside })
    }

    /// Whether there is a file of this name. Its bytes are verified when they are read.
    pub fn contains(&self, digest: &Digest) -> bool {
        self.path(digest).is_file()
    }

    /// Removes the bytes, if they are there.
    pub fn remove(&self, digest: &Digest) -> Result<(), ArtifactError> {
        let path = self.path(digest);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(&path)(error)),
            _ => Ok(()),
        }
    }

    /// The names of all artifacts, in order.
    pub fn list(&self) -> Result<Vec<Digest>, ArtifactError> {
        let digest = |path: &PathBuf| match path.extension() {
            Some(end) if end == WASM => format!("sha256:{}", path.file_stem()?.to_str()?).parse().ok(),
            _ => None,
        };
        let mut found: Vec<Digest> = self.files()?.iter().filter_map(digest).collect();
        found.sort_by_key(Digest::hex);
        Ok(found)
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        let hex = digest.hex();
        // two characters keep a folder below some thousand entries
        let group: String = hex.chars().take(2).collect();
        self.root.join(group).join(hex).with_extension(WASM)
    }

    fn files(&self) -> Result<Vec<PathBuf>, ArtifactError> {
        let mut found = Vec::new();
        for group in entries(&self.root)?.into_iter().filter(|path| path.is_dir()) {
            found.extend(entries(&group)?);
        }
        Ok(found)
    }
}

fn entries(dir: &Path) -> Result<Vec<PathBuf>, ArtifactError> {
    let read = fs::read_dir(dir).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
    read.map_err(at(dir))
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> ArtifactError {
    let path = path.to_owned();
    move |source| ArtifactError::Io { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open() -> (tempfile::TempDir, Artifacts) {
        let dir = tempfile::tempdir().unwrap();
        let artifacts = Artifacts::open(dir.path()).unwrap();
        (dir, artifacts)
    }

    #[test]
    fn what_was_put_comes_back_and_lies_where_it_is_documented() {
        let (dir, artifacts) = open();
        let digest = artifacts.put(b"component").unwrap();
        assert_eq!(artifacts.put(b"component").unwrap(), digest);
        assert_eq!(artifacts.get(&digest).unwrap(), b"component");
        let hex = digest.hex();
        assert!(dir.path().join(format!("sha256/{}/{hex}.wasm", &hex[..2])).is_file());
        assert_eq!(artifacts.list().unwrap(), [digest]);
        artifacts.remove(&digest).unwrap();
        artifacts.remove(&digest).unwrap();
        assert!(!artifacts.contains(&digest));
        assert_eq!(
            artifacts.get(&digest).unwrap_err().to_string(),
            format!("there is no artifact {digest}; deploy the component again")
        );
    }

    #[test]
    fn damaged_bytes_are_never_given_out() {
        let (_dir, artifacts) = open();
        let digest = artifacts.put(b"component").unwrap();
        fs::write(artifacts.path(&digest), b"c0mponent").unwrap();
        let message = artifacts.get(&digest).unwrap_err().to_string();
        let found = Digest::of(b"c0mponent");
        let aside = artifacts.path(&digest).with_extension("wasm.corrupt");
        assert_eq!(
            message,
            format!(
                "artifact {digest} is damaged: its bytes have the digest {found}. The file was moved to {}; \
                 deploy the component again",
                aside.display()
            )
        );
        assert!(aside.is_file() && !artifacts.contains(&digest));
        assert_eq!(artifacts.list().unwrap(), []);
        artifacts.put(b"component").unwrap();
        assert_eq!(artifacts.get(&digest).unwrap(), b"component");
    }

    #[test]
    fn putting_again_repairs_a_damaged_file() {
        let (_dir, artifacts) = open();
        let digest = artifacts.put(b"component").unwrap();
        fs::write(artifacts.path(&digest), b"").unwrap();
        artifacts.put(b"component").unwrap();
        assert_eq!(artifacts.get(&digest).unwrap(), b"component");
    }

    #[test]
    fn what_a_crash_left_half_written_is_gone_after_a_restart() {
        let (dir, artifacts) = open();
        let digest = artifacts.put(b"component").unwrap();
        let left = artifacts.path(&digest).with_extension("7.tmp");
        fs::write(&left, b"comp").unwrap();
        let artifacts = Artifacts::open(dir.path()).unwrap();
        assert!(!left.exists());
        assert_eq!(artifacts.list().unwrap(), [digest]);
    }

    #[test]
    fn a_full_disk_is_said_to_be_full() {
        let error = ArtifactError::DiskFull { path: "/data/x.wasm".into(), size: 12 };
        assert_eq!(
            error.to_string(),
            "no room for an artifact of 12 bytes in /data/x.wasm; free some space on that disk"
        );
    }
}
