//! One entry into a guest, and what belongs to it alone.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use holm_registry::ServiceName;
use holm_registry::event::Event;

use super::call::CallEntry;
use super::cpu::CpuMeter;
use super::event::EventEntry;
use super::lineage::Lineage;
use crate::fault::Fault;
use crate::state::{Staged, UnitOfWork};
use crate::telemetry::trace::TraceContext;

/// How one HTTP request enters a service.
#[derive(Clone, Debug)]
pub struct HttpEntry {
    /// Which service.
    pub service: ServiceName,
    /// By which rule of the gateway it came, if it came through the gateway.
    pub route: Option<Arc<str>>,
    /// When the answer's head is due; the service's own timeout may be sooner.
    pub deadline: Instant,
    /// The request's id, as in the access log and in `x-request-id`.
    pub request_id: String,
    /// Its place in the trace that it belongs to.
    pub trace: TraceContext,
    /// The services that wait for it.
    pub lineage: Lineage,
}

/// One invocation. It lives outside the store, so that its unit of work can be cut, committed
/// or discarded while the guest runs on.
#[derive(Debug)]
pub struct Invocation {
    /// As in the access log.
    pub request_id: String,
    /// What it was caused by in the end, if that is not the request itself.
    pub correlation: Option<Arc<str>>,
    /// Its place in the trace that it belongs to.
    pub trace: TraceContext,
    /// The services that wait for it.
    pub lineage: Lineage,
    /// When the answer's head is due.
    pub deadline: Instant,
    /// Its CPU account.
    pub cpu: Arc<CpuMeter>,
    unit: Mutex<UnitOfWork>,
    /// Something has left the island that cannot be taken back, so it must not be run again.
    left_island: AtomicBool,
    /// What makes it fail, whatever the guest answers, until somebody has taken it.
    fault: Mutex<Option<Fault>>,
    failed: AtomicBool,
}

impl Invocation {
    /// A new invocation with an empty unit of work.
    pub fn new(entry: &HttpEntry, correlation: Option<Arc<str>>, deadline: Instant, cpu: CpuMeter) -> Self {
        Self { correlation, ..Self::of(entry.request_id.clone(), entry.trace, entry.lineage.clone(), deadline, cpu) }
    }

    /// A new invocation for a typed call, with an empty unit of work.
    pub fn for_call(entry: &CallEntry, deadline: Instant, cpu: CpuMeter) -> Self {
        let correlation = entry.correlation.clone();
        Self { correlation, ..Self::of(entry.request_id.clone(), entry.trace, entry.lineage.clone(), deadline, cpu) }
    }

    /// A new invocation for the delivery of an event, with an empty unit of work.
    pub fn for_event(entry: &EventEntry, event: &Event, deadline: Instant, cpu: CpuMeter) -> Self {
        let correlation = Some(event.content.correlation_id.as_str().into());
        Self { correlation, ..Self::of(entry.request_id.clone(), entry.trace, entry.lineage.clone(), deadline, cpu) }
    }

    fn of(request_id: String, trace: TraceContext, lineage: Lineage, deadline: Instant, cpu: CpuMeter) -> Self {
        Self {
            request_id,
            correlation: None,
            trace,
            lineage,
            deadline,
            cpu: Arc::new(cpu),
            unit: Mutex::new(UnitOfWork::default()),
            left_island: AtomicBool::new(false),
            fault: Mutex::new(None),
            failed: AtomicBool::new(false),
        }
    }

    /// The same for a request from outside and for all that follows from it: calls, events, and what those cause.
    pub fn correlation_id(&self) -> &str {
        self.correlation.as_deref().unwrap_or(&self.request_id)
    }

    /// The unit under way. Held for one host call only.
    pub fn unit(&self) -> MutexGuard<'_, UnitOfWork> {
        self.unit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the unit under way and begins the next one.
    pub fn cut(&self) -> Staged {
        self.unit().cut()
    }

    /// Notes that something has left the island.
    pub fn leaves_island(&self) {
        self.left_island.store(true, Ordering::Relaxed);
    }

    /// Whether it may be run again after a conflict.
    pub fn can_run_again(&self) -> bool {
        !self.left_island.load(Ordering::Relaxed)
    }

    /// Makes it fail, whatever the guest answers: what it staged is not committed.
    pub fn fail(&self, fault: Fault) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault);
        self.failed.store(true, Ordering::Release);
    }

    /// Whether something has made it fail, whoever has told that since.
    pub fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    /// Why it must fail, if it must.
    pub fn take_fault(&self) -> Option<Fault> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
