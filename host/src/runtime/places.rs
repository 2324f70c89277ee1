//! Places in the pooling allocator, shared by all services.
//!
//! The allocator does not wait: it fails when it is full. So every instance holds permits for the
//! places that it takes, and permits come only from what exists:
//!
//! | places | whose |
//! | --- | --- |
//! | claims | a service's own: room for one instance that nobody else can take, whether it is used or not |
//! | common | whoever comes first; when none is left, idle instances on them make room before anybody waits |
//! | reserve | a tenth, for deployments: the first instance of a revision, and the claim of a new service |
//!
//! So however much others hold, a service answers, and can be replaced by a revision that mends it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use holm_registry::ServiceName;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use super::pool::Pool;
use crate::fault::{Fault, FaultKind};
use crate::telemetry::metrics::PlaceMetrics;

/// Of all places, the part that is kept for deployments.
const RESERVED: u32 = 10;

/// All places of the host.
pub struct Places {
    total: u32,
    common: Arc<Semaphore>,
    reserve: Arc<Semaphore>,
    accounts: Mutex<HashMap<ServiceName, Weak<Account>>>,
    pools: Mutex<Vec<Weak<Pool>>>,
    metrics: PlaceMetrics,
}

/// Why a revision gets no places. The texts are for whoever deploys it.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NoPlaces {
    /// More instances than could ever live.
    #[error(
        "{max} instances of {service} would take {wanted} places, but this host has {places} for its services; lower `instances.max`, or start the host with more `--places`"
    )]
    TooManyInstances {
        /// Which service.
        service: ServiceName,
        /// Its `instances.max`.
        max: u32,
        /// What they would take together.
        wanted: u64,
        /// What there is.
        places: u32,
    },
    /// Not every service could have an instance at any time.
    #[error(
        "every service keeps room for one instance, and the {places} places for that are taken by {services} services ({service} needs {wanted} more); remove services that nobody needs, use another host for some of them, or start this one with more `--places`"
    )]
    TooManyServices {
        /// Which service.
        service: ServiceName,
        /// How many there are already.
        services: usize,
        /// What it needs.
        wanted: u32,
        /// What there is.
        places: u32,
    },
    /// For now.
    #[error(
        "all places for instances are in use, those that are kept for deployments, too; deploy {0} again when fewer requests are under way"
    )]
    InUse(ServiceName),
}

/// What one service has: shared by its revisions, for as long as one of them or an instance lives.
struct Account {
    /// Permits for the claim.
    own: Arc<Semaphore>,
    claim: AtomicU32,
    used: AtomicU32,
    /// What the claim is made of.
    backing: Mutex<Vec<Backing>>,
    metrics: PlaceMetrics,
}

struct Backing {
    permit: OwnedSemaphorePermit,
    /// From the reserve, until a common place becomes free.
    borrowed: bool,
}

/// What a revision takes places with.
pub struct Lease {
    places: Arc<Places>,
    account: Arc<Account>,
    /// Places of one instance.
    cost: u32,
    /// Instances that live or are about to.
    living: Arc<AtomicU32>,
}

/// The places of one instance. Given back when it is dropped.
pub struct Place {
    permit: OwnedSemaphorePermit,
    is_common: bool,
    account: Arc<Account>,
    _living: Living,
}

/// Counts an instance from its wish for a place to its end.
struct Living(Arc<AtomicU32>);

impl Drop for Living {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Places {
    /// `total` places, a tenth of them in reserve.
    pub fn new(total: u32, metrics: PlaceMetrics) -> Arc<Self> {
        let reserve = total / RESERVED;
        metrics.set_total(total);
        Arc::new(Self {
            total,
            common: Arc::new(Semaphore::new((total - reserve) as usize)),
            reserve: Arc::new(Semaphore::new(reserve as usize)),
            accounts: Mutex::default(),
            pools: Mutex::default(),
            metrics,
        })
    }

    /// All but the reserve.
    fn for_services(&self) -> u32 {
        self.total - self.total / RESERVED
    }

    /// Room for one instance of a service at any time, of this many places, and the right to ask for more, up to
    /// `max` instances. Revisions of one service share their room.
    ///
    /// # Errors
    /// When the host is too small for it.
    pub fn lease(self: &Arc<Self>, service: &ServiceName, cost: u32, max: u32) -> Result<Lease, NoPlaces> {
        let (places, wanted) = (self.for_services(), u64::from(cost) * u64::from(max));
        if wanted > u64::from(places) {
            return Err(NoPlaces::TooManyInstances { service: service.clone(), max, wanted, places });
        }
        let account = self.account(service, cost)?;
        Ok(Lease { places: self.clone(), account, cost, living: Arc::default() })
    }

    fn account(&self, service: &ServiceName, cost: u32) -> Result<Arc<Account>, NoPlaces> {
        let mut accounts = lock(&self.accounts);
        accounts.retain(|_, account| account.strong_count() > 0);
        let living: Vec<Arc<Account>> = accounts.values().filter_map(Weak::upgrade).collect();
        let claimed: u32 = living.iter().map(|account| account.claim.load(Ordering::Relaxed)).sum();
        let known = accounts.get(service).and_then(Weak::upgrade);
        let account = known.unwrap_or_else(|| Arc::new(Account::new(self.metrics.clone())));
        let more = cost.saturating_sub(account.claim.load(Ordering::Relaxed));
        let places = self.for_services();
        if claimed.saturating_add(more) > places {
            let (service, services) = (service.clone(), living.len());
            return Err(NoPlaces::TooManyServices { service, services, wanted: more, places });
        }
        if more > 0 {
            account.add(self.for_claim(more).ok_or_else(|| NoPlaces::InUse(service.clone()))?);
        }
        accounts.insert(service.clone(), Arc::downgrade(&account));
        Ok(account)
    }

