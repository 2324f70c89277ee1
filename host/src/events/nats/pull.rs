//! How many messages the server is asked for, and whether it has forgotten that (pure: no clock).
//!
//! The server sends what it is asked for, says with a heartbeat that it is still at it, and says when a request
//! is over and how much of it is left. Each of these may be lost. So a server from which nothing is heard for some
//! heartbeats has forgotten the request, and it is made anew, to an inbox of its own.

use std::time::Duration;

use tokio::time::Instant;

/// For how long one request stands. When a connection dies without a word, the server sends into it until then, and
/// on the next one nothing goes out in the meantime; so it is short.
pub const EXPIRES: Duration = Duration::from_secs(5);
/// How often the server says that it has nothing yet.
pub const HEARTBEAT: Duration = Duration::from_secs(2);
/// Nothing heard for this long: forgotten. Two heartbeats may be late.
const SILENCE: Duration = Duration::from_secs(6);
/// How much later than this host the server may begin to count.
const WAY: Duration = Duration::from_secs(1);

/// What the server was asked for.
#[derive(Debug)]
pub struct Pull {
    /// Messages that were asked for and have not come.
    asked: usize,
    /// When something was last heard, or asked for.
    heard: Option<Instant>,
    /// From then on no request stands that was made until now.
    over: Instant,
}

impl Pull {
    /// Of a host that begins. One that was here before it may have been killed just now: its connections end with
    /// it, and soon the server knows.
    pub fn new(now: Instant) -> Self {
        Self { asked: 0, heard: None, over: now + WAY }
    }

    /// How many more to ask for. `room`: how many could be taken, `most`: when all have time. Room is collected,
    /// so that one request asks for several.
    pub fn more(&self, room: usize, most: usize) -> usize {
        let more = room.saturating_sub(self.asked);
        if self.asked == 0 || more >= most.div_ceil(4) { more } else { 0 }
    }

    /// Messages that are on their way, or will be.
    pub fn asked(&self) -> usize {
        self.asked
    }

    /// So many more were asked for.
    pub fn ask(&mut self, count: usize, now: Instant) {
        self.asked += count;
        self.heard = Some(now);
        self.over = now + EXPIRES + WAY;
    }

    /// A message has come.
    pub fn arrived(&mut self, now: Instant) {
        self.asked = self.asked.saturating_sub(1);
        self.heard = Some(now);
    }

    /// A heartbeat has come.
    pub fn heartbeat(&mut self, now: Instant) {
        self.heard = Some(now);
    }

    /// A request is over, with so many messages of it left; an old server does not say how many.
    pub fn over(&mut self, left: Option<usize>, now: Instant) {
        self.asked = left.map_or(0, |left| self.asked.saturating_sub(left));
        self.heard = Some(now);
    }

    /// Nothing is asked for any more that could come: the connection, or the inbox, is another one.
    pub fn reset(&mut self) {
        (self.asked, self.heard) = (0, None);
    }

    /// Until when the server may answer a request that was made until now, be it into an inbox that is gone.
    pub fn over_at(&self) -> Instant {
        self.over
    }

    /// When the server will have forgotten, if nothing is heard until then.
    pub fn forgotten_at(&self) -> Option<Instant> {
        self.heard.filter(|_| self.asked > 0).map(|heard| heard + SILENCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_is_pulled_than_there_is_room_for() {
        let now = Instant::now();
        let mut pull = Pull::new(now);
        assert_eq!(pull.more(16, 16), 16);
        pull.ask(16, now);
        assert_eq!(pull.more(16, 16), 0);
        (0..10).for_each(|_| pull.arrived(now));
        assert_eq!((pull.asked(), pull.more(6, 16), pull.more(9, 16), pull.more(10, 16)), (6, 0, 0, 4));
        pull.over(Some(6), now);
        assert_eq!((pull.asked(), pull.more(1, 16)), (0, 1), "one place stays empty for ever");
        pull.arrived(now);
        assert_eq!(pull.asked(), 0);
    }

    #[test]
    fn a_request_that_the_server_forgot_is_waited_for() {
        let now = Instant::now();
        let mut pull = Pull::new(now);
        assert_eq!(pull.forgotten_at(), None);
        pull.ask(4, now);
        assert_eq!(pull.forgotten_at(), Some(now + SILENCE));
        pull.heartbeat(now + HEARTBEAT);
        assert_eq!(pull.forgotten_at(), Some(now + HEARTBEAT + SILENCE));
        pull.over(None, now + EXPIRES);
        assert_eq!((pull.asked(), pull.forgotten_at()), (0, None));
    }

    #[test]
    fn nobody_thinks_of_a_request_that_a_dead_connection_has_left() {
        let now = Instant::now();
        let mut pull = Pull::new(now);
        assert_eq!(pull.over_at(), now + WAY);
        pull.ask(4, now + WAY);
        pull.reset();
        assert_eq!((pull.asked(), pull.forgotten_at()), (0, None));
        assert_eq!(pull.over_at(), now + WAY + EXPIRES + WAY);
    }
}
