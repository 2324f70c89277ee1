//! Threads whose panic stops the store instead of leaving callers to wait for ever.

use std::io;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use super::shared::Shared;

struct PoisonOnPanic(Arc<Shared>);

impl Drop for PoisonOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let name = std::thread::current().name().unwrap_or_default().to_owned();
            self.0.poison(format!("the thread {name} panicked"));
        }
    }
}

/// Starts a named thread of the store.
pub(super) fn spawn(
    name: &str,
    shared: Arc<Shared>,
    work: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let guard = PoisonOnPanic(shared);
    Builder::new().name(name.to_owned()).spawn(move || {
        let _guard = guard;
        work();
    })
}
