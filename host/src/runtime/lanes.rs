//! Guests that hold a thread for long: kept from taking all threads.
//!
//! A guest that computes yields every tick. But one instruction of it, or one call into the host,
//! may take longer than that, and nothing interrupts it: filling or copying tens of mebibytes takes tens of
//! milliseconds when the memory is touched for the first time. With as many such guests as
//! there are threads, everybody else waits for them. So a service that has held a thread for
//! longer than [`HOLD`] is remembered for [`MEMORY`], and until then its guests take lanes: all
//! such services together have one lane less than there are threads.

use std::cell::Cell;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::engine::TICK;

/// How long a guest may hold a thread at a time. One that computes yields after a tick; a second one
/// leaves room for what it cannot interrupt, and for clocks that are not exact.
pub const HOLD: Duration = TICK.saturating_mul(2);

/// How long that is remembered: longer than it takes to do it again.
const MEMORY: Duration = Duration::from_secs(1);

/// The lanes of the host.
#[derive(Clone, Debug)]
pub struct Lanes(Arc<Semaphore>);

impl Lanes {
    /// One less than there are threads that run guests; at least one, or nothing would run.
    pub fn beside(threads: usize) -> Self {
        Self(Arc::new(Semaphore::new(threads.saturating_sub(1).max(1))))
    }
}

/// Whether the guests of one service need lanes.
#[derive(Debug)]
pub struct Manners {
    lanes: Lanes,
    origin: Instant,
    /// Milliseconds from `origin` until which they do; 0: they do not.
    until: AtomicU64,
}

impl Manners {
    /// Those of a service that nothing is known of.
    pub fn new(lanes: Lanes) -> Self {
        Self { lanes, origin: Instant::now(), until: AtomicU64::new(0) }
    }

    /// A guest has held its thread for this long.
    pub fn note(&self, held: Duration) {
        if held > HOLD {
            let until = u64::try_from((self.origin.elapsed() + MEMORY).as_millis()).unwrap_or(u64::MAX);
            self.until.store(until, Ordering::Relaxed);
        }
    }

    fn need_lane(&self) -> bool {
        let until = self.until.load(Ordering::Relaxed);
        if until == 0 {
            return false;
        }
        let is_over = self.origin.elapsed() >= Duration::from_millis(until);
        if is_over {
            self.until.store(0, Ordering::Relaxed);
        }
        !is_over
    }
}

thread_local! {
    /// A guest runs on this thread: what it calls runs within its poll, and within its lane.
    static OCCUPIED: Cell<bool> = const { Cell::new(false) };
}

/// The way of one guest to its polls.
#[derive(Default)]
pub struct Way(Option<Pin<Box<dyn Future<Output = Option<OwnedSemaphorePermit>> + Send>>>);

/// Held for one poll.
pub struct Passage {
    /// The one that holds the thread; what it calls is within.
    pub is_outermost: bool,
    _lane: Option<OwnedSemaphorePermit>,
}

impl Way {
    /// Lets a guest run now, or wakes it when there is a lane for it.
    pub fn poll_enter(&mut self, manners: &Manners, context: &mut Context<'_>) -> Poll<Passage> {
        if OCCUPIED.get() {
            self.0 = None;
            return Poll::Ready(Passage { is_outermost: false, _lane: None });
        }
        let lane = match manners.need_lane() {
            false => None,
            true => {
                let lanes = manners.lanes.0.clone();
                let waiting = self.0.get_or_insert_with(|| Box::pin(async { lanes.acquire_owned().await.ok() }));
                ready!(waiting.as_mut().poll(context))
            }
        };
        // also when it waited and is forgiven meanwhile: its place in the line is free
        self.0 = None;
        OCCUPIED.set(true);
        Poll::Ready(Passage { is_outermost: true, _lane: lane })
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        if self.is_outermost {
            OCCUPIED.set(false);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    fn enter(way: &mut Way, manners: &Manners) -> Poll<Passage> {
        way.poll_enter(manners, &mut Context::from_waker(Waker::noop()))
    }

    fn rude(lanes: &Lanes) -> Manners {
        let manners = Manners::new(lanes.clone());
        manners.note(HOLD + TICK);
        manners
    }

    #[test]
    fn guests_that_hold_their_threads_take_all_of_them() {
        let lanes = Lanes::beside(2);
        let (one, other, polite) = (rude(&lanes), rude(&lanes), Manners::new(lanes.clone()));
        polite.note(HOLD);
        let (mut first, mut second, mut third) = (Way::default(), Way::default(), Way::default());
        let running = enter(&mut first, &one);
        assert!(running.is_ready());
        // as if on another thread
        OCCUPIED.set(false);
        assert!(enter(&mut second, &other).is_pending());
        assert!(enter(&mut third, &polite).is_ready());
        drop(running);
        assert!(enter(&mut second, &other).is_ready());
    }

    #[test]
    fn a_guest_waits_for_the_lane_of_the_one_that_calls_it() {
        let lanes = Lanes::beside(2);
        let (caller, called) = (rude(&lanes), rude(&lanes));
        let (mut outer, mut inner) = (Way::default(), Way::default());
        let Poll::Ready(outer) = enter(&mut outer, &caller) else { panic!("there is one lane") };
        let Poll::Ready(inner) = enter(&mut inner, &called) else { panic!("it runs within the other's poll") };
        assert!(outer.is_outermost && !inner.is_outermost);
    }

    #[test]
    fn a_guest_is_never_forgiven_or_keeps_its_place_in_the_line() {
        let lanes = Lanes::beside(1);
        let manners = rude(&lanes);
        let taken = lanes.0.clone().try_acquire_owned().unwrap();
        let mut way = Way::default();
        assert!(enter(&mut way, &manners).is_pending());
        manners.until.store(1, Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(2));
        assert!(enter(&mut way, &manners).is_ready());
        drop(taken);
        assert_eq!(lanes.0.available_permits(), 1);
    }
}
