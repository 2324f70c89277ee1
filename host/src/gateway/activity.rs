//! What a connection is doing, and when it has done so for too long.
//!
//! hyper's own head timeout counts idle time between requests too, costs a timer for each
//! request, and nothing in hyper limits a client that takes no bytes. So each connection keeps
//! a few numbers, the door's one reaper reads them at every tick, and [`judge`] decides.
//!
//! ```text
//!            first byte              head complete            answer ended
//!  Idle ───────────────> Head ───────────────────> Busy ──────────────────> Idle
//!   │ idle, drain grace    │ head                     │ write_stall
//!   └─> Finish             └─> Abort                  └─> Abort
//! ```

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::task::AtomicWaker;

use super::clock::Clock;
use super::limits::{DRAIN_GRACE, Limits};

// Each number stands alone: nothing is published through them, a tick that reads an old one
// decides at the next tick. Hence `Relaxed` throughout.
use Ordering::Relaxed;

/// What the reaper tells a connection to do. Higher ones replace lower ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Command {
    /// Go on.
    Stay = 0,
    /// Finish what is under way, take nothing new.
    Finish = 1,
    /// Close now.
    Abort = 2,
}

/// The numbers of one connection.
pub(super) struct Activity {
    clock: Clock,
    http2: AtomicBool,
    in_flight: AtomicU32,
    /// Requests begun, ever, and how many may be.
    served: AtomicU64,
    most: u64,
    /// Bytes of a head have come, the head is not whole yet. HTTP/1.1 only.
    in_head: AtomicBool,
    /// Since when it is idle or in a head.
    since: AtomicU64,
    /// Since when the client takes nothing; 0: it does.
    stalled_since: AtomicU64,
    /// Requests that wait for their target: for a head, or for more of a body.
    waiting: AtomicU32,
    /// It has gone on as something else, and carries bytes.
    tunnel: AtomicBool,
    /// When the client last asked for more of an answer. HTTP/2 clients can stop one by one.
    asked: AtomicU64,
    /// Answers say that the connection ends: the host drains, or it has served enough.
    ending: AtomicBool,
    command: AtomicU8,
    waker: AtomicWaker,
}

/// One look at the numbers.
#[derive(Clone, Copy, Debug)]
struct Seen {
    http2: bool,
    tunnel: bool,
    busy: bool,
    fresh: bool,
    in_head: bool,
    since: Duration,
    stalled: Option<Duration>,
}

impl Activity {
    /// `most`: requests after which it ends.
    pub(super) fn new(clock: Clock, most: u64) -> Self {
        let since = AtomicU64::new(clock.now());
        Self {
            clock,
            http2: AtomicBool::new(false),
            in_flight: AtomicU32::new(0),
            served: AtomicU64::new(0),
            most,
            in_head: AtomicBool::new(false),
            since,
            stalled_since: AtomicU64::new(0),
            waiting: AtomicU32::new(0),
            tunnel: AtomicBool::new(false),
            asked: AtomicU64::new(0),
            ending: AtomicBool::new(false),
            command: AtomicU8::new(Command::Stay as u8),
            waker: AtomicWaker::new(),
        }
    }

    /// Bytes came from the client.
    pub(super) fn read(&self, count: usize, is_http2: impl FnOnce() -> bool) {
        if self.tunnel.load(Relaxed) {
            return self.since.store(self.clock.now(), Relaxed);
        }
        if count == 0 || self.in_flight.load(Relaxed) > 0 || self.in_head.load(Relaxed) || self.http2.load(Relaxed) {
            return;
        }
        if self.served.load(Relaxed) == 0 && is_http2() {
            self.http2.store(true, Relaxed);
            return;
        }
        self.in_head.store(true, Relaxed);
        // the head of a new connection is due from accept on
        if self.served.load(Relaxed) > 0 {
            self.since.store(self.clock.now(), Relaxed);
        }
    }

