//! How a shared instance runs: in a task of its own, for as long as somebody is in it.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::stream::{FuturesUnordered, StreamExt};
use wasmtime::component::Accessor;
use wasmtime_wasi_http::p3::bindings::Service;
use wasmtime_wasi_http::{Error, WasiHttpView, p3};

use super::room::{Room, Visit};
use crate::fault::{Fault, FaultKind};
use crate::runtime::cpu::Metered;
use crate::runtime::exchange::answer_p3;
use crate::runtime::guest::Guest;
use crate::runtime::limits::fault_of;
use crate::runtime::pool::Instance;
use crate::runtime::revision::Revision;
use crate::runtime::serve::outlived;
use crate::runtime::start::HttpEntrance;

/// What became of a request's body on its way into the guest.
type Transmission = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// How often it is looked at who is late. Clients are told in time whatever this is; it bounds how
/// much longer an instance lives that nobody can be helped by any more.
const LOOK: Duration = Duration::from_millis(100);

/// Runs an instance until nobody is in it, and gives it back; or until it fails, and tells everybody
/// who is in it.
pub async fn run(room: Arc<Room>, mut instance: Instance, revision: Arc<Revision>) {
    // also when this task is dropped with the host: who waits in the room holds it
    let ends = Ends(&room, &revision);
    let fault = stay(&room, &mut instance, &revision).await.err();
    let fault =
        fault.map(|fault| Fault { detail: format!("the instance that it shared ended: {}", fault.detail), ..fault });
    let uncounted = room.end(fault.clone());
    drop(ends);
    match fault {
        None => revision.pool().give_back_after(instance, room.taken()),
        Some(fault) => (0..uncounted).for_each(|_| revision.fault_after_head(&fault)),
    }
}

/// Ends a room, however its task ends.
struct Ends<'a>(&'a Arc<Room>, &'a Revision);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.1.pool().rooms().forget(self.0);
        if !self.0.has_ended() {
            self.0.end(Some(outlived()));
        }
    }
}

async fn stay(room: &Arc<Room>, instance: &mut Instance, revision: &Revision) -> Result<(), Fault> {
    let Instance { store, http, .. } = instance;
    let Some(HttpEntrance::P3(service)) = http else {
        return Err(Fault::new(FaultKind::Host, "only 0.3 handlers are shared"));
    };
    store.data_mut().share(room.meter().clone());
    store.set_epoch_deadline(1);
    let mut look = tokio::time::interval(LOOK);
    let error = {
        let working = pin!(store.run_concurrent(async |accessor| let_them_in(accessor, service, room).await));
        let mut working = Metered::new(room.meter().clone(), revision.manners(), working);
        loop {
            tokio::select! {
                biased;
                ended = &mut working => match ended.flatten() {
                    Ok(()) => return Ok(()),
                    Err(error) => break error,
                },
                () = revision.killed() => return Err(outlived()),
                _ = look.tick() => room.look(Instant::now()).map_or(Ok(()), Err)?,
            }
        }
    };
    let fault = fault_of(store.data_mut(), &error);
    Err(fault.unwrap_or_else(|| Fault::new(FaultKind::Trap, format!("{}\n{error:?}", error.root_cause()))))
}

async fn let_them_in(accessor: &Accessor<Guest>, service: &Service, room: &Arc<Room>) -> wasmtime::Result<()> {
    let mut inside = FuturesUnordered::new();
    loop {
        tokio::select! {
            biased;
            Some(ended) = inside.next(), if !inside.is_empty() => ended?,
            visit = room.next() => match visit {
                Some(visit) => inside.push(receive(accessor, service, visit, room)),
                None => break,
            },
        }
    }
    poll_fn(|context| accessor.poll_no_interesting_tasks(context)).await;
    Ok(())
}

/// One request, until its answer is sent whole or nobody waits for it any more.
async fn receive(accessor: &Accessor<Guest>, service: &Service, visit: Visit, room: &Room) -> wasmtime::Result<()> {
    let Visit { request, progress, head, seat } = visit;
    let (request, transmitted) = accessor.with(|mut access| {
        let (request, transmitted) = p3::Request::from_http(access.data_mut().http().hooks, request);
        // boxed, since its type names the borrow of the hooks
        (request, Box::pin(transmitted) as Transmission)
    });
    let answer = answer_p3(accessor, service, request, transmitted).await?;
    let has_body = answer.is_ok();
    seat.answers(has_body);
    // a client that has left takes no body
    if head.send(answer).is_ok() && has_body {
        progress.ended().await;
    }
    seat.done();
    if accessor.with(|mut access| access.data_mut().is_worn()) {
        room.close();
    }
    Ok(())
}
