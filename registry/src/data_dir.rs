//! The folder that Holm owns: one process at a time, one layout.
//!
//! ```text
//! lock          held while a process runs; its id, for the message of the next one
//! layout        {"layout":1,"written_by":"holm 0.1.0"}
//! store/        the database
//! artifacts/    component bytes by digest
//! compiled/     native code, made again when it is missing
//! compile-key   what that code is marked with, so that only our own is run
//! admin-token   the generated token of the admin API
//! audit.log     who changed what, with older parts beside it
//! ```

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::disk;

/// The number of the layout above.
const LAYOUT: u32 = 1;

/// The folder, locked for as long as this value lives.
#[derive(Debug)]
pub struct DataDir {
    root: PathBuf,
    /// Closing it releases the lock.
    _lock: File,
}

/// Why the data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// The system refuses a file or folder in it.
    #[error("cannot use the data directory: {}: {source}", path.display())]
    Io {
        /// What could not be used.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process holds the lock.
    #[error("data directory {} is in use by {owner}; stop it or choose another with --data", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
        /// `process 123`, or `another process`.
        owner: String,
    },
    /// Written by a later version.
    #[error(
        "data directory {} has layout {found}, written by {written_by}; this is {} and reads up to layout {LAYOUT}: \
         use that version or choose another directory with --data", path.display(), version()
    )]
    Newer {
        /// The folder.
        path: PathBuf,
        /// Its number.
        found: u32,
        /// The program that wrote it.
        written_by: String,
    },
    /// The layout file says something else.
    #[error("{} is no layout file of Holm ({reason}); choose another directory with --data", path.display())]
    NotOurs {
        /// The layout file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// What the file `layout` holds.
#[derive(Serialize, Deserialize)]
struct Layout {
    layout: u32,
    written_by: String,
}

impl DataDir {
    /// Opens or creates the folder, for this process alone.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, DataDirError> {
        let root = path.into();
        disk::create_folder(&root).map_err(at(&root))?;
        let lock = lock(&root)?;
        check_layout(&root)?;
        Ok(Self { root, _lock: lock })
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.root
    }
    /// The database's folder.
    pub fn store(&self) -> PathBuf {
        self.root.join("store")
    }
    /// The folder of component bytes.
    pub fn artifacts(&self) -> PathBuf {
        self.root.join("artifacts")
    }
    /// The folder of compiled code.
    pub fn compiled(&self) -> PathBuf {
        self.root.join("compiled")
    }
    /// The file of the key that compiled code is marked with.
    pub fn compile_key(&self) -> PathBuf {
        self.root.join("compile-key")
    }
    /// The log of who changed what.
    pub fn audit_log(&self) -> PathBuf {
        self.root.join("audit.log")
    }
    /// The file of the admin API's token.
    pub fn admin_token(&self) -> PathBuf {
        self.root.join("admin-token")
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> DataDirError {
    let path = path.to_owned();
    move |source| DataDirError::Io { path, source }
}

fn version() -> &'static str {
    concat!("holm ", env!("CARGO_PKG_VERSION"))
}

/// The system releases the lock with the process, however that ends.
fn lock(root: &Path) -> Result<File, DataDirError> {
    let path = root.join("lock");
    let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
    let mut file = opened.map_err(at(&path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(DataDirError::InUse { path: root.to_owned(), owner: owner(&mut file) });
        }
        Err(TryLockError::Error(error)) => return Err(at(&path)(error)),
    }
    let write = |file: &mut File| {
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())
    };
    write(&mut file).map_err(at(&path))?;
    Ok(file)
}

fn owner(lock: &mut File) -> String {
    let mut text = String::new();
    match lock.read_to_string(&mut text).map(|_| text.trim().parse::<u32>()) {
        Ok(Ok(pid)) => format!("process {pid}"),
        _ => "another process".to_owned(),
    }
}

fn check_layout(root: &Path) -> Result<(), DataDirError> {
    let path = root.join("layout");
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return write_layout(&path),
        Err(error) => return Err(at(&path)(error)),
    };
    let layout: Layout = serde_json::from_slice(&text)
        .map_err(|error| DataDirError::NotOurs { path: path.clone(), reason: error.to_string() })?;
    match layout.layout {
        1..=LAYOUT => Ok(()),
        0 => Err(DataDirError::NotOurs { path, reason: "there is no layout 0".to_owned() }),
        found => Err(DataDirError::Newer { path: root.to_owned(), found, written_by: layout.written_by }),
    }
}

fn write_layout(path: &Path) -> Result<(), DataDirError> {
    let layout = Layout { layout: LAYOUT, written_by: version().to_owned() };
    let text = serde_json::to_vec(&layout).map_err(|error| at(path)(error.into()))?;
    disk::write_whole(&path.with_extension("new"), path, &text).map_err(at(path))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_new_data_directory_is_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b");
        let data = DataDir::open(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(
            fs::read_to_string(path.join("layout")).unwrap(),
            format!("{{\"layout\":1,\"written_by\":\"holm {}\"}}", env!("CARGO_PKG_VERSION"))
        );
        assert_eq!(data.store(), path.join("store"));
    }

    #[test]
    fn a_second_process_is_told_which_one_holds_the_directory() {
        let dir = tempfile::tempdir().unwrap();
        let first = DataDir::open(dir.path()).unwrap();
        let (path, pid) = (dir.path().display(), std::process::id());
        assert_eq!(
            DataDir::open(dir.path()).unwrap_err().to_string(),
            format!("data directory {path} is in use by process {pid}; stop it or choose another with --data")
        );
        drop(first);
        DataDir::open(dir.path()).unwrap();
    }

    #[test]
    fn an_older_holm_refuses_a_newer_layout_by_the_name_of_its_writer() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("layout"), r#"{"layout":2,"written_by":"holm 3.1.0","more":[]}"#).unwrap();
        let message = DataDir::open(dir.path()).unwrap_err().to_string();
        assert_eq!(
            message,
            format!(
                "data directory {} has layout 2, written by holm 3.1.0; this is {} and reads up to layout 1: \
                 use that version or choose another directory with --data",
                dir.path().display(),
                version()
            )
        );
    }

    #[test]
    fn a_layout_file_of_somebody_else_is_not_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("layout"), "hello").unwrap();
        let message = DataDir::open(dir.path()).unwrap_err().to_string();
        assert!(message.contains("is no layout file of Holm (expected value"), "{message}");
        assert_eq!(fs::read_to_string(dir.path().join("layout")).unwrap(), "hello");
    }

    #[test]
    fn a_path_that_is_a_file_is_named_in_the_error() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        let message = DataDir::open(&file).unwrap_err().to_string();
        assert!(
            message.starts_with(&format!("cannot use the data directory: {}: File exists", file.display())),
            "{message}"
        );
    }
}
