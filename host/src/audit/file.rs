//! The log on disk: `audit.log`, and when that is full `audit.log.1` (the younger) to `.4`.
//!
//! A line is only ever added, and is on the disk before the answer leaves. What a crash has cut
//! off in the middle of a line is left as it is; the next line begins on its own.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::entry::Entry;
use crate::private_file;

/// Bytes of one part, about 25,000 changes.
const PART: u64 = 8 << 20;
/// Parts besides the one that is written.
const OLDER: u32 = 4;

/// The file that is written, and its older parts.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    file: File,
    size: u64,
    most: u64,
}

impl LogFile {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Self::open_with(path, PART)
    }

    fn open_with(path: &Path, most: u64) -> io::Result<Self> {
        let mut file = private_file::append(path)?;
        let mut size = file.metadata()?.len();
        if size > 0 && last_byte(path, size)? != b'\n' {
            file.write_all(b"\n")?;
            size += 1;
        }
        Ok(Self { path: path.to_owned(), file, size, most })
    }

    pub(super) fn append(&mut self, entry: &Entry) -> io::Result<()> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        if self.size + line.len() as u64 > self.most && self.size > 0 {
            self.rotate()?;
        }
        self.file.write_all(&line)?;
        self.size += line.len() as u64;
        self.file.sync_data()
    }

    /// The last entries, the latest at the end. What cannot be read is left out.
    pub(super) fn last(&self, count: usize) -> io::Result<Vec<Entry>> {
        let mut last = Vec::new();
        for part in 0..=OLDER {
            let lines = match fs::read(self.part(part)) {
                Ok(lines) => lines,
                Err(error) if error.kind() == io::ErrorKind::NotFound => break,
                Err(error) => return Err(error),
            };
            let missing = count - last.len();
            let entries = lines.rsplit(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
            last.extend(entries.take(missing));
            if last.len() == count {
                break;
            }
        }
        last.reverse();
        Ok(last)
    }

    fn rotate(&mut self) -> io::Result<()> {
        for part in (0..OLDER).rev() {
            match fs::rename(self.part(part), self.part(part + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        self.file = private_file::append(&self.path)?;
        self.size = 0;
        Ok(())
    }

    fn part(&self, number: u32) -> PathBuf {
        match number {
            0 => self.path.clone(),
            older => self.path.with_added_extension(older.to_string()),
        }
    }
}

fn last_byte(path: &Path, size: u64) -> io::Result<u8> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(size - 1))?;
    let mut byte = [0];
    file.read_exact(&mut byte)?;
    let [byte] = byte;
    Ok(byte)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::super::{Action, Subject};
    use super::*;

    fn entry(number: u32) -> Entry {
        let subject = Subject { revision: Some(number), ..Subject::default() };
        Entry::now(Some("admin"), "r", Action::Deploy, subject, None)
    }

    fn numbers(log: &LogFile, count: usize) -> Vec<u32> {
        log.last(count).unwrap().into_iter().filter_map(|entry| entry.subject.revision).collect()
    }

    #[test]
    fn the_log_grows_without_end_or_loses_the_latest() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.log");
        let mut log = LogFile::open_with(&path, 1000).unwrap();
        for number in 0..100 {
            log.append(&entry(number)).unwrap();
        }
        let sizes: Vec<u64> = fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().metadata().unwrap().len()).collect();
        assert_eq!(sizes.len(), 1 + OLDER as usize);
        assert!(sizes.iter().all(|size| *size <= 1000), "{sizes:?}");
        assert_eq!(numbers(&log, 3), [97, 98, 99]);
        let all = numbers(&log, 1000);
        assert!(all.len() > 12 && all.is_sorted(), "{all:?}");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_restart_or_a_crash_forgets_who_did_what() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.log");
        LogFile::open(&path).unwrap().append(&entry(1)).unwrap();
        // half a line, as a crash leaves it
        private_file::append(&path).unwrap().write_all(b"{\"at\":\"2026").unwrap();
        let mut log = LogFile::open(&path).unwrap();
        log.append(&entry(2)).unwrap();
        assert_eq!(numbers(&log, 10), [1, 2]);
    }
}
