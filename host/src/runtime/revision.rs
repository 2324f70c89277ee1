//! A live revision: one component with its settings, ready to be entered.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use holm_registry::event::Event;
use holm_registry::settings::{Isolation, Settings};
use holm_registry::store::{Quota, Store as Database};
use holm_registry::{Digest, ServiceName};
use http::{Request, Response};
use semver::Version;
use tokio::sync::{Notify, OwnedMutexGuard};
use tokio::time::timeout_at;
use tokio_util::sync::CancellationToken;

use super::call::{self, CallEntry, Interface, Offer, Returned};
use super::commit::durable;
use super::component::Linked;
use super::event::{self, EventEntry, Handled};
use super::explain::{self, LimitLine};
use super::guest::Island;
use super::idempotency::UnderWay;
use super::invocation::{HttpEntry, Invocation};
use super::lanes::Manners;
use super::loaded::Loaded;
use super::places::{NoPlaces, Places};
use super::pool::{Instance, Pool};
use super::serve;
use super::value::{Signature, Val};
use crate::body::Body;
use crate::fault::{Fault, FaultKind};
use crate::shutdown::Tasks;
use crate::telemetry::logs::{LogLevel, LogSource};
use crate::telemetry::metrics::RevisionMetrics;

/// What the table holds for every service. Dropped when nobody uses it any more.
pub struct Revision {
    /// Its version.
    pub version: Version,
    /// Its component.
    pub digest: Digest,
    island: Arc<Island>,
    pool: Arc<Pool>,
    tasks: Tasks,
    in_flight: Arc<InFlight>,
    kill: CancellationToken,
    reruns: Arc<tokio::sync::Mutex<()>>,
    health: Mutex<Health>,
    calls: Vec<Bound>,
}

/// An imported interface, and the service that it is bound to.
#[derive(Clone, Debug)]
pub struct Bound {
    /// What is imported.
    pub interface: Interface,
    /// Whose it is.
    pub service: ServiceName,
}

/// The right to run again after a conflict. One invocation of a service has it at a time: if all
/// that met a conflict ran again at once, all but one would meet the next.
pub type Turn = OwnedMutexGuard<()>;

/// What is known of a revision's health. It goes with the revision.
#[derive(Debug, Default)]
pub struct Health {
    /// When it is asked next; `None`: not settled yet.
    pub due: Option<Instant>,
    /// Why it is not well.
    pub trouble: Option<String>,
}

/// How many invocations are under way in this very object, and a signal when one ends. The
/// metrics cannot tell: a rollback makes a second object of the same number, which shares them.
#[derive(Debug)]
struct InFlight {
    metrics: Arc<RevisionMetrics>,
    count: AtomicU64,
    ended: Notify,
}

/// One invocation under way. Counted until it is dropped.
pub struct Counted {
    in_flight: Arc<InFlight>,
    began: Instant,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.in_flight.metrics.finished(self.began.elapsed());
        self.in_flight.count.fetch_sub(1, Ordering::AcqRel);
        self.in_flight.ended.notify_waiters();
    }
}

/// A revision that others may see in a debugger or a log, without its inside.
impl std::fmt::Debug for Revision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} revision {} ({})", self.island.service, self.island.revision, self.version)
    }
}

impl Revision {
    /// A revision without instances yet.
    ///
    /// # Errors
    /// When the host is too small for another service.
    pub fn new(
        version: Version,
        digest: Digest,
        linked: Linked,
        calls: Vec<Bound>,
        island: Island,
        places: &Arc<Places>,
        tasks: Tasks,
    ) -> Result<Self, NoPlaces> {
        let island = Arc::new(island);
        let in_flight =
            Arc::new(InFlight { metrics: island.metrics.clone(), count: AtomicU64::new(0), ended: Notify::new() });
        let pool = Pool::new(linked, island.clone(), places)?;
        Ok(Self {
            version,
            digest,
            pool,
            island,
            tasks,
            in_flight,
            kill: CancellationToken::new(),
            reruns: Arc::default(),
            health: Mutex::default(),
            calls,
        })
    }

    /// Whose revision it is.
    pub fn service(&self) -> &ServiceName {
        &self.island.service
    }

    /// Its number.
    pub fn number(&self) -> u32 {
        self.island.revision
    }

    /// What it was deployed with.
    pub fn settings(&self) -> &Settings {
        &self.island.settings
    }

    /// What has been counted.
    pub fn metrics(&self) -> &RevisionMetrics {
        &self.island.metrics
    }

    /// The limits in force.
    pub fn limits(&self) -> Vec<LimitLine> {
        let kept = self.database().usage(self.service());
        explain::limits(self.settings(), self.metrics(), kept, self.pool.places())
    }

    /// The isolation in force.
    pub fn isolation(&self) -> Isolation {
        self.pool.isolation()
    }

    /// Enters with an HTTP request.
    ///
    /// # Errors
    /// A fault, counted and logged here.
    pub async fn http(self: &Arc<Self>, entry: &HttpEntry, request: Request<Body>) -> Result<Response<Body>, Fault> {
        serve::serve(self, entry, request).await.inspect_err(|fault| self.count(fault))
    }

    /// Enters with a typed call.
    ///
    /// # Errors
    /// A fault, counted and logged here.
    pub async fn call(
        self: &Arc<Self>,
        entry: &CallEntry,
        interface: &str,
        function: &Signature,
        arguments: &[Val],
    ) -> Result<Returned, Fault> {
        let returned = call::enter(self, entry, interface, function, arguments).await;
        returned.inspect_err(|fault| self.count(fault))
    }

