//! The instances of one revision: who may enter, and with which instance.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant as StdInstant};

use holm_registry::settings::{Isolation, Limit, Settings};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};
use wasmtime::{Store, UpdateDeadline};
use wasmtime_wasi_http::{p2, p3};

use super::bulkhead::{Bulkhead, Permit};
use super::call::Offer;
use super::component::{HttpDoor, Linked};
use super::cpu::{CpuMeter, Metered};
use super::event::EventEntrance;
use super::guest::{Guest, Island};
use super::invocation::Invocation;
use super::limits::fault_of;
use super::lineage::Standing;
use super::loaded::Loaded;
use super::places::{Lease, NoPlaces, Place, Places};
use super::shared::Rooms;
use crate::fault::{Fault, FaultKind};

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

/// The HTTP export of an instance.
pub enum HttpEntrance {
    /// `wasi:http/incoming-handler@0.2.x`.
    P2(p2::bindings::Proxy),
    /// `wasi:http/handler@0.3.x`.
    P3(p3::bindings::Service),
}

impl Instance {
    /// Prepares it for the invocation that is about to run in it.
    pub fn begin(&mut self, invocation: &Arc<Invocation>) {
        self.store.data_mut().enter(invocation.clone());
        self.store.set_epoch_deadline(1);
    }
}

/// Where one enters an instance.
struct Doors {
    exports: wasmtime::component::Instance,
    http: Option<HttpEntrance>,
    events: Option<EventEntrance>,
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
        let mut idle = self.idle();
        if !self.closed.load(Ordering::Acquire) {
            idle.push(instance);
            drop(idle);
            self.returned.notify_one();
        }
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

    /// Makes instances ahead: as many as are missing to `instances.warm` now. One of them in any case; the
    /// others for as long as nobody would have to wait for their places.
    ///
    /// # Errors
    /// When one cannot be made: the guest traps while it starts, or goes over a limit.
    pub async fn warm(&self) -> Result<(), Fault> {
        let settings = &self.island.settings;
        let missing = (settings.instances.warm as usize).saturating_sub(self.idle().len());
        for _ in 0..missing {
            let deadline = Instant::now() + settings.timeout;
            let place = match self.lease.take_now() {
                Some(place) => place,
                None if !self.idle().is_empty() => break,
                None => self.lease.take(deadline).await?,
            };
            let meter = Arc::new(CpuMeter::new(settings.limits.cpu));
            let instance = self.make(place, meter, deadline).await?;
            self.idle().push(instance);
        }
        Ok(())
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
        let mut store = Store::new(self.linked.pre.engine(), Guest::new(self.island.clone(), meter.clone()));
        arm(&mut store, &self.island.settings, self.linked.host_call);
        let making = Metered::new(meter, &self.island.manners, Box::pin(self.instantiate(&mut store)));
        let Doors { exports, http, events } = match timeout_at(deadline, making).await {
            Ok(Ok(made)) => made,
            Ok(Err(error)) => return Err(start_fault(&mut store, &error)),
            Err(_) => {
                return Err(Fault::new(FaultKind::Deadline, "the instance did not start in time").at(Limit::Timeout));
            }
        };
        store.data_mut().limiter.made();
        self.island.metrics.instance_made();
        let alive = Alive(self.island.clone());
        let idle_since = StdInstant::now();
        Ok(Instance { store, http, events, exports, uses: 0, idle_since, _alive: alive, place })
    }

    async fn instantiate(&self, store: &mut Store<Guest>) -> wasmtime::Result<Doors> {
        let instance = self.linked.pre.instantiate_async(&mut *store).await?;
        let http = match &self.linked.http {
            Some(HttpDoor::P2(indices)) => Some(HttpEntrance::P2(indices.load(&mut *store, &instance)?)),
            Some(HttpDoor::P3(indices)) => Some(HttpEntrance::P3(indices.load(&mut *store, &instance)?)),
            None => None,
        };
        let events = match &self.linked.events {
            Some(door) => Some(door.load(&mut *store, &instance)?),
            None => None,
        };
        Ok(Doors { exports: instance, http, events })
    }
}

/// The limits of a new store.
fn arm(store: &mut Store<Guest>, settings: &Settings, host_call: usize) {
    let handles = settings.limits.handles as usize;
    store.limiter(|guest| &mut guest.limiter);
    store.set_hostcall_fuel(host_call);
    store.set_max_component_handles(handles);
    if let Some(tasks) = store.concurrent_resource_table() {
        tasks.set_max_capacity(handles);
    }
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|store| {
        if store.data().meter().is_exhausted() {
            return Ok(UpdateDeadline::Interrupt);
        }
        // A guest that computes would be asked again before the sockets are looked at: they are every
        // 61 polls, and each poll of such a guest is a tick. tokio's own yield lets them go first.
        Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())))
    });
}

fn start_fault(store: &mut Store<Guest>, error: &wasmtime::Error) -> Fault {
    let fault = fault_of(store.data_mut(), error);
    let fault = fault.unwrap_or_else(|| Fault::new(FaultKind::Trap, format!("{error:#}")));
    Fault { detail: format!("the instance did not start: {}", fault.detail), ..fault }
}
