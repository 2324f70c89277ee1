//! Who changed what, and when: a file of its own, one line of JSON for each change and each
//! attempt that was refused.
//!
//! | file | question it answers |
//! | --- | --- |
//! | `entry` | what is told of a change? |
//! | `file` | where do the lines lie, and how is there an end to them? |
//! | `strangers` | how many lines does somebody get who may not even ask? (pure) |
//! | this file | the handle that everybody else holds |

mod entry;
mod file;
mod strangers;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use std::{fmt, io};

pub use entry::{Action, Entry, Outcome, Subject};
use file::LogFile;
use strangers::Strangers;

/// The log. Cheap to clone.
#[derive(Clone)]
pub struct AuditLog(Arc<Mutex<Inner>>);

struct Inner {
    file: LogFile,
    strangers: Strangers,
}

impl AuditLog {
    /// Opens the log in this file; older parts lie beside it.
    ///
    /// # Errors
    /// When the file cannot be made or written.
    pub fn open(path: &Path) -> io::Result<Self> {
        let inner = Inner { file: LogFile::open(path)?, strangers: Strangers::new(Instant::now()) };
        Ok(Self(Arc::new(Mutex::new(inner))))
    }

    /// Writes entries down, on the disk when this returns. A change is not undone when its line
    /// cannot be written: that is told in the host's own log.
    pub async fn write(&self, entries: Vec<Entry>) {
        self.beside_requests(move |inner| inner.write(entries)).await;
    }

    /// The last entries, the latest at the end.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn last(&self, count: usize) -> io::Result<Vec<Entry>> {
        self.beside_requests(move |inner| inner.file.last(count)).await.unwrap_or_else(|| Ok(Vec::new()))
    }

    async fn beside_requests<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Inner) -> T + Send + 'static,
    ) -> Option<T> {
        let inner = self.0.clone();
        let work = move || work(&mut inner.lock().unwrap_or_else(PoisonError::into_inner));
        let done = tokio::task::spawn_blocking(work).await;
        done.inspect_err(|error| tracing::error!(%error, "the audit log failed")).ok()
    }
}

impl Inner {
    fn write(&mut self, entries: Vec<Entry>) {
        for mut entry in entries {
            if entry.is_of_a_stranger() {
                match self.strangers.admit(Instant::now()) {
                    Some(before) => entry.not_told = before,
                    None => continue,
                }
            }
            if let Err(error) = self.file.append(&entry) {
                tracing::error!(%error, ?entry, "a change could not be written to the audit log");
            }
        }
    }
}

impl fmt::Debug for AuditLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuditLog")
    }
}
