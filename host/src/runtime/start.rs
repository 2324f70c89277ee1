//! How an instance starts: a store with its limits, and the component in it.

use std::sync::Arc;

use holm_registry::settings::{Limit, Settings};
use tokio::time::{Instant, timeout_at};
use wasmtime::{Store, UpdateDeadline};
use wasmtime_wasi_http::{p2, p3};

use super::component::{HttpDoor, Linked};
use super::cpu::{CpuMeter, Metered};
use super::event::EventEntrance;
use super::guest::{Guest, Island};
use super::limits::fault_of;
use crate::fault::{Fault, FaultKind};

/// The HTTP export of an instance.
pub enum HttpEntrance {
    /// `wasi:http/incoming-handler@0.2.x`.
    P2(p2::bindings::Proxy),
    /// `wasi:http/handler@0.3.x`.
    P3(p3::bindings::Service),
}

/// An instance that has just started, and where one enters it.
pub struct Started {
    /// Its store.
    pub store: Store<Guest>,
    /// Where calls find their functions.
    pub exports: wasmtime::component::Instance,
    /// How HTTP requests enter, if they do.
    pub http: Option<HttpEntrance>,
    /// How events enter, if they do.
    pub events: Option<EventEntrance>,
}

/// Where one enters an instance.
struct Doors {
    exports: wasmtime::component::Instance,
    http: Option<HttpEntrance>,
    events: Option<EventEntrance>,
}

/// Starts an instance; what its constructors compute is charged to `meter`.
///
/// # Errors
/// The guest traps, goes over a limit, or is not done by the deadline.
pub async fn start(
    linked: &Linked,
    island: &Arc<Island>,
    meter: Arc<CpuMeter>,
    deadline: Instant,
) -> Result<Started, Fault> {
    let mut store = Store::new(linked.pre.engine(), Guest::new(island.clone(), meter.clone()));
    arm(&mut store, &island.settings, linked.host_call);
    let making = Metered::new(meter, &island.manners, Box::pin(instantiate(linked, &mut store)));
    match timeout_at(deadline, making).await {
        Ok(Ok(Doors { exports, http, events })) => Ok(Started { store, exports, http, events }),
        Ok(Err(error)) => Err(start_fault(&mut store, &error)),
        Err(_) => Err(Fault::new(FaultKind::Deadline, "the instance did not start in time").at(Limit::Timeout)),
    }
}

async fn instantiate(linked: &Linked, store: &mut Store<Guest>) -> wasmtime::Result<Doors> {
    let exports = linked.pre.instantiate_async(&mut *store).await?;
    let http = match &linked.http {
        Some(HttpDoor::P2(indices)) => Some(HttpEntrance::P2(indices.load(&mut *store, &exports)?)),
        Some(HttpDoor::P3(indices)) => Some(HttpEntrance::P3(indices.load(&mut *store, &exports)?)),
        None => None,
    };
    let events = match &linked.events {
        Some(door) => Some(door.load(&mut *store, &exports)?),
        None => None,
    };
    Ok(Doors { exports, http, events })
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
