//! The instances of one revision: who may enter, and with which instance.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant as StdInstant};

use holm_registry::settings::{Isolation, Limit, Settings};
use tokio::sync::OwnedSemaphorePermit;
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
use super::slots::Slots;
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
    _slots: OwnedSemaphorePermit,
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

/// The instances of one revision, and the right to use them.
pub struct Pool {
    linked: Linked,
    island: Arc<Island>,
    isolation: Isolation,
    slots: Arc<Slots>,
    bulkhead: Bulkhead,
    idle: Mutex<Vec<Instance>>,
    closed: AtomicBool,
}

impl Pool {
    /// An empty pool.
    pub fn new(linked: Linked, island: Arc<Island>, slots: Arc<Slots>) -> Arc<Self> {
        let isolation = linked.isolation(&island.settings);
        let bulkhead = Bulkhead::new(&island.settings);
        let pool = Arc::new(Self {
            linked,
            isolation,
            slots: slots.clone(),
            bulkhead,
            idle: Mutex::default(),
            closed: AtomicBool::new(false),
            island,
        });
        slots.register(&pool);
        pool
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
        self.make(invocation.cpu.clone(), invocation.deadline.into()).await
    }

    /// Takes an instance back after a completed invocation. It is dropped when it has served
    /// its time or the revision has retired.
    pub fn give_back(&self, mut instance: Instance) {
        instance.uses += 1;
        if self.isolation == Isolation::Invocation || self.is_spent(&mut instance) {
            return;
        }
        instance.idle_since = StdInstant::now();
        let mut idle = self.idle();
        if !self.closed.load(Ordering::Acquire) {
            idle.push(instance);
        }
    }

    /// Whether an instance has served its time, or has become something that is better replaced.
    fn is_spent(&self, instance: &mut Instance) -> bool {
        let (settings, limiter) = (&self.island.settings, &mut instance.store.data_mut().limiter);
        let met = if limiter.growth() > settings.instances.growth.as_usize() {
            Some(Limit::Growth)
        } else {
            (instance.uses >= settings.reuse).then_some(Limit::Reuse)
        };
        if let Some(limit) = met {
            self.island.metrics.limit_hit(limit);
        }
        met.is_some() || limiter.take_refused().is_some()
    }

    /// Makes instances ahead: as many as are missing to `instances.warm` now.
    ///
    /// # Errors
    /// When one cannot be made: the guest traps while it starts, or goes over a limit.
    pub async fn warm(&self) -> Result<(), Fault> {
        let settings = &self.island.settings;
        let missing = (settings.instances.warm as usize).saturating_sub(self.idle().len());
        for _ in 0..missing {
            let meter = Arc::new(CpuMeter::new(settings.limits.cpu));
            let instance = self.make(meter, Instant::now() + settings.timeout).await?;
            self.idle().push(instance);
        }
        Ok(())
    }

    /// Drops instances that nobody has used for `instances.idle`.
    pub fn sweep(&self, now: StdInstant) {
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

    /// Drops all idle instances, to make room.
    pub fn drop_idle(&self) {
        let idle = std::mem::take(&mut *self.idle());
        drop(idle);
    }

    /// No instance is kept from now on.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.drop_idle();
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Instance>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn make(&self, meter: Arc<CpuMeter>, deadline: Instant) -> Result<Instance, Fault> {
        let slots = self.slots.acquire(self.linked.slots, deadline).await?;
        let mut store = Store::new(self.linked.pre.engine(), Guest::new(self.island.clone(), meter.clone()));
        arm(&mut store, &self.island.settings);
        let making = Metered::new(meter, Box::pin(self.instantiate(&mut store)));
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
        Ok(Instance { store, http, events, exports, uses: 0, idle_since, _alive: alive, _slots: slots })
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
fn arm(store: &mut Store<Guest>, settings: &Settings) {
    let handles = settings.limits.handles as usize;
    store.limiter(|guest| &mut guest.limiter);
    store.set_hostcall_fuel(settings.limits.host_call.as_usize());
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
