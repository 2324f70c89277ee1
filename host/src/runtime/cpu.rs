//! Counted CPU: how much of a thread an invocation has really had.
//!
//! A far epoch deadline would be wall time, because the epoch runs on while a guest waits.
//! So the time is taken where it is spent: [`Metered`] wraps the future that runs the guest
//! and adds up what its polls take of the thread's CPU clock, and the epoch callback asks, once
//! a tick, whether the sum is over the limit. An invocation that waits is not polled, and one
//! whose thread had to wait for a processor does not pay for that.
//!
//! The thread's CPU clock costs a system call, which would be felt in every poll. So it is read at
//! most every [`ANCHOR`], and in between the monotonic clock, which costs none, stands in for it.
//!
//! A nested call runs inside the poll of its caller. It has a meter of its own, and what it
//! used is taken off its caller's sum.

use std::cell::Cell;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use super::lanes::{Manners, Way};

/// How long the monotonic clock stands in for the CPU clock. Within this time a thread that lost
/// its processor is charged for the wait, so it is a small part of a tick.
const ANCHOR: Duration = Duration::from_micros(250);

thread_local! {
    /// What both clocks of this thread showed when the CPU clock was last read.
    static ANCHORED: Cell<Option<(Instant, u64)>> = const { Cell::new(None) };
    /// Nanoseconds that nested meters used within the poll under way on this thread.
    static NESTED: Cell<u64> = const { Cell::new(0) };
}

/// The CPU account of one invocation.
#[derive(Debug)]
pub struct CpuMeter {
    /// Nanoseconds that may be used.
    limit: AtomicU64,
    /// Nanoseconds used in polls that have ended.
    spent: AtomicU64,
    /// What the thread's clock showed when the poll under way began.
    poll_began: AtomicU64,
}

impl CpuMeter {
    /// An account with nothing on it.
    pub fn new(limit: Duration) -> Self {
        Self { limit: AtomicU64::new(nanos(limit)), spent: AtomicU64::new(0), poll_began: AtomicU64::new(0) }
    }

    /// Whether the limit is reached. Asked from within a poll, by the epoch callback.
    pub fn is_exhausted(&self) -> bool {
        let this_poll = thread_nanos().saturating_sub(self.poll_began.load(Ordering::Relaxed));
        let own = this_poll.saturating_sub(NESTED.get());
        self.spent.load(Ordering::Relaxed).saturating_add(own) >= self.limit.load(Ordering::Relaxed)
    }

    /// What the ended polls used.
    pub fn spent(&self) -> Duration {
        Duration::from_nanos(self.spent.load(Ordering::Relaxed))
    }

    /// Whether the ended polls used up the limit.
    pub fn is_spent(&self) -> bool {
        self.spent.load(Ordering::Relaxed) >= self.limit.load(Ordering::Relaxed)
    }

    /// Allows this much, of which some is spent already.
    pub fn allow(&self, limit: Duration) {
        self.limit.store(nanos(limit), Ordering::Relaxed);
    }

    /// Forgets what was spent, and allows this much from now on.
    pub fn begin_anew(&self, limit: Duration) {
        self.allow(limit);
        self.spent.store(0, Ordering::Relaxed);
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// CPU time of this thread, at most [`ANCHOR`] too much.
fn thread_nanos() -> u64 {
    let now = Instant::now();
    if let Some((then, cpu)) = ANCHORED.get() {
        let since = now.saturating_duration_since(then);
        if since < ANCHOR {
            return cpu.saturating_add(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX));
        }
    }
    let cpu = read_cpu_clock();
    ANCHORED.set(Some((now, cpu)));
    cpu
}

fn read_cpu_clock() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(time.tv_nsec).unwrap_or(0))
}

/// A future whose polls are charged to a meter, and wait for a lane where the service needs one.
pub struct Metered<'a, F> {
    meter: Arc<CpuMeter>,
    manners: &'a Manners,
    way: Way,
    inner: F,
}

