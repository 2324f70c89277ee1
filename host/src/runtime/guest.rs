//! What a store holds: the island's shared part and the one invocation under way.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use holm_registry::ServiceName;
use holm_registry::settings::Settings;
use holm_registry::store::{Quota, Store as Database};
use tokio::sync::Semaphore;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::clocks::HostWallClock;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::capability::outgoing::OutgoingHooks;
use super::capability::stdio::LogStream;
use super::cpu::CpuMeter;
use super::idempotency::UnderWay;
use super::invocation::Invocation;
use super::lanes::Manners;
use super::limits::{MAX_RANDOM, StoreLimiter};
use super::log::IslandLog;
use super::outbound::{Outbound, Upstream};
use crate::telemetry::clock::Clock;
use crate::telemetry::logs::LogSource;
use crate::telemetry::metrics::RevisionMetrics;

/// The services that a revision may ask by their names.
pub type Upstreams = BTreeMap<ServiceName, Arc<dyn Upstream>>;

/// What all stores of one revision share.
pub struct Island {
    /// Whose island it is.
    pub service: ServiceName,
    /// Which revision.
    pub revision: u32,
    /// What it was deployed with.
    pub settings: Arc<Settings>,
    /// Where its state lies.
    pub database: Database,
    /// Where its log goes.
    pub log: IslandLog,
    /// Where it is counted.
    pub metrics: Arc<RevisionMetrics>,
    /// The one way off the island.
    pub outbound: Arc<dyn Outbound>,
    /// The ways to other services that are granted.
    pub upstreams: Upstreams,
    /// Who may be on that way now: `limits.outgoing`.
    pub outgoing: Arc<Semaphore>,
    /// Which requests with an idempotency key are under way, in all services.
    pub under_way: UnderWay,
    /// Their time of day.
    pub clock: Clock,
    /// Whether its guests hold their threads for long.
    pub manners: Manners,
}

impl Island {
    /// What the service may keep.
    pub fn quota(&self) -> Quota {
        let limits = &self.settings.limits;
        Quota { keys: limits.keys.into(), bytes: limits.state.as_u64() }
    }
}

/// The data of one store.
pub struct Guest {
    pub(super) table: ResourceTable,
    pub(super) limiter: StoreLimiter,
    pub(super) hooks: OutgoingHooks,
    /// Bytes of values that the guest's `cas` handles remember.
    pub(super) remembered: usize,
    meter: Arc<CpuMeter>,
    wasi: WasiCtx,
    http: WasiHttpCtx,
}

impl Guest {
    /// The data of a new store. No environment, files, sockets or arguments: nothing ambient.
    /// `meter` pays for making the instance.
    pub fn new(island: Arc<Island>, meter: Arc<CpuMeter>) -> Self {
        let wasi = WasiCtx::builder()
            .stdout(LogStream::new(island.clone(), LogSource::Stdout))
            .stderr(LogStream::new(island.clone(), LogSource::Stderr))
            .allow_ip_name_lookup(false)
            .allow_tcp(false)
            .allow_udp(false)
            .max_random_size(MAX_RANDOM)
            .wall_clock(island.clock.clone())
            .build();
        let limits = &island.settings.limits;
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(limits.response_head.as_usize());
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.handles as usize);
        let limiter = StoreLimiter::new(&island.settings, island.metrics.clone());
        Self { table, limiter, hooks: OutgoingHooks::new(island), remembered: 0, meter, wasi, http }
    }

    /// The island.
    pub fn island(&self) -> &Arc<Island> {
        &self.hooks.island
    }

    /// The invocation under way. Every capability looks here. `None` only while an instance
    /// is being made: then there is nothing to read, write or reach.
    pub fn invocation(&self) -> Option<&Arc<Invocation>> {
        self.hooks.invocation.as_ref()
    }

    /// Who pays for the CPU time of the guest now.
    pub fn meter(&self) -> &CpuMeter {
        &self.meter
    }

    /// Begins an invocation.
    pub fn enter(&mut self, invocation: Arc<Invocation>) {
        self.meter = invocation.cpu.clone();
        self.hooks.invocation = Some(invocation);
    }

    /// Begins to work for several requests at once, which share one account: no capability finds an invocation.
    pub fn share(&mut self, meter: Arc<CpuMeter>) {
        self.meter = meter;
        self.hooks.invocation = None;
    }

    /// Whether the instance has become something that is better replaced.
    pub fn is_worn(&self) -> bool {
        self.limiter.growth() > self.island().settings.instances.growth.as_usize() || self.limiter.has_refused()
    }

    /// Ends the invocation under way.
    pub fn leave(&mut self) {
        self.hooks.invocation = None;
    }
}

impl HostWallClock for Clock {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    fn now(&self) -> Duration {
        Clock::now(self)
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.hooks }
    }
}
