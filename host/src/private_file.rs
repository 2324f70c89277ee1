//! Files that hold a secret or tell on somebody: for their owner alone, from the first byte on.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// For the owner to read and write.
const MODE: u32 = 0o600;

/// Writes a file, over what was there. It is written beside and renamed, so that a crash leaves
/// the whole of it or what there was.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    write(OpenOptions::new().write(true).create(true).truncate(true).mode(MODE).open(&beside)?, bytes)?;
    fs::rename(&beside, path)
}

/// Writes a file that must not be there yet.
pub fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write(OpenOptions::new().write(true).create_new(true).mode(MODE).open(path)?, bytes)
}

/// Opens a file to write at its end; it is made when it is missing.
pub fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(MODE).open(path)
}

fn write(mut file: File, bytes: &[u8]) -> io::Result<()> {
    file.write_all(bytes)?;
    file.sync_all()
}
