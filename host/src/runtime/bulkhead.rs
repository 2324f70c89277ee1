//! Who may enter a service: permits, a bounded queue, and room for those whom somebody waits for.
//!
//! Services that call each other can starve: when invocations from outside hold every permit of a
//! service and each of them waits for a call that needs a permit of the same service, all of them
//! wait until their deadlines. So invocations from outside may have all permits but a reserve. It
//! is zero until a nested call finds no permit, grows by one each time that this happens, and
//! shrinks while it does not: services that are never called back never give anything away.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use holm_registry::settings::{Limit, Settings};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

use super::lineage::Standing;
use crate::fault::{Fault, FaultKind};
use crate::telemetry::metrics::RevisionMetrics;

/// How long the reserve keeps its size before it gives one permit back. Under a steady load one
/// nested call in this time is turned away to find out how large it must be.
const DECAY: Duration = Duration::from_millis(100);

/// How long a call waits for a permit of a service that waits for it until one such call is turned away. Only where some
/// are kept for such calls, and not for long: when two services call each other back in both directions, those who wait
/// may wait for each other.
const AGAIN: Duration = Duration::from_millis(50);

/// How long it waits while one that was turned away has still to give its permit back. Its caller may ask again instead
/// of ending, so not for long.
const WHILE_ENDING: Duration = Duration::from_millis(250);

/// How long an invocation from outside stands before a full queue until it is turned away. A burst passes in less, and
/// clients that come again at once do so a hundred times a second and not a thousand times: to turn somebody away costs
/// a fifth of what it costs to serve them.
const STAND: Duration = Duration::from_millis(10);

/// The permits of one revision.
pub struct Bulkhead {
    /// What everybody needs.
    permits: Arc<Semaphore>,
    /// What invocations from outside need as well: all permits but the reserve.
    outside: Arc<Semaphore>,
    reserve: Arc<Reserve>,
    queue: Queue,
    queue_wait: Duration,
    /// Which setting gives the number of permits.
    limit: Limit,
}

/// The right to run. It ends when it is dropped.
pub struct Permit {
    reserve: Arc<Reserve>,
    _permit: OwnedSemaphorePermit,
    _outside: Option<OutsidePermit>,
}

/// The part of a permit that only invocations from outside have.
struct OutsidePermit {
    permit: Option<OwnedSemaphorePermit>,
    reserve: Arc<Reserve>,
}

/// How many permits are kept from invocations from outside.
struct Reserve {
    most: u32,
    /// Whether it is anything but zero, for the way that all take.
    any: AtomicU32,
    /// Whether a call was turned away whose caller, and theirs, have to end now, and nobody has given a permit back
    /// since. On a loaded machine that takes its time; to turn more away meanwhile would free no more.
    ending: AtomicBool,
    state: Mutex<ReserveState>,
}

struct ReserveState {
    /// Taken out of `outside`.
    kept: u32,
    /// To be taken out when somebody gives one back.
    owed: u32,
    changed: Instant,
}

impl Bulkhead {
    /// As many permits as the settings say.
    pub fn new(settings: &Settings) -> Self {
        let total = settings.permits();
        Self {
            permits: Arc::new(Semaphore::new(total as usize)),
            outside: Arc::new(Semaphore::new(total as usize)),
            // an eighth is always left for outside: nothing nested comes without it
            reserve: Arc::new(Reserve::new(total.saturating_sub(total.div_ceil(8)))),
            queue: Queue::new(settings.limits.queue as usize),
            queue_wait: settings.limits.queue_wait,
            limit: match total < settings.limits.concurrency {
                true => Limit::Instances,
                false => Limit::Concurrency,
            },
        }
    }

    /// A permit at once, or a place in the bounded queue until the deadline. An invocation whose own service waits
    /// for it queues only for what is kept for such calls: else those that it waits for would wait for it. So where
    /// all permits are held by those who wait, one call is turned away, and the others go on with its caller's.
    ///
    /// # Errors
    /// Overload: the queue is full, or no permit became free in time.
    pub async fn enter(
        &self,
        standing: Standing,
        deadline: Instant,
        metrics: &RevisionMetrics,
    ) -> Result<Permit, Fault> {
        if let Some(permit) = self.enter_now(standing) {
            return Ok(permit);
        }
        metrics.limit_hit(self.limit);
        let kept = standing != Standing::Outside && self.reserve.grow(&self.outside);
        let overload =
            |detail: &str| Fault::new(FaultKind::Overload, format!("{} is reached{detail}", self.limit.name()));
        let again = standing == Standing::Again;
        if again && !kept && self.reserve.turn_away() {
            return Err(overload(", and the service waits for this call itself"));
        }
        let wait = if again { self.queue_wait.min(WHILE_ENDING) } else { self.queue_wait };
        let patience = deadline.min(Instant::now() + wait);
        let stand = if standing == Standing::Outside { STAND } else { Duration::ZERO };
        let place = self.queue.place(patience.min(Instant::now() + stand)).await;
        let _place = place.ok_or_else(|| overload(" and limits.queue is full").at(Limit::Queue))?;
        let mut waiting = pin!(self.wait(standing));
        loop {
            let until = if again { patience.min(Instant::now() + AGAIN) } else { patience };
            match timeout_at(until, waiting.as_mut()).await {
                Ok(Some(permit)) => return Ok(permit),
                Err(_) if until < patience && !self.reserve.turn_away() => {}
                _ => return Err(overload(", and no permit became free in time").at(Limit::QueueWait)),
            }
        }
    }