    fn for_claim(&self, count: u32) -> Option<Backing> {
        if let Some(permit) = self.common_now(count) {
            return Some(Backing { permit, borrowed: false });
        }
        let permit = self.reserve.clone().try_acquire_many_owned(count).ok()?;
        Some(Backing { permit, borrowed: true })
    }

    /// Common places at once, if need be in the place of idle instances.
    fn common_now(&self, count: u32) -> Option<OwnedSemaphorePermit> {
        let now = || self.common.clone().try_acquire_many_owned(count).ok();
        now().or_else(|| {
            self.make_room(count);
            now()
        })
    }

    /// A pool whose idle instances may be dropped to make room.
    pub fn register(&self, pool: &Arc<Pool>) {
        let mut pools = lock(&self.pools);
        pools.retain(|pool| pool.strong_count() > 0);
        pools.push(Arc::downgrade(pool));
    }

    fn make_room(&self, count: u32) {
        let pools: Vec<Arc<Pool>> = lock(&self.pools).iter().filter_map(Weak::upgrade).collect();
        for pool in pools {
            while self.common.available_permits() < count as usize {
                if !pool.give_up_idle() {
                    break;
                }
            }
        }
    }
}

impl Account {
    fn new(metrics: PlaceMetrics) -> Self {
        let own = Arc::new(Semaphore::new(0));
        Self { own, claim: AtomicU32::new(0), used: AtomicU32::new(0), backing: Mutex::default(), metrics }
    }

    fn add(&self, backing: Backing) {
        let count = backing.permit.num_permits();
        lock(&self.backing).push(backing);
        self.own.add_permits(count);
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        self.claim.fetch_add(count, Ordering::Relaxed);
        self.metrics.claimed(count);
    }

    /// Gives back to the reserve what the claim has from there, if that is possible now.
    fn settle(&self, common: &Arc<Semaphore>) {
        for backing in lock(&self.backing).iter_mut().filter(|backing| backing.borrowed) {
            let count = u32::try_from(backing.permit.num_permits()).unwrap_or(u32::MAX);
            if let Ok(permit) = common.clone().try_acquire_many_owned(count) {
                *backing = Backing { permit, borrowed: false };
            }
        }
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.metrics.unclaimed(self.claim.load(Ordering::Relaxed));
    }
}

impl Lease {
    /// Places for one instance if there are any now.
    pub fn take_now(&self) -> Option<Place> {
        let living = self.count();
        let own = || Some((self.account.own.clone().try_acquire_many_owned(self.cost).ok()?, false));
        let common = || Some((self.places.common_now(self.cost)?, true));
        let reserve = || {
            let is_first = living.0.load(Ordering::Acquire) == 1;
            Some((is_first.then(|| self.places.reserve.clone().try_acquire_many_owned(self.cost).ok())??, false))
        };
        let (permit, is_common) = own().or_else(common).or_else(reserve)?;
        Some(self.place(permit, is_common, living))
    }

    /// Places for one instance, after those that wait already.
    ///
    /// # Errors
    /// Overload, when none became free in time.
    pub async fn take(&self, deadline: Instant) -> Result<Place, Fault> {
        let living = self.count();
        let own = self.account.own.clone().acquire_many_owned(self.cost);
        let common = self.places.common.clone().acquire_many_owned(self.cost);
        let either = async {
            tokio::select! {
                biased;
                permit = own => permit.map(|permit| (permit, false)),
                permit = common => permit.map(|permit| (permit, true)),
            }
        };
        match timeout_at(deadline, either).await {
            Ok(Ok((permit, is_common))) => Ok(self.place(permit, is_common, living)),
            _ => Err(Fault::new(FaultKind::Overload, "no place for another instance became free in time")),
        }
    }

    /// All places of the host's services, and those that this one's instances take.
    pub fn usage(&self) -> (u32, u32) {
        (self.places.for_services(), self.account.used.load(Ordering::Relaxed))
    }

    /// Looks whether the claim can stand without the reserve.
    pub fn settle(&self) {
        self.account.settle(&self.places.common);
    }

    fn count(&self) -> Living {
        self.living.fetch_add(1, Ordering::AcqRel);
        Living(self.living.clone())
    }

    fn place(&self, permit: OwnedSemaphorePermit, is_common: bool, living: Living) -> Place {
        self.account.used.fetch_add(self.cost, Ordering::Relaxed);
        self.account.metrics.taken(self.cost);
        Place { permit, is_common, account: self.account.clone(), _living: living }
    }
}

impl Place {
    /// Whether others could use it.
    pub fn is_common(&self) -> bool {
        self.is_common
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let count = u32::try_from(self.permit.num_permits()).unwrap_or(u32::MAX);
        self.account.used.fetch_sub(count, Ordering::Relaxed);
        self.account.metrics.given_back(count);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