    /// Passes the result of a write on and notes whether the client took anything.
    pub(super) fn wrote<T>(&self, result: Poll<T>) -> Poll<T> {
        if result.is_ready() && self.tunnel.load(Relaxed) {
            self.since.store(self.clock.now(), Relaxed);
        }
        if result.is_ready() && !self.http2.load(Relaxed) {
            // on HTTP/2 it may be the answer to a ping of a client that takes nothing else
            self.ask();
        }
        match &result {
            Poll::Ready(_) if self.stalled_since.load(Relaxed) != 0 => self.stalled_since.store(0, Relaxed),
            Poll::Pending if self.stalled_since.load(Relaxed) == 0 => {
                self.stalled_since.store(self.clock.now(), Relaxed);
            }
            _ => {}
        }
        result
    }

    /// A request's head is whole.
    pub(super) fn enter(&self) {
        let before = self.served.fetch_add(1, Relaxed);
        self.in_flight.fetch_add(1, Relaxed);
        self.in_head.store(false, Relaxed);
        if before.saturating_add(1) >= self.most {
            self.ending.store(true, Relaxed);
            self.give(Command::Finish);
        }
    }

    /// Its answer has ended, or nobody wants it any more.
    pub(super) fn leave(&self) {
        if self.in_flight.fetch_sub(1, Relaxed) == 1 {
            self.since.store(self.clock.now(), Relaxed);
        }
    }

    /// From now on it carries bytes of something else, both ways.
    pub(super) fn tunnel(&self) {
        self.since.store(self.clock.now(), Relaxed);
        self.tunnel.store(true, Relaxed);
    }

    /// One more request waits for its target.
    pub(super) fn wait(&self) {
        self.waiting.fetch_add(1, Relaxed);
    }

    /// One that has waited has what it waited for, or is given up.
    pub(super) fn resume(&self) {
        self.waiting.fetch_sub(1, Relaxed);
    }

    /// The client asks for more of an answer.
    pub(super) fn ask(&self) {
        self.asked.store(self.clock.now(), Relaxed);
    }

    /// Whether answers must say that the connection ends.
    pub(super) fn ending(&self) -> bool {
        self.ending.load(Relaxed)
    }

    /// Part of a head is here: closing now would lose a request that was being sent.
    pub(super) fn in_head(&self) -> bool {
        self.in_head.load(Relaxed)
    }

    /// The connection's side: what am I to do? Wakes the task when that changes.
    pub(super) fn command(&self, cx: &Context<'_>) -> Command {
        self.waker.register(cx.waker());
        match self.command.load(Relaxed) {
            0 => Command::Stay,
            1 => Command::Finish,
            _ => Command::Abort,
        }
    }

    /// The reaper's side: looks, decides, commands. `draining`: how long the drain takes already.
    pub(super) fn review(&self, limits: &Limits, draining: Option<Duration>) {
        if draining.is_some() {
            self.ending.store(true, Relaxed);
        }
        let command = judge(self.look(), limits, draining);
        if command != Command::Stay {
            self.give(command);
        }
    }

    /// Commands without a look at the numbers.
    pub(super) fn give(&self, command: Command) {
        self.command.fetch_max(command as u8, Relaxed);
        self.waker.wake();
    }

    fn look(&self) -> Seen {
        let now = self.clock.now();
        let passed = |since: u64| Duration::from_millis(now.saturating_sub(since));
        let busy = self.in_flight.load(Relaxed) > 0;
        // nobody waits for a target, and no answer is asked for: all of them wait for the client
        let stopped = busy && self.waiting.load(Relaxed) == 0;
        let stalled = match self.stalled_since.load(Relaxed) {
            0 if stopped => self.asked.load(Relaxed),
            since => since,
        };
        Seen {
            http2: self.http2.load(Relaxed),
            tunnel: self.tunnel.load(Relaxed),
            busy,
            fresh: self.served.load(Relaxed) == 0,
            in_head: self.in_head.load(Relaxed),
            since: passed(self.since.load(Relaxed)),
            stalled: (stalled != 0).then(|| passed(stalled)),
        }
    }
}

