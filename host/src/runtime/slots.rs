//! Places in the pooling allocator, shared by all services.
//!
//! The allocator does not wait: it fails when it is full. So every instance holds a permit
//! for its place, and permits come only from what exists. Idle instances of other services
//! make room before anybody waits.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use super::pool::Pool;
use crate::fault::{Fault, FaultKind};

/// All places of the host.
pub struct Slots {
    free: Arc<Semaphore>,
    pools: Mutex<Vec<Weak<Pool>>>,
}

impl Slots {
    /// `total` places.
    pub fn new(total: u32) -> Arc<Self> {
        Arc::new(Self { free: Arc::new(Semaphore::new(total as usize)), pools: Mutex::default() })
    }

    /// A pool whose idle instances may be dropped to make room.
    pub fn register(&self, pool: &Arc<Pool>) {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        pools.retain(|pool| pool.strong_count() > 0);
        pools.push(Arc::downgrade(pool));
    }

    /// Places for one instance.
    ///
    /// # Errors
    /// Overload, when none became free in time.
    pub async fn acquire(&self, count: u32, deadline: Instant) -> Result<OwnedSemaphorePermit, Fault> {
        if let Ok(permit) = self.free.clone().try_acquire_many_owned(count) {
            return Ok(permit);
        }
        self.drop_idle();
        match timeout_at(deadline, self.free.clone().acquire_many_owned(count)).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(Fault::new(FaultKind::Overload, "no place for another instance became free in time")),
        }
    }

    fn drop_idle(&self) {
        let pools: Vec<Arc<Pool>> = {
            let pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
            pools.iter().filter_map(Weak::upgrade).collect()
        };
        for pool in pools {
            pool.drop_idle();
        }
    }
}
