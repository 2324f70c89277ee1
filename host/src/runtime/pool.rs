//! The instances of one revision: who may enter, and with which instance.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant as StdInstant};

use holm_registry::settings::{Isolation, Limit, Settings};
use tokio::sync::Notify;
use tokio::time::Instant;
use wasmtime::Store;

use super::bulkhead::{Bulkhead, Permit};
use super::call::Offer;
use super::component::Linked;
use super::cpu::CpuMeter;
use super::event::EventEntrance;
use super::guest::{Guest, Island};
use super::invocation::Invocation;
use super::lineage::Standing;
use super::loaded::Loaded;
use super::places::{Lease, NoPlaces, Place, Places};
use super::shared::Rooms;
use super::start::{HttpEntrance, Started, start};
use crate::fault::Fault;

/// Instances that serve once are made ahead if they take at least this long to start. Below it, handing one from
/// one thread to another costs about what it saves, and under load it only makes the same work twice as far apart.
const WORTH_AHEAD: Duration = Duration::from_micros(500);

/// One live instantiation, in its own store.
pub struct Instance {
    /// The store, with nobody's invocation in it while the instance is idle.
    pub store: Store<Guest>,
    /// How HTTP requests enter, if they do.
    pub http: Option<HttpEntrance>,
    /// How events enter, if they do.
    pub events: Option<EventEntrance>,
    /// Where calls find their functions.
    pub exports: wasmtime::component::Instance,
    uses: u32,
    idle_since: StdInstant,
    _alive: Alive,
    place: Place,
}

impl Instance {
    /// How many invocations it may still serve.
    pub fn uses_left(&self, settings: &Settings) -> u32 {
        settings.reuse.saturating_sub(self.uses).max(1)
    }
}

impl Instance {
    /// Prepares it for the invocation that is about to run in it.
    pub fn begin(&mut self, invocation: &Arc<Invocation>) {
        self.store.data_mut().enter(invocation.clone());
        self.store.set_epoch_deadline(1);
    }
}

/// Counts an instance for as long as it lives.
struct Alive(Arc<Island>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.metrics.instance_dropped();
    }
}

/// What an invocation without an instance has come by.
enum Gained {
    Place(Place),
    Instance(Box<Instance>),
}

/// The instances of one revision, and the right to use them.
pub struct Pool {
    linked: Linked,
    island: Arc<Island>,
    isolation: Isolation,
    lease: Lease,
    bulkhead: Bulkhead,
    idle: Mutex<Vec<Instance>>,
    /// An instance has become idle.
    returned: Notify,
    rooms: Rooms,
    closed: AtomicBool,
    /// Microseconds that the last start took.
    start: AtomicU64,
    /// Somebody makes instances ahead.
    making: AtomicBool,
}

impl Pool {
    /// An empty pool.
    ///
    /// # Errors
    /// When the host is too small for another service.
    pub fn new(linked: Linked, island: Arc<Island>, places: &Arc<Places>) -> Result<Arc<Self>, NoPlaces> {
        let lease = places.lease(&island.service, linked.places, island.settings.instances.max)?;
        let isolation = linked.isolation(&island.settings);
        let bulkhead = Bulkhead::new(&island.settings);
        let pool = Arc::new(Self {
            linked,
            isolation,
            lease,
            bulkhead,
            idle: Mutex::default(),
            returned: Notify::new(),
            rooms: Rooms::default(),
            closed: AtomicBool::new(false),
            start: AtomicU64::new(0),
            making: AtomicBool::new(false),
            island,
        });
        places.register(&pool);
        Ok(pool)
    }

    /// The isolation in force.
    pub fn isolation(&self) -> Isolation {
        self.isolation
    }

    /// What other services may call.
    pub fn offer(&self) -> &Offer {
        self.linked.loaded.offer()
    }

    /// Its component.
    pub fn loaded(&self) -> &Arc<Loaded> {
        &self.linked.loaded
    }

    /// Whether HTTP requests can enter.
    pub fn takes_http(&self) -> bool {
        self.linked.http.is_some()
    }

    /// Whether events can enter.
    pub fn takes_events(&self) -> bool {
        self.linked.events.is_some()
    }

    /// Whether the component can publish events.
    pub fn publishes_events(&self) -> bool {
        self.linked.publishes
    }

    /// Whether the component can read or write state.
    pub fn uses_state(&self) -> bool {
        self.linked.uses_state
    }

    /// The instances that several requests are in.
    pub fn rooms(&self) -> &Rooms {
        &self.rooms
    }

    /// The bulkhead: the right to run, for an invocation of this standing.
    ///
    /// # Errors
    /// Overload, see [`Bulkhead::enter`].
    pub async fn enter(&self, standing: Standing, deadline: Instant) -> Result<Permit, Fault> {
        self.bulkhead.enter(standing, deadline, &self.island.metrics).await
    }

    /// An instance for one invocation: an idle one, else a new one.
    ///
    /// # Errors
    /// When a new one cannot be made.
    pub async fn take(&self, invocation: &Arc<Invocation>) -> Result<Instance, Fault> {
        if let Some(instance) = self.idle().pop() {
            return Ok(instance);
        }
        let deadline = invocation.deadline.into();
        match self.place_or_instance(deadline).await? {
            Gained::Place(place) => self.make(place, invocation.cpu.clone(), deadline).await,
            Gained::Instance(instance) => Ok(*instance),
        }
    }

    /// Takes an instance back after a completed invocation. It is dropped when it has served
    /// its time or the revision has retired.
    pub fn give_back(&self, instance: Instance) {
        self.give_back_after(instance, 1);
    }

