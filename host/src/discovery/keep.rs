//! What clients register survives a restart, as in Consul's agent: each instance is a record in
//! the store, written again when one of its checks changes its status.
//!
//! A registration is durable before its client is answered. A status is not waited for: what is
//! lost of it, the next answer of the check brings back.

use std::time::Duration;

use bytes::Bytes;
use holm_registry::discovery::directory::Directory;
use holm_registry::discovery::instance::Owner;
use holm_registry::discovery::record::{self, InstanceRecord};
use holm_registry::discovery::registration::{InstanceId, Registration};
use holm_registry::store::{Effects, Store, StoreError};

use super::{Discovery, RegisterError, now};
use crate::telemetry::random::random_u64;

/// After a restart the checks begin over this time, not all at once.
const SPREAD: Duration = Duration::from_secs(5);

/// Reads every record. One that cannot be read is reported and left as it is.
pub(super) fn restore(store: &Store, directory: &mut Directory) -> Result<(), StoreError> {
    for (key, kept) in store.scan(&record::all())? {
        match InstanceRecord::decode(&kept.value) {
            Ok(InstanceRecord { registration, statuses, .. }) => {
                directory.restore(registration, &statuses, somewhere_in(SPREAD), now());
            }
            Err(reason) => tracing::error!(%key, reason, "a registration cannot be read and is left as it is"),
        }
    }
    Ok(())
}

/// Any time up to this one.
pub(super) fn somewhere_in(time: Duration) -> Duration {
    // 16 bits are fine enough to spread probes
    time.mul_f64(f64::from(random_u64() as u16) / f64::from(u16::MAX))
}

impl Discovery {
    /// Writes a registration; durable when it answers. The caller holds the turn to write.
    pub(super) async fn keep_registration(&self, registration: &Registration) -> Result<(), RegisterError> {
        let bytes = self.read(|directory| InstanceRecord::before(directory, registration)).encode()?;
        self.write(&registration.id, Some(bytes)).await
    }

    /// Takes the record of an instance away. The caller holds the turn to write.
    pub(super) async fn forget(&self, id: &InstanceId) -> Result<(), RegisterError> {
        self.write(id, None).await
    }

    async fn write(&self, id: &InstanceId, record: Option<Vec<u8>>) -> Result<(), RegisterError> {
        let sequence = self.0.store.commit(effects(id, record)).await?;
        Ok(self.0.store.durable(sequence).await?)
    }

    /// Writes how an instance of a client stands now, or that it has gone.
    pub(super) async fn keep_status(&self, id: &InstanceId) {
        let _turn = self.0.writing.lock().await;
        let is_the_host_s =
            |directory: &Directory| directory.instance(id.as_str()).is_some_and(|it| *it.owner() != Owner::Client);
        if self.read(is_the_host_s) {
            return;
        }
        let record = self.read(|directory| InstanceRecord::of(directory, id)).map(|record| record.encode());
        let Ok(record) = record.transpose() else { return };
        if let Err(error) = self.0.store.commit(effects(id, record)).await {
            tracing::warn!(instance = %id, %error, "the status of an instance cannot be kept over a restart");
        }
    }
}

fn effects(id: &InstanceId, record: Option<Vec<u8>>) -> Effects {
    let mut effects = Effects::default();
    effects.writes.insert(record::key(id), record.map(Bytes::from));
    effects
}