fn judge(seen: Seen, limits: &Limits, draining: Option<Duration>) -> Command {
    if seen.stalled.is_some_and(|stalled| stalled > limits.write_stall) {
        return Command::Abort;
    }
    if seen.tunnel {
        let drained = draining.is_some_and(|draining| draining > DRAIN_GRACE);
        return if drained || seen.since > limits.tunnel_idle { Command::Abort } else { Command::Stay };
    }
    if seen.http2 && draining.is_some() {
        return Command::Finish;
    }
    if seen.busy {
        return Command::Stay;
    }
    if seen.in_head {
        return if seen.since > limits.head { Command::Abort } else { Command::Stay };
    }
    let patience = if seen.fresh { limits.head } else { limits.idle };
    if seen.since > patience.saturating_add(limits.head) {
        // told to finish one head's time ago and still here
        return Command::Abort;
    }
    let drained = draining.is_some_and(|draining| draining > DRAIN_GRACE);
    if drained || seen.since > patience { Command::Finish } else { Command::Stay }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Seen = Seen {
        http2: false,
        tunnel: false,
        busy: false,
        fresh: false,
        in_head: false,
        since: Duration::ZERO,
        stalled: None,
    };

    fn decide(seen: Seen) -> Command {
        judge(seen, &Limits::default(), None)
    }

    fn decide_draining(seen: Seen, for_millis: u64) -> Command {
        judge(seen, &Limits::default(), Some(Duration::from_millis(for_millis)))
    }

    fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn an_idle_connection_stays_for_a_minute() {
        assert_eq!(decide(Seen { since: secs(59), ..IDLE }), Command::Stay);
        assert_eq!(decide(Seen { since: secs(61), ..IDLE }), Command::Finish);
        assert_eq!(decide(Seen { since: secs(71), ..IDLE }), Command::Abort);
    }

    #[test]
    fn a_head_that_never_ends_is_cut_off() {
        assert_eq!(decide(Seen { in_head: true, since: secs(9), ..IDLE }), Command::Stay);
        assert_eq!(decide(Seen { in_head: true, since: secs(11), ..IDLE }), Command::Abort);
        assert_eq!(decide(Seen { fresh: true, since: secs(11), ..IDLE }), Command::Finish);
    }

    #[test]
    fn a_client_that_takes_nothing_does_not_hold_an_instance_for_ever() {
        let busy = Seen { busy: true, since: secs(1000), ..IDLE };
        assert_eq!(decide(busy), Command::Stay);
        assert_eq!(decide(Seen { stalled: Some(secs(29)), ..busy }), Command::Stay);
        assert_eq!(decide(Seen { stalled: Some(secs(31)), ..busy }), Command::Abort);
    }

    #[test]
    fn a_drain_loses_no_request() {
        assert_eq!(decide_draining(IDLE, 100), Command::Stay);
        assert_eq!(decide_draining(IDLE, 600), Command::Finish);
        assert_eq!(decide_draining(Seen { busy: true, ..IDLE }, 20_000), Command::Stay);
        assert_eq!(decide_draining(Seen { in_head: true, ..IDLE }, 20_000), Command::Stay);
        assert_eq!(decide_draining(Seen { http2: true, busy: true, ..IDLE }, 0), Command::Finish);
    }

    #[test]
    fn a_web_socket_is_closed_like_a_slow_head_or_never() {
        let tunnel = Seen { tunnel: true, in_head: true, ..IDLE };
        assert_eq!(decide(Seen { since: secs(119), ..tunnel }), Command::Stay);
        assert_eq!(decide(Seen { since: secs(121), ..tunnel }), Command::Abort);
        assert_eq!(decide_draining(tunnel, 600), Command::Abort);
    }

    #[test]
    fn an_http2_connection_may_send_pings_while_idle() {
        let activity = Activity::new(Clock::new(), u64::MAX);
        activity.read(24, || true);
        assert!(!activity.in_head());
        activity.enter();
        activity.leave();
        activity.read(17, || panic!("asked again"));
        assert!(!activity.in_head());
    }
}
