//! In which instance a request goes: the first that has a place, else another one.
//!
//! Filling one before another is begun is what sharing is for: few instances, and the others go
//! when they have been idle.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use holm_registry::settings::Limit;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::room::{Room, Visitor};
use super::{no_room, work};
use crate::fault::Fault;
use crate::runtime::invocation::Invocation;
use crate::runtime::pool::Instance;
use crate::runtime::revision::Revision;

/// The right to open the next room.
type Opening<'a> = tokio::sync::MutexGuard<'a, ()>;

/// The shared instances of one revision that somebody is in.
#[derive(Default)]
pub struct Rooms {
    open: Mutex<Vec<Arc<Room>>>,
    /// Whoever has it opens the next room; the others would only find theirs empty.
    opening: tokio::sync::Mutex<()>,
    /// Somebody has left a room.
    left: Arc<Notify>,
}

impl Rooms {
    fn let_in(&self, visitor: Box<Visitor>) -> Result<Arc<Room>, Box<Visitor>> {
        let mut visitor = visitor;
        let rooms: Vec<Arc<Room>> = self.open().clone();
        for room in rooms {
            match room.let_in(*visitor) {
                Ok(()) => return Ok(room),
                Err(turned_away) => visitor = turned_away,
            }
        }
        Err(visitor)
    }

    fn have_place(&self) -> bool {
        self.open().iter().any(|room| room.has_place())
    }

    /// A room is no more.
    pub fn forget(&self, room: &Arc<Room>) {
        self.open().retain(|other| !Arc::ptr_eq(other, room));
        self.left.notify_one();
    }

    fn open(&self) -> MutexGuard<'_, Vec<Arc<Room>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An instance for another room, and the right to open it; `None`: a room may have a place now.
    async fn instance<'a>(
        &'a self,
        revision: &Revision,
        invocation: &Arc<Invocation>,
    ) -> Result<Option<(Instance, Opening<'a>)>, Fault> {
        let opening = self.opening.lock().await;
        if self.have_place() {
            return Ok(None);
        }
        let all_open = self.open().len() >= revision.settings().instances.max as usize;
        let another = async {
            // closed rooms count, too, until their instances have gone
            if all_open { std::future::pending().await } else { revision.pool().take(invocation).await }
        };
        tokio::select! {
            instance = another => Ok(Some((instance?, opening))),
            () = self.left.notified() => Ok(None),
        }
    }
}

/// Brings a visitor into a room.
///
/// # Errors
/// When there is no instance for it in time.
pub async fn enter(
    revision: &Arc<Revision>,
    invocation: &Arc<Invocation>,
    visitor: Visitor,
) -> Result<Arc<Room>, Fault> {
    let rooms = revision.pool().rooms();
    let mut visitor = Box::new(visitor);
    let mut is_full = false;
    let deadline = Instant::from_std(invocation.deadline);
    loop {
        visitor = match rooms.let_in(visitor) {
            Ok(room) => return Ok(room),
            Err(turned_away) => turned_away,
        };
        if !is_full && !rooms.open().is_empty() {
            is_full = true;
            revision.metrics().limit_hit(Limit::InstanceConcurrency);
        }
        let instance = timeout_at(deadline, rooms.instance(revision, invocation)).await.map_err(|_| no_room())??;
        let Some((instance, _opening)) = instance else { continue };
        let settings = revision.settings();
        let room = Room::new(settings, instance.uses_left(settings), rooms.left.clone());
        // before anybody else sees it, and before it is looked at whether it is empty
        visitor = match room.let_in(*visitor) {
            Ok(()) => {
                rooms.open().push(room.clone());
                revision.spawn("shared instances", work::run(room.clone(), instance, revision.clone()));
                return Ok(room);
            }
            Err(turned_away) => turned_away,
        };
    }
}