    fn enter_now(&self, standing: Standing) -> Option<Permit> {
        let outside = match standing {
            Standing::Outside => {
                self.reserve.shrink(&self.outside);
                Some(self.outside_permit(self.outside.clone().try_acquire_owned().ok()?))
            }
            Standing::Nested | Standing::Again => None,
        };
        let permit = self.permits.clone().try_acquire_owned().ok()?;
        Some(Permit { reserve: self.reserve.clone(), _permit: permit, _outside: outside })
    }

    async fn wait(&self, standing: Standing) -> Option<Permit> {
        let outside = match standing {
            Standing::Outside => Some(self.outside_permit(self.outside.clone().acquire_owned().await.ok()?)),
            Standing::Nested | Standing::Again => None,
        };
        let permit = self.permits.clone().acquire_owned().await.ok()?;
        Some(Permit { reserve: self.reserve.clone(), _permit: permit, _outside: outside })
    }

    fn outside_permit(&self, permit: OwnedSemaphorePermit) -> OutsidePermit {
        OutsidePermit { permit: Some(permit), reserve: self.reserve.clone() }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.reserve.given_back();
    }
}

impl Drop for OutsidePermit {
    fn drop(&mut self) {
        if let Some(permit) = self.permit.take()
            && self.reserve.takes()
        {
            permit.forget();
        }
    }
}

impl Reserve {
    fn new(most: u32) -> Self {
        let state = ReserveState { kept: 0, owed: 0, changed: Instant::now() };
        Self { most, any: AtomicU32::new(0), ending: AtomicBool::new(false), state: Mutex::new(state) }
    }

    fn with<T>(&self, change: impl FnOnce(&mut ReserveState) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let result = change(&mut state);
        self.any.store(state.kept + state.owed, Ordering::Release);
        result
    }

    /// One more is kept: a free one now, else the next one that is given back. Until that has come, nothing
    /// more is owed: a crowd that is turned away in one moment would take everything from outside.
    /// Whether some were kept, or about to be, before.
    fn grow(&self, outside: &Semaphore) -> bool {
        self.with(|state| {
            state.changed = Instant::now();
            let some = state.kept + state.owed > 0;
            if state.owed == 0 && state.kept < self.most {
                match outside.forget_permits(1) {
                    0 => state.owed += 1,
                    _ => state.kept += 1,
                }
            }
            some
        })
    }

    /// Whether a call may be turned away: not while the permit of the last one has still to come.
    fn turn_away(&self) -> bool {
        !self.ending.swap(true, Ordering::AcqRel)
    }

    fn given_back(&self) {
        if self.ending.load(Ordering::Acquire) {
            self.ending.store(false, Ordering::Release);
        }
    }

    /// One less is kept, if nobody has asked for more lately.
    fn shrink(&self, outside: &Semaphore) {
        if self.any.load(Ordering::Acquire) == 0 {
            return;
        }
        self.with(|state| {
            if state.changed.elapsed() < DECAY {
                return;
            }
            state.changed = Instant::now();
            if state.owed > 0 {
                state.owed -= 1;
            } else if state.kept > 0 {
                state.kept -= 1;
                outside.add_permits(1);
            }
        });
    }

    /// Whether a permit that is given back goes to the reserve.
    fn takes(&self) -> bool {
        if self.any.load(Ordering::Acquire) == 0 {
            return false;
        }
        self.with(|state| {
            let owed = state.owed > 0;
            if owed {
                state.owed -= 1;
                state.kept += 1;
            }
            owed
        })
    }
}

/// Where invocations wait for a permit. As many as have a place may stand before it.
struct Queue {
    places: Semaphore,
    standing: Semaphore,
}

impl Queue {
    fn new(length: usize) -> Self {
        Self { places: Semaphore::new(length), standing: Semaphore::new(length) }
    }

    /// A place, given up when it is dropped; `None`: there was none until then.
    async fn place(&self, until: Instant) -> Option<SemaphorePermit<'_>> {
        if let Ok(place) = self.places.try_acquire() {
            return Some(place);
        }
        let _standing = self.standing.try_acquire().ok()?;
        timeout_at(until, self.places.acquire()).await.ok()?.ok()
    }
}

#[cfg(test)]
mod tests {
    use holm_registry::settings::Limits;

    use super::*;
    use crate::telemetry::metrics::Metrics;

