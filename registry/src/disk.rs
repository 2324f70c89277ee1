//! Files that survive a loss of power: what is renamed or created is synced with its folder.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

/// Makes the entries of a folder durable.
pub(crate) fn sync_folder(dir: &Path) -> io::Result<()> {
    // the parent of a relative path with one part is the empty path
    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    File::open(dir)?.sync_all()
}

/// Creates a folder and those above it, readable by its owner alone, and makes them durable.
pub(crate) fn create_folder(dir: &Path) -> io::Result<()> {
    if dir.as_os_str().is_empty() || dir.is_dir() {
        return Ok(());
    }
    let parent = dir.parent().unwrap_or(Path::new(""));
    create_folder(parent)?;
    match DirBuilder::new().mode(0o700).create(dir) {
        // somebody else was faster
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && dir.is_dir() => Ok(()),
        Err(error) => Err(error),
        Ok(()) => sync_folder(parent),
    }
}

/// Writes a file through a temporary one beside it, so that nobody ever finds half of it.
pub(crate) fn write_whole(temporary: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let written = write_synced(temporary, bytes).and_then(|()| fs::rename(temporary, path));
    if let Err(error) = written {
        // best effort: a file that stays is removed at the next start
        let _ = fs::remove_file(temporary);
        return Err(error);
    }
    path.parent().map_or(Ok(()), sync_folder)
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
