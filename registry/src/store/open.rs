//! Opening: the engine, what it holds about itself, the two threads.

use std::path::Path;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tokio::sync::{Semaphore, mpsc};

use super::committer::Committer;
use super::effects::Sequence;
use super::engine::{Batch, Engine, EngineError};
use super::error::OpenError;
use super::flusher::Flusher;
use super::group::LAST;
use super::identity::StoreId;
use super::key::Key;
use super::shared::{Found, Shared};
use super::sled::SledEngine;
use super::space::{self, Gauge};
use super::thread::spawn;
use super::usage::Quota;
use super::{Inner, QUEUE, QUEUE_KIB, Store, StoreOptions, layout, usage};

/// Where the number of the layout is kept.
const FORMAT: &str = "format";

pub(super) fn on_disk(dir: &Path, options: &StoreOptions) -> Result<Store, OpenError> {
    let engine = SledEngine::open(dir)?;
    let folder = dir.to_owned();
    let probe = Box::new(move || space::free_bytes(&folder));
    let gauge = Gauge::new(Some(probe), options.reserve.as_u64());
    on_engine(Box::new(engine), gauge, options.backlog)
}

pub(super) fn on_engine(engine: Box<dyn Engine>, gauge: Gauge, backlog: Quota) -> Result<Store, OpenError> {
    let last = read_meta(engine.as_ref())?;
    let found = Found { last, usages: usage::load(engine.as_ref())?, id: StoreId::of(engine.as_ref())? };
    // what a killed process left in the page cache counts as durable only from here on
    engine.sync()?;
    let shared = Arc::new(Shared::new(engine, found, backlog));
    let (sender, queue) = mpsc::channel(QUEUE);
    let flusher = Flusher::start(shared.clone()).map_err(OpenError::Threads)?;
    let committer = Committer { shared: shared.clone(), queue, gauge, flusher };
    let thread = spawn("holm-committer", shared.clone(), move || committer.run()).map_err(OpenError::Threads)?;
    Ok(Store(Arc::new(Inner {
        shared,
        queue: Some(sender),
        room: Arc::new(Semaphore::new(QUEUE_KIB)),
        committer: Mutex::new(Some(thread)),
    })))
}

/// The highest sequence. Brings the layout up to date first.
fn read_meta(engine: &dyn Engine) -> Result<Sequence, OpenError> {
    match number(engine, FORMAT)?.unwrap_or_default() {
        found if found > layout::FORMAT => return Err(OpenError::Newer { found, known: layout::FORMAT }),
        layout::FORMAT => {}
        _ => upgrade(engine)?,
    }
    Ok(Sequence(number(engine, LAST)?.unwrap_or_default()))
}

/// Counts what services and logs keep, of which earlier layouts have only a part, and notes the new number. An
/// empty engine has nothing to count.
fn upgrade(engine: &dyn Engine) -> Result<(), EngineError> {
    let format = Bytes::copy_from_slice(&layout::FORMAT.to_be_bytes());
    let mut batch = Batch::from([(Key::meta(FORMAT).as_bytes().to_vec(), Some(format))]);
    for (owner, usage) in usage::count(engine)? {
        usage.write(&mut batch, &owner);
    }
    engine.apply(&batch)
}

fn number(engine: &dyn Engine, name: &str) -> Result<Option<u64>, EngineError> {
    let Some(bytes) = engine.get(Key::meta(name).as_bytes())? else { return Ok(None) };
    let damaged = || EngineError::Damaged(format!("meta record {name:?} is no number"));
    layout::number(&bytes, 0).map(Some).ok_or_else(damaged)
}