    fn settings(concurrency: u32) -> Settings {
        let limits = Limits { concurrency, queue: 2, ..Limits::default() };
        Settings { limits, ..Settings::default() }
    }

    async fn enter(bulkhead: &Bulkhead, standing: Standing) -> Result<Permit, Fault> {
        let metrics = Metrics::new().revision(&"a".parse().unwrap(), 1);
        bulkhead.enter(standing, Instant::now() + Duration::from_millis(200), &metrics).await
    }

    #[tokio::test]
    async fn a_service_that_is_never_called_back_gives_permits_away() {
        let bulkhead = Bulkhead::new(&settings(4));
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(enter(&bulkhead, Standing::Outside).await.unwrap());
        }
        assert_eq!(enter(&bulkhead, Standing::Outside).await.err().unwrap().kind, FaultKind::Overload);
        held.clear();
        assert!(enter(&bulkhead, Standing::Outside).await.is_ok());
    }

    #[tokio::test]
    async fn a_burst_that_passes_in_a_moment_is_turned_away() {
        let bulkhead = Bulkhead::new(&settings(1));
        let held = enter(&bulkhead, Standing::Outside).await.unwrap();
        let outside = || async { enter(&bulkhead, Standing::Outside).await.map(drop) };
        let end = async {
            // two wait, two stand; a fifth is one too many
            let fifth = enter(&bulkhead, Standing::Outside).await.err().unwrap();
            assert_eq!(fifth.limit, Some(Limit::Queue));
            drop(held);
        };
        let (first, second, third, fourth, ()) = tokio::join!(outside(), outside(), outside(), outside(), end);
        assert!([first, second, third, fourth].iter().all(Result::is_ok));
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_queue_is_stood_before_for_ever() {
        let bulkhead = Bulkhead::new(&settings(1));
        let _held = enter(&bulkhead, Standing::Outside).await.unwrap();
        let begin = Instant::now();
        let outside = || async { (enter(&bulkhead, Standing::Outside).await.err().unwrap().limit, begin.elapsed()) };
        let (first, _, third) = tokio::join!(outside(), outside(), outside());
        assert_eq!(first, (Some(Limit::QueueWait), Duration::from_millis(200)));
        assert_eq!(third, (Some(Limit::Queue), STAND));
    }

    #[tokio::test]
    async fn calls_that_are_waited_for_find_no_permit_again_and_again() {
        let bulkhead = Bulkhead::new(&settings(4));
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(enter(&bulkhead, Standing::Outside).await.unwrap());
        }
        // turned away and remembered, once for as long as nobody has given a permit back: the first at once, since
        // nobody could give it one, the next after a while
        for limit in [None, Some(Limit::QueueWait)] {
            let refused = enter(&bulkhead, Standing::Again).await.err().unwrap();
            assert_eq!((refused.kind, refused.limit), (FaultKind::Overload, limit));
            assert_eq!(enter(&bulkhead, Standing::Again).await.err().unwrap().kind, FaultKind::Overload);
            held.pop();
            held.insert(0, enter(&bulkhead, Standing::Again).await.unwrap());
        }
        assert_eq!(bulkhead.reserve.any.load(Ordering::Acquire), 2);
        bulkhead.reserve.with(|state| state.changed = Instant::now());
        held.truncate(0);
        held.push(enter(&bulkhead, Standing::Outside).await.unwrap());
        // two of the four are for nested calls alone
        held.push(enter(&bulkhead, Standing::Outside).await.unwrap());
        assert!(enter(&bulkhead, Standing::Outside).await.is_err());
        held.push(enter(&bulkhead, Standing::Again).await.unwrap());
        held.push(enter(&bulkhead, Standing::Again).await.unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn all_of_a_crowd_is_turned_away_that_one_permit_would_help_later() {
        let bulkhead = Bulkhead::new(&settings(4));
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(enter(&bulkhead, Standing::Outside).await.unwrap());
        }
        assert!(enter(&bulkhead, Standing::Again).await.is_err());
        // whoever waited for that one has to end; the permit goes to those who are waited for, one after the other
        let again = || async { enter(&bulkhead, Standing::Again).await.map(drop) };
        let end = async {
            tokio::time::sleep(3 * AGAIN).await;
            held.pop();
        };
        let (one, other, ()) = tokio::join!(again(), again(), end);
        assert!(one.is_ok() && other.is_ok());
    }

    #[tokio::test]
    async fn a_reserve_that_nobody_needs_is_kept_for_ever() {
        let bulkhead = Bulkhead::new(&settings(4));
        for _ in 0..9 {
            bulkhead.reserve.grow(&bulkhead.outside);
        }
        assert_eq!(bulkhead.reserve.any.load(Ordering::Acquire), 3);
        for _ in 0..4 {
            bulkhead.reserve.with(|state| state.changed -= DECAY);
            drop(enter(&bulkhead, Standing::Outside).await.unwrap());
        }
        assert_eq!(bulkhead.outside.available_permits(), 4);
        assert_eq!(bulkhead.permits.available_permits(), 4);
    }
}
