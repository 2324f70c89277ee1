//! Who answers under a name besides Holm's own services: kept, asked how it is, and picked.
//!
//! | file | question it answers |
//! | --- | --- |
//! | this one | what can be registered, looked up and waited for? |
//! | `keep` | what survives a restart? |
//! | `pick` | which instance is the next request for, and how did it go? |
//! | `checker` | when is which check asked? |
//! | `probe`, `reach` | what does it ask, and where may it connect to? |
//! | `status` | what do `holm services`, the admin API and `/metrics` show? |
//!
//! What decides is the registry's [`Directory`], on given time; this part has the clock, the
//! store and the connections.

mod checker;
mod keep;
mod pick;
mod probe;
mod reach;
mod status;
#[cfg(test)]
mod tests;

pub use pick::Picked;
pub use status::{OutsideCheck, OutsideInstance, OutsideService};

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use holm_registry::discovery::balance::Balance;
use holm_registry::discovery::check::Status;
use holm_registry::discovery::directory::{Directory, DirectoryError};
use holm_registry::discovery::external::External;
use holm_registry::discovery::owned::OwnService;
use holm_registry::discovery::pool::Pool;
use holm_registry::discovery::ranges::AllowList;
use holm_registry::discovery::registration::Registration;
use holm_registry::discovery::settings::DiscoverySettings;
use holm_registry::store::{CommitError, Store, StoreError};
use tokio::sync::{Notify, watch};

use crate::shutdown::Tasks;
use crate::telemetry::metrics::DiscoveryMetrics;
use crate::telemetry::now_ms;
use probe::Prober;

/// The handle. Cheap to clone.
#[derive(Clone)]
pub struct Discovery(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// The index, for those who wait for a change.
    index: watch::Sender<u64>,
    /// There may be something to ask earlier than the checker knows.
    wake: Notify,
    store: Store,
    /// Registrations are written one after the other, so that the store never has an older one
    /// than the directory.
    writing: tokio::sync::Mutex<()>,
    allow: AllowList,
    balance: Balance,
    prober: Prober,
    metrics: Arc<DiscoveryMetrics>,
    tasks: Tasks,
}

struct State {
    directory: Directory,
    /// By the name of the service.
    pools: HashMap<String, Pool>,
}

/// Why something is not registered.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// It is nonsense, or belongs to somebody else.
    #[error(transparent)]
    Refused(#[from] DirectoryError),
    /// It cannot be kept.
    #[error("the registration cannot be kept: {0}")]
    Commit(#[from] CommitError),
    /// It cannot be kept for certain.
    #[error("the registration cannot be kept: {0}")]
    Store(#[from] StoreError),
    /// It cannot be written as JSON.
    #[error("the registration cannot be written: {0}")]
    Encode(#[from] serde_json::Error),
    /// The host is about to end.
    #[error("the host stopped in the middle of it; see whether it happened")]
    Stopped,
}

impl Discovery {
    /// Brings back what clients had registered when the host last stopped. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn load(
        store: Store,
        settings: &DiscoverySettings,
        metrics: Arc<DiscoveryMetrics>,
        tasks: Tasks,
    ) -> Result<Self, StoreError> {
        // later than any index of an earlier run: that would take a change in every millisecond of it
        let mut directory = Directory::new(now_ms());
        keep::restore(&store, &mut directory)?;
        let index = watch::Sender::new(directory.index());
        Ok(Self(Arc::new(Shared {
            state: Mutex::new(State { directory, pools: HashMap::new() }),
            index,
            wake: Notify::new(),
            store,
            writing: tokio::sync::Mutex::new(()),
            allow: settings.allow.clone(),
            balance: settings.balance.clone(),
            prober: Prober::new(settings.allow.clone()),
            metrics,
            tasks,
        })))
    }

    /// Looks at the directory. Quick: everybody else waits meanwhile.
    pub fn read<T>(&self, look: impl FnOnce(&Directory) -> T) -> T {
        look(&self.state().directory)
    }

    /// Registers an instance, or replaces the one with its id. It survives a restart.
    ///
    /// # Errors
    /// Why it is not registered; nothing has changed then.
    pub async fn register(&self, registration: Registration) -> Result<(), RegisterError> {
        let this = self.clone();
        self.finish_even_alone("registration", async move { this.register_now(registration).await }).await
    }

    async fn register_now(&self, registration: Registration) -> Result<(), RegisterError> {
        let _turn = self.0.writing.lock().await;
        self.read(|directory| directory.may_register(&registration))?;
        self.keep_registration(&registration).await?;
        let id = registration.id.clone();
        if let Err(refused) = self.change(|directory| directory.register(registration, now())) {
            // something took the name while the record was written
            self.forget(&id).await?;
            return Err(refused.into());
        }
        Ok(())
    }

    /// Takes an instance away.
    ///
    /// # Errors
    /// When nothing of that id was registered, or the removal cannot be kept.
    pub async fn deregister(&self, id: &str) -> Result<(), RegisterError> {
        let (this, id) = (self.clone(), id.to_owned());
        self.finish_even_alone("deregistration", async move { this.deregister_now(&id).await }).await
    }

    async fn deregister_now(&self, id: &str) -> Result<(), RegisterError> {
        let _turn = self.0.writing.lock().await;
        let id = self.read(|directory| directory.may_deregister(id))?;
        self.forget(&id).await?;
        Ok(self.change(|directory| directory.deregister(id.as_str()))?)
    }

    /// A change, once begun, is finished, whether its client waits or has left: the store and the
    /// directory say the same afterwards.
    async fn finish_even_alone(
        &self,
        name: &'static str,
        change: impl Future<Output = Result<(), RegisterError>> + Send + 'static,
    ) -> Result<(), RegisterError> {
        self.0.tasks.spawn(name, change).await.unwrap_or(Err(RegisterError::Stopped))
    }

    /// What an instance says about itself through a TTL check.
    ///
    /// # Errors
    /// When there is no such check, or it is none with a TTL.
    pub async fn report(&self, check: &str, status: Status, output: String) -> Result<(), DirectoryError> {
        let reported = self.change(|directory| directory.report(check, status, output, now()))?;
        if reported.moved {
            tracing::info!(instance = %reported.instance, check, %status, "an instance reports another status");
            self.keep_status(&reported.instance).await;
        }
        Ok(())
    }

    /// Shows the services of this host to those who discover.
    pub fn show_own(&self, services: Vec<OwnService>) {
        self.change(|directory| directory.show_own(services, now()));
    }

    /// Shows the externals of all manifests, each with its app.
    pub fn set_externals(&self, externals: &[(String, External)]) {
        self.change(|directory| directory.set_externals(externals, now()));
    }

    /// Resolves when `index_of` is above `since`: at once, or after a change.
    pub async fn changed(&self, since: u64, index_of: impl Fn(&Directory) -> u64) {
        let mut index = self.0.index.subscribe();
        while self.read(&index_of) <= since {
            // fails only when the sender has gone, which this handle holds
            let _ = index.changed().await;
        }
    }

    /// Changes the directory, and tells those who wait, and the checker, if it is another one
    /// afterwards.
    fn change<T>(&self, change: impl FnOnce(&mut Directory) -> T) -> T {
        let (result, index) = {
            let mut state = self.state();
            (change(&mut state.directory), state.directory.index())
        };
        let is_new = self.0.index.send_if_modified(|known| {
            let is_new = *known < index;
            *known = index.max(*known);
            is_new
        });
        if is_new {
            self.0.wake.notify_one();
        }
        result
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The clock of all decisions: tokio's, which tests can stop.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