impl<'a, F: Future + Unpin> Metered<'a, F> {
    /// Charges the polls of `inner`, a guest of the service with these manners, to `meter`.
    pub fn new(meter: Arc<CpuMeter>, manners: &'a Manners, inner: F) -> Self {
        Self { meter, manners, way: Way::default(), inner }
    }
}

impl<F: Future + Unpin> Future for Metered<'_, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let passage = ready!(this.way.poll_enter(this.manners, context));
        let outer_nested = NESTED.replace(0);
        let began = thread_nanos();
        this.meter.poll_began.store(began, Ordering::Relaxed);
        let poll = Pin::new(&mut this.inner).poll(context);
        let elapsed = thread_nanos().saturating_sub(began);
        let own = elapsed.saturating_sub(NESTED.get());
        this.meter.spent.fetch_add(own, Ordering::Relaxed);
        NESTED.set(outer_nested.saturating_add(elapsed));
        if passage.is_outermost {
            this.manners.note(Duration::from_nanos(elapsed));
        }
        poll
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, poll_fn};
    use std::task::Waker;

    use crate::runtime::lanes::Lanes;

    fn busy(time: Duration) {
        let until = read_cpu_clock() + u64::try_from(time.as_nanos()).unwrap();
        while read_cpu_clock() < until {
            std::hint::spin_loop();
        }
    }

    fn manners() -> Manners {
        Manners::new(Lanes::beside(2))
    }

    fn poll_once<F: Future + Unpin>(future: &mut F) {
        let _ = Pin::new(future).poll(&mut Context::from_waker(Waker::noop()));
    }

    #[test]
    fn waiting_costs_no_cpu() {
        let (meter, manners) = (Arc::new(CpuMeter::new(Duration::from_millis(5))), manners());
        let mut waiting = Metered::new(meter.clone(), &manners, Box::pin(pending::<()>()));
        poll_once(&mut waiting);
        busy(Duration::from_millis(10)); // somebody else's time
        poll_once(&mut waiting);
        assert!(meter.spent() < Duration::from_millis(5), "{:?}", meter.spent());
    }

    #[test]
    fn computing_is_charged_while_the_poll_still_runs() {
        let (meter, manners) = (Arc::new(CpuMeter::new(Duration::from_millis(2))), manners());
        let seen = meter.clone();
        let mut spinning = Metered::new(
            meter,
            &manners,
            Box::pin(poll_fn(move |_| {
                busy(Duration::from_millis(3));
                assert!(seen.is_exhausted());
                Poll::Ready(())
            })),
        );
        poll_once(&mut spinning);
    }

    #[test]
    fn a_thread_that_sleeps_within_a_poll_pays_for_it() {
        let (meter, manners) = (Arc::new(CpuMeter::new(Duration::from_secs(1))), manners());
        let mut sleeping = Metered::new(
            meter.clone(),
            &manners,
            Box::pin(poll_fn(|_| {
                std::thread::sleep(Duration::from_millis(20));
                Poll::Ready(())
            })),
        );
        poll_once(&mut sleeping);
        assert!(meter.spent() < Duration::from_millis(5), "{:?}", meter.spent());
    }

    #[test]
    fn a_caller_does_not_pay_for_the_service_that_it_calls() {
        let caller = Arc::new(CpuMeter::new(Duration::from_secs(1)));
        let callee = Arc::new(CpuMeter::new(Duration::from_secs(1)));
        let (inner, callers, called) = (callee.clone(), manners(), manners());
        let mut outer = Metered::new(
            caller.clone(),
            &callers,
            Box::pin(poll_fn(move |_| {
                let mut nested = Metered::new(
                    inner.clone(),
                    &called,
                    Box::pin(poll_fn(|_| {
                        busy(Duration::from_millis(20));
                        Poll::Ready(())
                    })),
                );
                poll_once(&mut nested);
                Poll::Ready(())
            })),
        );
        poll_once(&mut outer);
        // the poll may have begun up to an anchor later than the clock that stood in for it
        assert!(callee.spent() + ANCHOR >= Duration::from_millis(20), "{:?}", callee.spent());
        assert!(caller.spent() < Duration::from_millis(10), "{:?}", caller.spent());
    }
}
