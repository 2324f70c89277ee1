//! A shared instance as those see it who enter and leave: how many are in it, and whether it can stay.
//!
//! A room exists for as long as somebody is in it. When the last one leaves, its instance goes back
//! to the pool, to be the next room or to be dropped like any other.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use holm_registry::settings::{Limit, Settings};
use http::Request;
use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;

use super::Answer;
use crate::fault::{Fault, FaultKind};
use crate::runtime::answer::{AtWork, Progress};
use crate::runtime::bulkhead::Permit;
use crate::runtime::cpu::CpuMeter;
use crate::runtime::intake::IntakeBody;
use crate::runtime::revision::Counted;

/// A request that wants to enter.
pub struct Visitor {
    pub request: Request<IntakeBody>,
    pub head: oneshot::Sender<Answer>,
    pub progress: Arc<Progress>,
    pub deadline: Instant,
    /// The right to run, and the count of those who do: until its guest is done with it.
    pub held: (Permit, Counted),
}

/// A request that is in.
pub struct Visit {
    pub request: Request<IntakeBody>,
    pub progress: Arc<Progress>,
    pub head: oneshot::Sender<Answer>,
    pub seat: Seat,
}

/// A place in a room, until it is dropped.
pub struct Seat {
    room: Arc<Room>,
    number: u32,
    /// Taken when its guest is done with it: when another one brings the instance down, a broken answer must not
    /// look whole.
    at_work: Option<AtWork>,
    _held: (Permit, Counted),
}

/// One shared instance.
pub struct Room {
    places: usize,
    /// Requests that it may still take.
    uses: u32,
    /// CPU time for each request in it.
    cpu: Duration,
    /// How long an answer may make no progress.
    patience: Duration,
    meter: Arc<CpuMeter>,
    state: Mutex<State>,
    /// Somebody has come, or nobody comes any more.
    knock: Notify,
    /// Somebody of this service has left a room.
    left: Arc<Notify>,
    fault: Mutex<Option<Fault>>,
    ended: CancellationToken,
}

struct State {
    is_open: bool,
    taken: u32,
    waiting: VecDeque<Visit>,
    inside: HashMap<u32, Inside>,
    /// Those whose guest was stopped before it was done.
    stopped: usize,
    /// Those of them whose head had left.
    broken_off: usize,
    empty_since: Instant,
}

/// What is known of one who is in.
struct Inside {
    deadline: Instant,
    progress: Arc<Progress>,
    has_answered: bool,
}

impl Inside {
    fn due(&self, patience: Duration) -> Instant {
        if self.has_answered { self.progress.stalls_at(patience) } else { self.deadline }
    }
}

impl Room {
    /// An empty room, for as many requests as its instance may still serve.
    pub fn new(settings: &Settings, uses: u32, left: Arc<Notify>) -> Arc<Self> {
        let cpu = settings.limits.cpu;
        let state = State {
            is_open: true,
            taken: 0,
            waiting: VecDeque::new(),
            inside: HashMap::new(),
            stopped: 0,
            broken_off: 0,
            empty_since: Instant::now(),
        };
        Arc::new(Self {
            places: settings.instances.concurrency as usize,
            uses,
            cpu,
            patience: settings.timeout,
            meter: Arc::new(CpuMeter::new(cpu)),
            state: Mutex::new(state),
            knock: Notify::new(),
            left,
            fault: Mutex::default(),
            ended: CancellationToken::new(),
        })
    }

    /// Who pays for the CPU time of the instance.
    pub fn meter(&self) -> &Arc<CpuMeter> {
        &self.meter
    }

    /// Whether another one could enter.
    pub fn has_place(&self) -> bool {
        let state = self.state();
        state.is_open && state.inside.len() < self.places
    }