    /// The same after several invocations.
    pub fn give_back_after(&self, mut instance: Instance, uses: u32) {
        instance.uses = instance.uses.saturating_add(uses);
        if self.isolation == Isolation::Invocation || self.is_spent(&instance) {
            return;
        }
        instance.idle_since = StdInstant::now();
        self.shelve(instance);
    }

    /// A place for a new instance, or one that has become idle meanwhile, whichever comes first.
    async fn place_or_instance(&self, deadline: Instant) -> Result<Gained, Fault> {
        if let Some(place) = self.lease.take_now() {
            return Ok(Gained::Place(place));
        }
        self.island.metrics.limit_hit(Limit::Places);
        let place = self.lease.take(deadline);
        tokio::pin!(place);
        loop {
            tokio::select! {
                place = &mut place => return place.map(Gained::Place),
                () = self.returned.notified() => {
                    if let Some(instance) = self.idle().pop() {
                        return Ok(Gained::Instance(Box::new(instance)));
                    }
                }
            }
        }
    }

    /// Whether an instance has served its time, or has become something that is better replaced.
    fn is_spent(&self, instance: &Instance) -> bool {
        let (settings, limiter) = (&self.island.settings, &instance.store.data().limiter);
        let met = if limiter.growth() > settings.instances.growth.as_usize() {
            Some(Limit::Growth)
        } else {
            (instance.uses >= settings.reuse).then_some(Limit::Reuse)
        };
        if let Some(limit) = met {
            self.island.metrics.limit_hit(limit);
        }
        met.is_some() || limiter.has_refused()
    }

    /// Makes the first instances: as many as are missing to `instances.warm`. One of them in any case, the
    /// others for as long as nobody would have to wait for their places.
    ///
    /// # Errors
    /// When one cannot be made: the guest traps while it starts, or goes over a limit.
    pub async fn warm(&self) -> Result<(), Fault> {
        let settings = &self.island.settings;
        if settings.instances.warm > 0 && self.idle().is_empty() {
            let place = match self.lease.take_now() {
                Some(place) => place,
                None => self.lease.take(Instant::now() + settings.timeout).await?,
            };
            self.keep(place).await?;
        }
        self.fill().await
    }

    /// Whether instances should be made ahead now, by whoever asks: each invocation takes one, and they take long
    /// to start. Says so to one at a time, until [`make_ahead`](Self::make_ahead) has ended.
    pub fn is_behind(&self) -> bool {
        self.isolation == Isolation::Invocation
            && Duration::from_micros(self.start.load(Ordering::Relaxed)) >= WORTH_AHEAD
            && self.missing() > 0
            && !self.making.swap(true, Ordering::AcqRel)
    }

    /// Replaces the instances that were taken. One that cannot be made is left to the invocation that needs it.
    pub async fn make_ahead(&self) {
        let _ = self.fill().await;
        self.making.store(false, Ordering::Release);
    }

    async fn fill(&self) -> Result<(), Fault> {
        while self.missing() > 0
            && let Some(place) = self.lease.take_now()
        {
            self.keep(place).await?;
        }
        Ok(())
    }

    fn missing(&self) -> usize {
        let warm = if self.closed.load(Ordering::Acquire) { 0 } else { self.island.settings.instances.warm };
        (warm as usize).saturating_sub(self.idle().len())
    }

    /// Makes an instance for whoever comes.
    async fn keep(&self, place: Place) -> Result<(), Fault> {
        let settings = &self.island.settings;
        let meter = Arc::new(CpuMeter::new(settings.limits.cpu));
        let instance = self.make(place, meter, Instant::now() + settings.timeout).await?;
        self.shelve(instance);
        Ok(())
    }

    fn shelve(&self, instance: Instance) {
        let mut idle = self.idle();
        if !self.closed.load(Ordering::Acquire) {
            idle.push(instance);
            drop(idle);
            self.returned.notify_one();
        }
    }

    /// Drops instances that nobody has used for `instances.idle`.
    pub fn sweep(&self, now: StdInstant) {
        self.lease.settle();
        let longest: Duration = self.island.settings.instances.idle;
        let old: Vec<Instance> = {
            let mut idle = self.idle();
            // the vector is a stack: the one unused for longest lies at the bottom
            let keep = idle.iter().position(|instance| now.saturating_duration_since(instance.idle_since) < longest);
            let end = keep.unwrap_or(idle.len());
            idle.drain(..end).collect()
        };
        drop(old);
    }

    /// Drops the idle instance that was unused for longest of those in whose places others could have
    /// theirs. Whether there was one.
    pub fn give_up_idle(&self) -> bool {
        let oldest = {
            let mut idle = self.idle();
            idle.iter().position(|instance| instance.place.is_common()).map(|at| idle.remove(at))
        };
        oldest.is_some()
    }

    /// All places of the host's services, and those that this one takes.
    pub fn places(&self) -> (u32, u32) {
        self.lease.usage()
    }

    /// No instance is kept from now on.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
        let idle = std::mem::take(&mut *self.idle());
        drop(idle);
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Instance>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn make(&self, place: Place, meter: Arc<CpuMeter>, deadline: Instant) -> Result<Instance, Fault> {
        let began = StdInstant::now();
        let Started { mut store, exports, http, events } = start(&self.linked, &self.island, meter, deadline).await?;
        store.data_mut().limiter.made();
        self.island.metrics.instance_made();
        let alive = Alive(self.island.clone());
        let idle_since = StdInstant::now();
        let took = idle_since.saturating_duration_since(began).as_micros();
        self.start.store(u64::try_from(took).unwrap_or(u64::MAX), Ordering::Relaxed);
        Ok(Instance { store, http, events, exports, uses: 0, idle_since, _alive: alive, place })
    }
}