    /// Enters with a typed call from outside: what it saw and changed is durable when this returns.
    ///
    /// # Errors
    /// A fault, counted and logged here.
    pub async fn call_from_outside(
        self: &Arc<Self>,
        entry: &CallEntry,
        interface: &str,
        function: &Signature,
        arguments: &[Val],
    ) -> Result<Option<Val>, Fault> {
        let Returned { results, sequence, .. } = self.call(entry, interface, function, arguments).await?;
        durable(self.database(), sequence).await.inspect_err(|fault| self.count(fault))?;
        Ok(results.into_iter().next())
    }

    /// Enters with an event.
    ///
    /// # Errors
    /// A fault, counted and logged here: the event is to come again.
    pub async fn event(self: &Arc<Self>, entry: &EventEntry, event: &Event) -> Result<Handled, Fault> {
        event::enter(self, entry, event).await.inspect_err(|fault| self.count(fault))
    }

    /// What other services may call.
    pub fn offer(&self) -> &Offer {
        self.pool.offer()
    }

    /// Its component, which stays loaded for as long as somebody holds it.
    pub fn loaded(&self) -> &Arc<Loaded> {
        self.pool.loaded()
    }

    /// Whether HTTP requests can enter.
    pub fn takes_http(&self) -> bool {
        self.pool.takes_http()
    }

    /// Whether events can enter.
    pub fn takes_events(&self) -> bool {
        self.pool.takes_events()
    }

    /// Whether it imports an interface by which events are published.
    pub fn publishes_events(&self) -> bool {
        self.pool.publishes_events()
    }

    /// What it calls of other services.
    pub fn calls(&self) -> &[Bound] {
        &self.calls
    }

    /// Makes the instances that wait warm.
    ///
    /// # Errors
    /// When the component does not start.
    pub async fn warm(&self) -> Result<(), Fault> {
        self.pool.warm().await
    }

    /// What is known of its health, for whoever asks it.
    pub fn health(&self) -> &Mutex<Health> {
        &self.health
    }

    /// Drops instances that have been idle for too long.
    pub fn sweep(&self, now: Instant) {
        self.pool.sweep(now);
    }

    /// Ends a revision that is out of the table: waits for what is under way, at most for
    /// `patience`; what outlives that ends with a counted fault.
    pub async fn drain(&self, patience: Duration) {
        self.pool.close();
        if tokio::time::timeout(patience, self.idle()).await.is_err() {
            self.kill.cancel();
            self.idle().await;
        }
    }

    async fn idle(&self) {
        loop {
            let ended = self.in_flight.ended.notified();
            tokio::pin!(ended);
            ended.as_mut().enable();
            if self.in_flight.count.load(Ordering::Acquire) == 0 {
                return;
            }
            ended.await;
        }
    }

    pub(super) fn pool(&self) -> &Pool {
        &self.pool
    }

    pub(super) fn manners(&self) -> &Manners {
        &self.island.manners
    }

    pub(super) fn uses_state(&self) -> bool {
        self.pool.uses_state()
    }

    /// Whether the component can change something that lasts: its state, or what it tells others.
    pub(super) fn keeps_something(&self) -> bool {
        self.pool.uses_state() || self.pool.publishes_events()
    }

    pub(super) fn under_way(&self) -> &UnderWay {
        &self.island.under_way
    }

    /// What the service may keep.
    pub(super) fn quota(&self) -> Quota {
        self.island.quota()
    }

    pub(super) fn database(&self) -> &Database {
        &self.island.database
    }

    pub(super) fn begin(&self) -> Counted {
        self.in_flight.metrics.started();
        self.in_flight.count.fetch_add(1, Ordering::AcqRel);
        Counted { in_flight: self.in_flight.clone(), began: Instant::now() }
    }

    /// Waits in line to run again, in the order of the conflicts.
    pub(super) async fn turn(&self, deadline: Instant) -> Result<Turn, Fault> {
        let late = |_| Fault::new(FaultKind::Conflict, "the deadline passed before it could run again");
        timeout_at(deadline.into(), self.reruns.clone().lock_owned()).await.map_err(late)
    }

    /// An instance for one invocation; another takes its place in the background where that is worth it.
    ///
    /// # Errors
    /// When there is none and none can be made.
    pub(super) async fn instance(self: &Arc<Self>, invocation: &Arc<Invocation>) -> Result<Instance, Fault> {
        let instance = self.pool.take(invocation).await?;
        if self.pool.is_behind() {
            let revision = self.clone();
            self.spawn("instances made ahead", async move { revision.pool.make_ahead().await });
        }
        Ok(instance)
    }

    pub(super) async fn killed(&self) {
        self.kill.cancelled().await;
    }

    pub(super) fn spawn(&self, name: &'static str, future: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(name, future);
    }

    /// A fault that the client can no longer be told.
    pub(super) fn fault_after_head(&self, fault: &Fault) {
        self.count(fault);
    }

    /// A line of the host's in the service's log.
    pub(super) fn log(&self, level: LogLevel, context: &str, text: &str) {
        self.island.log.write(LogSource::Host, level, context, text);
    }

    fn count(&self, fault: &Fault) {
        self.island.metrics.fault(fault);
        self.log(LogLevel::Error, "fault", &fault.to_string());
    }
}