    /// Lets one in, or gives it back.
    pub fn let_in(self: &Arc<Self>, visitor: Visitor) -> Result<(), Box<Visitor>> {
        let mut state = self.state();
        if !state.is_open || state.inside.len() >= self.places {
            return Err(Box::new(visitor));
        }
        let Visitor { request, head, progress, deadline, held } = visitor;
        let number = state.taken;
        state.taken += 1;
        state.is_open = state.taken < self.uses;
        state.inside.insert(number, Inside { deadline, progress: progress.clone(), has_answered: false });
        let at_work = Some(AtWork::on(&progress));
        let seat = Seat { room: self.clone(), number, at_work, _held: held };
        state.waiting.push_back(Visit { request, progress, head, seat });
        self.meter.allow(self.cpu * u32::try_from(state.inside.len()).unwrap_or(u32::MAX));
        drop(state);
        self.knock.notify_one();
        Ok(())
    }

    /// The next who has come in; `None` when nobody is in it any more: nobody else comes in then.
    pub async fn next(&self) -> Option<Visit> {
        loop {
            {
                let mut state = self.state();
                if let Some(visit) = state.waiting.pop_front() {
                    return Some(visit);
                }
                if state.inside.is_empty() {
                    state.is_open = false;
                    return None;
                }
            }
            self.knock.notified().await;
        }
    }

    /// Nobody else comes in.
    pub fn close(&self) {
        self.state().is_open = false;
    }

    /// How many have been in it.
    pub fn taken(&self) -> u32 {
        self.state().taken
    }

    /// Looks for those who are late, and closes the room if there are any. The fault that ends the
    /// instance, if only such are left, or if nobody is and its guest still works for nobody.
    pub fn look(&self, now: Instant) -> Option<Fault> {
        let mut state = self.state();
        if state.inside.is_empty() {
            let for_nobody = now.saturating_duration_since(state.empty_since) > self.patience;
            return for_nobody.then(|| Fault::new(FaultKind::Deadline, "the instance works on behind its last answer"));
        }
        let late = state.inside.values().filter(|inside| inside.due(self.patience) <= now).count();
        state.is_open &= late == 0;
        let only_late = late == state.inside.len();
        only_late.then(|| Fault::new(FaultKind::Deadline, "late, and alone in a shared instance").at(Limit::Timeout))
    }

    /// The instance runs no more, with this fault if it did not come to a good end. How often that is still to
    /// be counted: for each answer that is broken off, and once if it happened behind all answers.
    pub fn end(&self, fault: Option<Fault>) -> usize {
        let mut state = self.state();
        state.is_open = false;
        let waiting = std::mem::take(&mut state.waiting);
        let behind_all = state.stopped == 0 && waiting.is_empty();
        let uncounted = state.broken_off + usize::from(behind_all);
        drop(state);
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
        drop(waiting);
        self.ended.cancel();
        uncounted
    }

    /// Whether [`end`](Self::end) has been told.
    pub fn has_ended(&self) -> bool {
        self.ended.is_cancelled()
    }

    /// Why there is no answer.
    pub async fn fault(&self) -> Fault {
        self.ended.cancelled().await;
        let fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner).clone();
        fault.unwrap_or_else(|| Fault::new(FaultKind::Trap, "the guest returned without an answer"))
    }

    fn leave(&self, number: u32, is_stopped: bool) {
        let mut state = self.state();
        let had_answered = state.inside.remove(&number).is_some_and(|inside| inside.has_answered);
        state.stopped += usize::from(is_stopped);
        state.broken_off += usize::from(had_answered && is_stopped);
        if state.inside.is_empty() {
            state.empty_since = Instant::now();
        }
        let inside = u32::try_from(state.inside.len()).unwrap_or(u32::MAX);
        // an account that has ended the instance is still to be read
        if !is_stopped {
            // what works on behind the last answer has as much as one request
            self.meter.begin_anew(self.cpu * inside.max(1));
        }
        drop(state);
        self.knock.notify_one();
        self.left.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Its guest has answered; whether there is a body to come.
    pub fn answers(&self, has_body: bool) {
        if let Some(inside) = self.room.state().inside.get_mut(&self.number) {
            inside.has_answered = has_body;
        }
    }

    /// Its guest is done with it, and nobody waits for more.
    pub fn done(mut self) {
        if let Some(at_work) = self.at_work.take() {
            at_work.done();
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.room.leave(self.number, self.at_work.is_some());
    }
}
